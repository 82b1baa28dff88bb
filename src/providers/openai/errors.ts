/**
 * What an error of OpenAI, of Azure or of a compatible server means to us (sheet sections 1.1, 4 and 5). Classified by
 * code, then by parameter and words, then by HTTP status: `type` is the same for every fault that a user can mend.
 */
import type { CallFailure } from '../../core/failure.ts';
import { asRecord } from '../fields.ts';
import type { Fields } from '../fields.ts';
import type { AdapterContext, UpstreamAnswer } from '../provider.ts';
import {
  badReference,
  down,
  noFunds,
  noModel,
  noPermission,
  refusedContent,
  refusedKey,
  rejectedParameter,
  tooFast,
} from '../refusals.ts';
import type { Meaning } from '../refusals.ts';
import { readRetryAfter } from '../retry-after.ts';
import { quote, toCallFailure } from '../to-call-failure.ts';
import type { OpenAiSettings } from './settings.ts';

/** What reading an answer takes beside the answer. */
export type Circumstances = Pick<AdapterContext<OpenAiSettings>, 'nowMs' | 'settings'>;

/** An error as the upstream words it; what it does not say is empty. */
export interface OpenAiError {
  readonly code: string;
  readonly type: string;
  readonly param: string;
  readonly message: string;
  /** Whether it refused what it had drawn. */
  readonly isOutput: boolean;
}

/** Codes are numbers at some servers. */
const asText = (value: unknown): string =>
  typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '';

/**
 * The error in a body: OpenAI's envelope, Azure's with its `inner_error`, and the plain texts under `error` or
 * `detail` of compatible servers. `undefined` when the body holds none.
 */
export const readError = (body: Fields | undefined): OpenAiError | undefined => {
  const error = asRecord(body?.['error']);
  const inner = asRecord(error?.['inner_error'] ?? error?.['innererror']);
  const message = asText(error?.['message'] ?? body?.['error'] ?? body?.['detail']);
  const code = asText(error?.['code']) || asText(inner?.['code']);
  const type = asText(error?.['type']);
  if (code === '' && type === '' && message === '') return undefined;
  const stage = asText(asRecord(error?.['moderation_details'])?.['moderation_stage']);
  const isOutput = stage === 'output' || /generated image was filtered/i.test(message);
  return { code, type, param: asText(error?.['param']), message, isOutput };
};

const refusedRequest = refusedContent('the request');
const refusedPicture = refusedContent('the picture that it drew');
const longPrompt: Meaning = {
  code: 'prompt_rejected',
  retryable: false,
  // Not quoted as other complaints are: the upstream repeats the whole prompt.
  message: 'The provider cannot take this prompt; it may be too long.',
};
const unverified: Meaning = {
  ...refusedKey,
  // Other models of the account work without it.
  account: false,
  message: 'The organisation at the provider must be verified before it may use this model.',
};
const limitReached: Meaning = {
  ...noFunds,
  message: 'The account at the provider is out of funds, or at a limit that was set for it.',
};
const wrongAddress: Meaning = {
  ...rejectedParameter,
  message: 'The provider has nothing for this request at the configured `base_url`.',
};

/** A sudden rise in requests is told to stop; the load has to fall first. */
const slowMs = 30_000;

const meaningsByCode: ReadonlyMap<string, Meaning> = new Map(
  Object.entries({
    moderation_blocked: refusedRequest,
    content_policy_violation: refusedRequest,
    content_filter: refusedRequest,
    contentFilter: refusedRequest,
    ResponsibleAIPolicyViolation: refusedRequest,
    billing_hard_limit_reached: limitReached,
    insufficient_quota: limitReached,
    credit_balance_exhausted: limitReached,
    organization_spend_limit_exceeded: limitReached,
    project_spend_limit_exceeded: limitReached,
    organization_usage_limit_exceeded: limitReached,
    invalid_api_key: refusedKey,
    invalid_organization: refusedKey,
    unsupported_country_region_territory: noPermission,
    model_not_found: noModel,
    DeploymentNotFound: noModel,
    rate_limit_exceeded: tooFast,
    RateLimitReached: tooFast,
    slow_down: { ...tooFast, retryAfterMs: slowMs },
    server_is_overloaded: down,
    image_generation_failed: down,
    unsupported_file_mimetype: badReference,
    missing_file_mimetype: badReference,
  }),
);

