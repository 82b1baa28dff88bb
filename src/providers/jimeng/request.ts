import type { CallRequest } from '../../core/call.ts';
import type { AdapterContext, ReferencePicture, UpstreamRequest } from '../provider.ts';
import { toBase64 } from '../to-base64.ts';
import { wireOf } from './models.ts';
import { authorizationOf, sha256, toSignatureDate } from './sign.ts';
import type { JimengSettings } from './settings.ts';

/** What is kept of an accepted call: everything that asking for it takes. */
export type JimengHandle = {
  readonly req_key: string;
  /** Always a text: it may be larger than a JSON number can hold. */
  readonly task_id: string;
  /** The mark is drawn when the pictures are asked for, not when they are made. */
  readonly watermark: boolean;
  /** Unix milliseconds. */
  readonly accepted_at_ms: number;
};

/** The body of a submit, sheet section 5; fields that a model does not know are absent. */
export interface SubmitBody {
  readonly req_key: string;
  readonly prompt: string;
  readonly binary_data_base64?: readonly [string];
  readonly seed?: number;
  readonly scale?: number;
  readonly width: number;
  readonly height: number;
  readonly min_ratio?: number;
  readonly max_ratio?: number;
  readonly force_single?: true;
  readonly use_pre_llm?: boolean;
  readonly use_sr?: true;
}

/** Region, service and version are the same for every image model (sheet section 1). */
const region = 'cn-north-1';
const service = 'cv';
const version = '2022-08-31';

/** Up to here the vendor recommends to let the prompt be rewritten (sheet sections 5 and 5.1). */
const shortPrompt = 120;
/** What `min_ratio` and `max_ratio` are when they are not said. */
const usualRatio = 3;

/** The body that submits a call. */
export const toSubmitBody = async (
  request: CallRequest,
  reference: ReferencePicture | undefined,
): Promise<SubmitBody> => {
  const wire = wireOf(request.model);
  const { width, height } = request.size;
  const [short, long] = width < height ? [width, height] : [height, width];
  const divisor = wire.size === 'doubled' ? 2 : 1;
  return {
    req_key: request.model,
    prompt: request.prompt,
    // The vendor cannot decode a data URI.
    ...(reference && { binary_data_base64: [await toBase64(reference)] as const }),
    ...(request.seed !== undefined && { seed: request.seed }),
    ...(request.guidanceScale !== undefined && { scale: toScale(request.guidanceScale, wire.scale) }),
    width: width / divisor,
    height: height / divisor,
    ...(wire.groups && long > short * usualRatio && { min_ratio: 1 / 16, max_ratio: 15.9 }),
    ...(wire.groups && { force_single: true as const }),
    ...(wire.rewrites && { use_pre_llm: Array.from(request.prompt).length <= shortPrompt }),
    ...(wire.size === 'doubled' && { use_sr: true as const }),
  };
};

/** The body that asks for a call. Its options are JSON within a text (sheet section 6). */
export const toQueryBody = (handle: JimengHandle) => ({
  req_key: handle.req_key,
  task_id: handle.task_id,
  req_json: JSON.stringify({
    // A link lives 24 hours and is fetched again after a crash; a picture within the answer is not.
    return_url: true,
    logo_info: { add_logo: handle.watermark },
  }),
});

/** A signed request. `Action` and `Version` stand in the query: in the body they are not read. */
export const toRequest = (
  action: 'CVSync2AsyncSubmitTask' | 'CVSync2AsyncGetResult',
  body: object,
  { settings, http, nowMs }: Pick<AdapterContext<JimengSettings>, 'settings' | 'http' | 'nowMs'>,
): UpstreamRequest => {
  const text = JSON.stringify(body);
  const query = { Action: action, Version: version };
  const { host, pathname } = new URL(`${http.baseUrl}/`);
  const unsigned = {
    'content-type': 'application/json',
    host,
    'x-content-sha256': sha256(text),
    'x-date': toSignatureDate(nowMs),
  };
  const authorization = authorizationOf({
    method: 'POST',
    path: pathname,
    query,
    headers: unsigned,
    body: text,
    region,
    service,
    accessKeyId: settings.access_key_id.reveal(),
    secretAccessKey: settings.secret_access_key.reveal(),
  });
  const { host: _, ...headers } = unsigned;
  return { method: 'POST', path: '/', query, headers: { ...headers, authorization }, body: text };
};

const toScale = (scale: number, unit: 'plain' | 'percent' | undefined): number =>
  unit === 'percent' ? Math.max(1, Math.round(scale * 100)) : Math.round(scale * 100) / 100;
