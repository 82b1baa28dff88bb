import type { Adjustment } from '../../core/adjustment.ts';
import type { CallRequest } from '../../core/call.ts';
import { formatSize } from '../../core/size.ts';
import type { AdapterContext, ReferencePicture, UpstreamRequest } from '../provider.ts';
import { azureFormats, wireOf } from './models.ts';
import { toMultipart } from './multipart.ts';
import type { FormFile } from './multipart.ts';
import type { OpenAiSettings } from './settings.ts';

/** What wording a request takes beside the request. */
export type Circumstances = Pick<AdapterContext<OpenAiSettings>, 'callId' | 'reference' | 'settings'> & {
  readonly http: Pick<AdapterContext<OpenAiSettings>['http'], 'baseUrl'>;
};

/** The request for a call: `/images/generations` as JSON, or `/images/edits` as a form when there is a reference. */
export const toUpstreamRequest = async (
  request: CallRequest,
  { callId, reference, settings, http }: Circumstances,
): Promise<UpstreamRequest> => {
  const fields = toFields(request, settings);
  const target = targetOf(request, settings, http.baseUrl);
  const common = {
    ...authorizationOf(settings, http.baseUrl),
    // Kept in the vendor's logs; it is no idempotency key, which this API does not have.
    'x-client-request-id': callId,
  };
  if (!reference) {
    const headers = { ...common, 'content-type': 'application/json' };
    return { method: 'POST', ...target, headers, body: JSON.stringify(fields) };
  }
  // The call id is drawn at random, so that no prompt and no picture can hold it.
  const boundary = `limner-${callId}`;
  return {
    method: 'POST',
    ...target,
    headers: { ...common, 'content-type': `multipart/form-data; boundary=${boundary}` },
    body: toMultipart(asTexts(fields), await toFile(reference), boundary),
  };
};

/** The request for the list of models, which costs nothing (sheet section 2). */
export const toCatalogueRequest = ({
  settings,
  http,
}: Pick<Circumstances, 'settings' | 'http'>): UpstreamRequest => ({
  method: 'GET',
  path: '/models',
  headers: authorizationOf(settings, http.baseUrl),
});

/** What the wire calls otherwise than the caller did. */
export const adjustmentsOf = (request: CallRequest): readonly Adjustment[] => {
  const { quality: asked } = request;
  const used = qualityOf(request);
  if (asked === undefined || used === undefined || asked === used) return [];
  return [{ parameter: 'quality', asked, used, reason: `The model calls this quality \`${used}\`.` }];
};

type Fields = Readonly<Record<string, string | number>>;

/** Fields that a model does not know are absent; sheet sections 1, 3.2 and 3.5. */
const toFields = (request: CallRequest, settings: OpenAiSettings): Fields => {
  const { responseFormat } = wireOf(request.model);
  const quality = qualityOf(request);
  const canDraw =
    settings.api_version === undefined || azureFormats.some((format) => format === request.format);
  return {
    // At Azure the address names the deployment, and the deployment has its model.
    ...(settings.api_version === undefined && { model: request.model }),
    prompt: request.prompt,
    n: request.images,
    size: formatSize(request.size),
    ...(quality !== undefined && { quality }),
    ...(request.style !== undefined && { style: request.style }),
    ...(request.format && canDraw && { output_format: request.format }),
    ...(responseFormat && { response_format: responseFormat }),
  };
};

const qualityOf = ({ model, quality }: CallRequest): string | undefined => {
  const { qualityWords, usualQuality } = wireOf(model);
  if (quality === undefined) return usualQuality;
  return Object.hasOwn(qualityWords, quality) ? qualityWords[quality] : quality;
};

const targetOf = (
  { model, hasReference }: CallRequest,
  { api_version }: OpenAiSettings,
  baseUrl: string,
): Pick<UpstreamRequest, 'path' | 'query'> => {
  const path = hasReference ? '/images/edits' : '/images/generations';
  if (api_version === undefined) return { path };
  // The portal shows the resource's address, Azure's own SDK adds the rest (sheet section 5).
  const service = baseUrl.endsWith('/openai') ? '' : '/openai';
  return {
    path: `${service}/deployments/${encodeURIComponent(model)}${path}`,
    query: { 'api-version': api_version },
  };
};

const azureHost = /\.(openai|cognitiveservices|services\.ai)\.azure\.(com|us|cn)$/i;

/** Azure has a header of its own for keys, also on the newer surface that needs no `api-version`. */
const authorizationOf = (
  { api_key, api_version }: OpenAiSettings,
  baseUrl: string,
): Record<string, string> => {
  if (api_key === undefined) return {};
  const isAzure = api_version !== undefined || azureHost.test(new URL(baseUrl).hostname);
  return isAzure ? { 'api-key': api_key.reveal() } : { authorization: `Bearer ${api_key.reveal()}` };
};

const asTexts = (fields: Fields): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, String(value)]));

/** With its type: a file without one is refused (sheet section 3.5). */
const toFile = async (picture: ReferencePicture): Promise<FormFile> => ({
  field: 'image',
  fileName: `reference.${picture.format}`,
  mediaType: `image/${picture.format}`,
  bytes: await picture.bytes(),
});
