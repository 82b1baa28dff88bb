/**
 * What an error of Ark means to us. Classified by code, then by HTTP status, never by `type`, which was measured
 * to be empty (sheet section 9). Nothing that Ark refuses is charged (section 10).
 */
import type { CallFailure } from '../../core/failure.ts';
import type { Secret } from '../../core/secret.ts';
import { readRetryAfter } from '../retry-after.ts';
import type { AdapterContext, UpstreamAnswer } from '../provider.ts';
import type { ArkSettings } from './settings.ts';

/** What reading an answer takes beside the answer. */
export type Circumstances = Pick<AdapterContext<ArkSettings>, 'nowMs' | 'settings'>;

/** An error as Ark words it. */
export interface ArkError {
  readonly code: string;
  readonly message: string;
}

/** What a code means; the message may name what Ark said about a parameter. */
type Meaning = Pick<CallFailure, 'code' | 'retryable' | 'retryAfterMs' | 'retryOnce' | 'account'> & {
  readonly message: string;
  /** Whether Ark's own words help the caller. */
  readonly quoted?: true;
};

/** Where the vendor's own advice for repeating caps the wait: the load has to fall first. */
const slowMs = 30_000;

const refusedContent = (what: string): Meaning => ({
  code: 'content_policy_violation',
  retryable: false,
  message: `The provider refused ${what} for its content.`,
});

const refusedPrompt = refusedContent('the prompt');
const refusedReference = refusedContent('the reference picture');
const refusedOutput: Meaning = {
  ...refusedContent('the picture that it drew'),
  // Not charged, and another try draws another picture.
  retryable: true,
  retryOnce: true,
};

const rejected: Meaning = {
  code: 'provider_rejected_request',
  retryable: false,
  message: 'The provider rejected a parameter of the request.',
  quoted: true,
};
const badPrompt: Meaning = {
  code: 'prompt_rejected',
  retryable: false,
  message: 'The provider cannot take this prompt.',
  quoted: true,
};
const badReference: Meaning = {
  code: 'reference_invalid',
  retryable: false,
  message: 'The provider cannot use the reference picture.',
  quoted: true,
};
const refusedKey: Meaning = {
  code: 'provider_auth_failed',
  retryable: false,
  account: true,
  message: 'The provider refused the credentials that are configured for it.',
};
const noPermission: Meaning = {
  ...refusedKey,
  message: 'The account at the provider may not use this service.',
};
const noFunds: Meaning = {
  code: 'provider_quota_exhausted',
  retryable: false,
  account: true,
  message: 'The account at the provider is out of funds.',
};
const noQuota: Meaning = { ...noFunds, message: 'The quota of the account at the provider is used up.' };
const noModel: Meaning = {
  code: 'model_unavailable',
  retryable: false,
  message: 'The upstream model is retired, unknown or not open to the account.',
};
const tooFast: Meaning = {
  code: 'provider_rate_limited',
  retryable: true,
  message: 'The provider is limiting our rate.',
};
const down: Meaning = {
  code: 'provider_unavailable',
  retryable: true,
  message: 'The provider could not serve the request for now.',
};

/** Sheet section 9.2. A code stands for its variants with a suffix too (`X` for `X.Y`); the longest entry counts. */
const meanings: Readonly<Record<string, Meaning>> = {
  MissingParameter: rejected,
  InvalidParameter: rejected,
  'InvalidParameter.TosURLInvalid': badReference,
  InvalidImageURL: badReference,
  InvalidArgumentError: rejected,
  OutofContextError: { ...badPrompt, message: 'The prompt is too long for the provider.' },
  'Duplicate.Tags.Key': rejected,
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
  OperationDenied: { ...rejected, message: 'The provider does not allow this operation.' },
  'OperationDenied.ServiceOverdue': noFunds,
  'OperationDenied.ServiceNotOpen': noPermission,
  'OperationDenied.PermissionDenied': noPermission,
  InvalidEndpointOrModel: noModel,
  'InvalidEndpointOrModel.ModelIDAccessDisabled': {
    ...noModel,
    message: 'The account at the provider must name an inference endpoint (`ep-…`) instead of a model.',
  },
  ModelNotOpen: noModel,
  NotFound: rejected,
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
      return status >= 400 && status < 500 ? rejected : down;
  }
};

const meaningOf = (status: number, { code, message }: ArkError): Meaning => {
  if (/^(Account)?QuotaExceeded/.test(code)) return meaningOfQuota(message);
  for (let known = code; known !== ''; known = known.slice(0, Math.max(0, known.lastIndexOf('.')))) {
    const meaning = Object.hasOwn(meanings, known) ? meanings[known] : undefined;
    if (meaning !== undefined)
      return meaning === rejected ? meaningOfParameter(meaning, code, message) : meaning;
  }
  return meaningOfStatus(status);
};

const requestIdInText = /\s*\brequest id\s*:\s*([\w-]+)\.?/i;

/** Ark's own words without request id, account numbers, our key and what looks like another, cut to a line. */
const quote = (message: string, apiKey: Secret): string =>
  message
    .replace(requestIdInText, '')
    .replaceAll(apiKey.reveal(), '…')
    .replaceAll(/[\w-]{36,}|%!\w+\([^)]*\)|\d{9,}/g, '…')
    .replaceAll(/\s+/g, ' ')
    .trim()
    .slice(0, 240);

/** The failure that an error of Ark is; `answer` is the one that carried it. */
export const toFailure = (
  error: ArkError,
  answer: UpstreamAnswer,
  { nowMs, settings }: Circumstances,
): CallFailure => {
  const { message, quoted, ...meaning } = meaningOf(answer.status, error);
  const words = quoted ? quote(error.message, settings.api_key) : '';
  const requestId = answer.headers['x-request-id'] ?? requestIdInText.exec(error.message)?.[1];
  const retryAfterMs = readRetryAfter(answer.headers, nowMs) ?? meaning.retryAfterMs;
  return {
    ...meaning,
    message: words === '' ? message : `${message} It said: “${words}”`,
    charged: 'no',
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    upstream: {
      status: answer.status,
      ...(error.code !== '' && { code: error.code }),
      ...(requestId !== undefined && { requestId }),
    },
  };
};
