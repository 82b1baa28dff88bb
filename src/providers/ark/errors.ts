/**
 * What an error of Ark means to us. Classified by code, then by HTTP status, never by `type`, which was measured
 * to be empty (sheet section 9). Nothing that Ark refuses is charged (section 10).
 */
import type { CallFailure } from '../../core/failure.ts';
import type { AdapterContext, UpstreamAnswer } from '../provider.ts';
import {
  badPrompt,
  badReference,
  down,
  noFunds,
  noModel,
  noPermission,
  refusedContent,
  refusedKey,
  refusedOutput,
  rejectedParameter,
  tooFast,
} from '../refusals.ts';
import type { Meaning } from '../refusals.ts';
import { readRetryAfter } from '../retry-after.ts';
import { quote, toCallFailure } from '../to-call-failure.ts';
import type { ArkSettings } from './settings.ts';

/** What reading an answer takes beside the answer. */
export type Circumstances = Pick<AdapterContext<ArkSettings>, 'nowMs' | 'settings'>;

/** An error as Ark words it. */
export interface ArkError {
  readonly code: string;
  readonly message: string;
}

/** Where the vendor's own advice for repeating caps the wait: the load has to fall first. */
const slowMs = 30_000;

const refusedPrompt = refusedContent('the prompt');
const refusedReference = refusedContent('the reference picture');
const noQuota: Meaning = { ...noFunds, message: 'The quota of the account at the provider is used up.' };

/** Sheet section 9.2. A code stands for its variants with a suffix too (`X` for `X.Y`); the longest entry counts. */
const meanings: Readonly<Record<string, Meaning>> = {
  MissingParameter: rejectedParameter,
  InvalidParameter: rejectedParameter,
  'InvalidParameter.TosURLInvalid': badReference,
  InvalidImageURL: badReference,
  InvalidArgumentError: rejectedParameter,
  OutofContextError: { ...badPrompt, message: 'The prompt is too long for the provider.' },
  'Duplicate.Tags.Key': rejectedParameter,
  'InvalidEndpoint.ClosedEndpoint': { ...noModel, retryable: true },
  SensitiveContentDetected: refusedPrompt,
  InputTextSensitiveContentDetected: refusedPrompt,
  InputImageSensitiveContentDetected: refusedReference,
  OutputImageSensitiveContentDetected: refusedOutput,
  InputTextRiskDetection: refusedPrompt,
  InputImageRiskDetection: refusedReference,
  OutputTextRiskDetection: refusedContent('its own answer'),
  OutputImageRiskDetection: refusedContent('the picture that it drew'),
  ContentSecurityDetectionError: down,
  InvalidSubscription: { ...noFunds, message: 'The plan of the account at the provider has expired.' },
  AuthenticationError: refusedKey,
  InvalidAccountStatus: { ...refusedKey, message: 'The account at the provider is blocked.' },
  AccessDenied: noPermission,
  AccountOverdueError: noFunds,
  OperationDenied: { ...rejectedParameter, message: 'The provider does not allow this operation.' },
  'OperationDenied.ServiceOverdue': noFunds,
  'OperationDenied.ServiceNotOpen': noPermission,
  'OperationDenied.PermissionDenied': noPermission,
  InvalidEndpointOrModel: noModel,
  'InvalidEndpointOrModel.ModelIDAccessDisabled': {
    ...noModel,
    message: 'The account at the provider must name an inference endpoint (`ep-…`) instead of a model.',
  },
  ModelNotOpen: noModel,
  NotFound: rejectedParameter,
  UnsupportedModel: noModel,
  RateLimitExceeded: tooFast,
  ModelAccountRpmRateLimitExceeded: tooFast,
  ModelAccountTpmRateLimitExceeded: tooFast,
  ModelAccountIpmRateLimitExceeded: tooFast,
  APIAccountRpmRateLimitExceeded: tooFast,
  AccountRateLimitExceeded: tooFast,
  SetLimitExceeded: {
    ...noQuota,
    // The cap pauses one model and leaves the others of the account alone.
    account: false,
    message: 'The spending cap that is set for this model at the provider is reached.',
  },
  InflightBatchsizeExceeded: { ...tooFast, retryAfterMs: slowMs },
  ServerOverloaded: down,
  RequestBurstTooFast: { ...tooFast, retryAfterMs: slowMs },
  InternalServiceError: down,
};

/** One code with three meanings, told apart by its text: tasks waiting, a plan's period, the free quota. */
const meaningOfQuota = (message: string): Meaning => {
  if (/queue|concurren|task/i.test(message)) return { ...tooFast, retryAfterMs: slowMs };
  if (/5[- ]?hour|week|month/i.test(message)) {
    return { ...noQuota, message: 'The quota of the plan at the provider is used up for this period.' };
  }
  return noQuota;
};

/** Which parameter a complaint about parameters is about. */
const meaningOfParameter = (meaning: Meaning, code: string, message: string): Meaning => {
  const name = /parameter[s:]? `?(\w+)/i.exec(message)?.[1] ?? code.split('.')[1];
  if (name === 'prompt') return badPrompt;
  // The text for a reference that is too small names no parameter.
  if (name === 'image' || /expected the (width|height)/i.test(message)) return badReference;
  return meaning;
};

const meaningOfStatus = (status: number): Meaning => {
  switch (status) {
    case 401:
      return refusedKey;
    case 402:
      return noFunds;
    case 403:
      return noPermission;
    case 408:
      return down;
    case 429:
      return tooFast;
    default:
      return status >= 400 && status < 500 ? rejectedParameter : down;
  }
};

const meaningOf = (status: number, { code, message }: ArkError): Meaning => {
  if (/^(Account)?QuotaExceeded/.test(code)) return meaningOfQuota(message);
  for (let known = code; known !== ''; known = known.slice(0, Math.max(0, known.lastIndexOf('.')))) {
    const meaning = Object.hasOwn(meanings, known) ? meanings[known] : undefined;
    if (meaning !== undefined)
      return meaning === rejectedParameter ? meaningOfParameter(meaning, code, message) : meaning;
  }
  return meaningOfStatus(status);
};

const requestIdInText = /\s*\brequest id\s*:\s*([\w-]+)\.?/i;

/** Account numbers, what looks like a key or another id, and placeholders that Ark left unfilled. */
const ids = /[\w-]{36,}|%!\w+\([^)]*\)|\d{9,}/g;

/** The failure that an error of Ark is; `answer` is the one that carried it. */
export const toFailure = (
  error: ArkError,
  answer: UpstreamAnswer,
  { nowMs, settings }: Circumstances,
): CallFailure =>
  toCallFailure(meaningOf(answer.status, error), {
    status: answer.status,
    code: error.code,
    requestId: answer.headers['x-request-id'] ?? requestIdInText.exec(error.message)?.[1],
    retryAfterMs: readRetryAfter(answer.headers, nowMs),
    words: quote(error.message.replace(requestIdInText, ''), [settings.api_key], ids),
  });