const isAboutModel = /\binvalid model\b|\bmodel\b.{0,80}(invalid|not valid|not exist)/i;

/** What the words tell where the code says nothing or too much. */
const meaningOfWords = ({ code, type, param, message }: OpenAiError): Meaning | undefined => {
  if (/organi[sz]ation must be verified|verify organi[sz]ation/i.test(message)) return unverified;
  if (/safety_violations|safety system|content filter/i.test(message)) return refusedRequest;
  if (type === 'insufficient_quota') return limitReached;
  if (param === 'prompt' || /too long - 'prompt'/.test(message)) return longPrompt;
  if (param === 'model' || (code === '' && isAboutModel.test(message))) return noModel;
  if (/^(image|mask)/.test(param) || /^invalid image file/i.test(message)) return badReference;
  return undefined;
};

const meaningOfStatus = (status: number): Meaning => {
  switch (status) {
    case 401:
      return refusedKey;
    case 402:
      return limitReached;
    case 403:
      return noPermission;
    case 404:
    case 405:
      return wrongAddress;
    case 408:
    case 409:
      return down;
    case 413:
      // Nothing but a picture makes our requests large.
      return badReference;
    case 429:
      return tooFast;
    default:
      return status >= 400 && status < 500 ? rejectedParameter : down;
  }
};

const meaningOf = (status: number, error: OpenAiError): Meaning => {
  const words = meaningOfWords(error);
  // Verification comes under any code, that of an unknown model included.
  if (words === unverified) return unverified;
  const known = meaningsByCode.get(error.code);
  const meaning = known ?? (status < 500 ? words : undefined) ?? meaningOfStatus(status);
  return meaning === refusedRequest && error.isOutput ? refusedPicture : meaning;
};

/** Masked keys, names of accounts and requests, and what looks like another id. */
const ids = /\b(sk|org|proj|req|user)[-_][\w*-]+|[\w*-]{36,}/g;

/** Milliseconds of a delay in words, such as `try again in 1m2.5s` or `in 300ms`. */
const delayInWords = (message: string): number | undefined => {
  const delay = /\btry again in ((?:[\d.]+(?:ms|h|m|s) ?)+)/i.exec(message)?.[1];
  if (delay === undefined) return undefined;
  const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
  const parts = [...delay.matchAll(/([\d.]+)(ms|h|m|s)/gi)];
  return Math.ceil(parts.reduce((sum, [, count, unit]) => sum + Number(count) * (units[unit ?? ''] ?? 0), 0));
};

/** When to come back: `retry-after-ms`, `Retry-After`, else the words. */
const retryAfterOf = (answer: UpstreamAnswer, message: string, nowMs: number): number | undefined => {
  const exact = answer.headers['retry-after-ms'];
  if (exact !== undefined && /^\d+(\.\d+)?$/.test(exact)) return Math.ceil(Number(exact));
  return readRetryAfter(answer.headers, nowMs) ?? delayInWords(message);
};

/** The failure that an error is; `answer` is the one that carried it. */
export const toFailure = (
  error: OpenAiError,
  answer: UpstreamAnswer,
  { nowMs, settings }: Circumstances,
): CallFailure => {
  const meaning = meaningOf(answer.status, error);
  return toCallFailure(meaning, {
    status: answer.status,
    code: error.code || error.type,
    requestId: answer.headers['x-request-id'] ?? answer.headers['apim-request-id'],
    retryAfterMs: meaning.retryable ? retryAfterOf(answer, error.message, nowMs) : undefined,
    words: quote(error.message, settings.api_key ? [settings.api_key] : [], ids),
  });
};
