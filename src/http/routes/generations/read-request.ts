import type { IncomingHttpHeaders } from 'node:http';
import type { RequestMark } from '../../../actions/create-task.ts';
import { LimnerError } from '../../../core/errors.ts';
import { type GenerationRequest, requestLimits } from '../../../core/request.ts';
import { parseSize } from '../../../core/size.ts';
import { isDataUri, readDataUri } from './data-uri.ts';
import type { GenerationBody } from './schema.ts';

/** A valid body with its defaults filled in; the bytes of a `data:` reference apart, since they are stored elsewhere. */
export const readRequest = (
  body: GenerationBody,
): { readonly request: GenerationRequest; readonly carriedPicture?: Uint8Array } => {
  const isCarried = body.url !== undefined && isDataUri(body.url);
  const carriedPicture = isCarried ? readDataUri(body.url ?? '') : undefined;
  const request: GenerationRequest = {
    model: body.model,
    prompt: body.prompt,
    n: body.n ?? 1,
    size: parseSize(body.size ?? '1024x1024') ?? { width: 1024, height: 1024 },
    responseFormat: body.response_format ?? 'url',
    outputFormat: body.output_format ?? 'auto',
    watermark: body.watermark ?? false,
    ...(body.url !== undefined && !isCarried && { reference: { at: 'link', url: body.url } }),
    ...(body.negative_prompt !== undefined && { negativePrompt: body.negative_prompt }),
    ...(body.seed !== undefined && { seed: body.seed }),
    ...(body.guidance_scale !== undefined && { guidanceScale: body.guidance_scale }),
    ...(body.quality !== undefined && { quality: body.quality }),
    ...(body.style !== undefined && { style: body.style }),
    ...(body.user !== undefined && { user: body.user }),
    ...(body.metadata !== undefined && { metadata: body.metadata }),
    ...(body.webhook_url !== undefined && { webhookUrl: body.webhook_url }),
  };
  return carriedPicture === undefined ? { request } : { request, carriedPicture };
};

/** The SDKs try again after half a second to eight, and wait for an answer before. */
const SDK_RETRIES_WITHIN_MS = 120_000;

/**
 * How a repetition of the request will be known: by its `Idempotency-Key`, or as that of an official SDK of OpenAI, which
 * tries again within `sdkRetriesWithinMs`. Throws `invalid_parameter` when the key is empty or too long.
 */
export const readRequestMark = (
  headers: IncomingHttpHeaders,
  sdkRetriesWithinMs = SDK_RETRIES_WITHIN_MS,
): RequestMark | undefined => {
  const key = readIdempotencyKey(headers['idempotency-key']);
  if (key !== undefined) return { kind: 'key', key };
  const retries = headers['x-stainless-retry-count'];
  const sdk = { kind: 'sdk', withinMs: sdkRetriesWithinMs } as const;
  if (typeof retries === 'string' && /^\d{1,4}$/.test(retries)) return { ...sdk, retries: Number(retries) };
  return headers['x-stainless-lang'] === undefined ? undefined : { ...sdk, retries: 0 };
};

/** The `Idempotency-Key`, if one was sent; throws `invalid_parameter` when it is empty or too long. */
const readIdempotencyKey = (header: string | readonly string[] | undefined): string | undefined => {
  if (header === undefined) return undefined;
  if (
    typeof header === 'string' &&
    header.length > 0 &&
    header.length <= requestLimits.idempotencyKeyCharacters
  ) {
    return header;
  }
  throw new LimnerError(
    'invalid_parameter',
    `\`Idempotency-Key\` must have 1 to ${requestLimits.idempotencyKeyCharacters} characters.`,
    { param: 'Idempotency-Key' },
  );
};
