/**
 * What an error of Kling means to us. Classified by its code and never by the HTTP status alone: 429 carries
 * exhausted accounts, forbidden addresses and real rate limits (sheet sections 0 and 9). A refusal costs nothing:
 * units are taken when a task succeeds.
 */
import type { CallFailure } from '../../core/failure.ts';
import { readRetryAfter } from '../retry-after.ts';
import type { AdapterContext, UpstreamAnswer } from '../provider.ts';
import type { KlingSettings } from './settings.ts';

/** What reading an answer takes beside the answer. */
export type Circumstances = Pick<AdapterContext<KlingSettings>, 'nowMs' | 'settings'>;

/** An error as Kling words it. */
export interface KlingError {
  readonly code: number;
  readonly message: string;
  readonly requestId: string | undefined;
}

/** What a code means; the message may name what Kling said. */
type Meaning = Pick<CallFailure, 'code' | 'retryable' | 'retryAfterMs' | 'retryOnce' | 'account'> & {
  readonly message: string;
  /** Whether Kling's own words help the caller. */
  readonly quoted?: true;
};

/** Longer hints than this are not waited for: the header is not documented, and nobody knows who set it. */
const longestHintMs = 60_000;

const refusedContent: Meaning = {
  code: 'content_policy_violation',
  retryable: false,
  message: 'The provider refused the request for its content.',
};
const rejected: Meaning = {
  code: 'provider_rejected_request',
  retryable: false,
  message: 'The provider rejected the request.',
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
const noModel: Meaning = {
  code: 'model_unavailable',
  retryable: false,
  message: 'The upstream model is discontinued or unknown.',
};
const refusedKey: Meaning = {
  code: 'provider_auth_failed',
  retryable: false,
  account: true,
  message: 'The provider refused the credentials that are configured for it.',
};
const noFunds: Meaning = {
  code: 'provider_quota_exhausted',
  retryable: false,
  account: true,
  message: 'The account at the provider is out of funds.',
};
const tooFast: Meaning = {
  code: 'provider_rate_limited',
  retryable: true,
  // "At least a second", says the vendor.
  retryAfterMs: 1000,
  message: 'The provider is limiting our rate.',
};
const down: Meaning = {
  code: 'provider_unavailable',
  retryable: true,
  message: 'The provider could not serve the request for now.',
};

/** Sheet section 9. */
const meanings: ReadonlyMap<number, Meaning> = new Map([
  [1000, refusedKey],
  [1001, refusedKey],
  [1002, refusedKey],
  [1003, { ...refusedKey, message: 'The provider finds our token not valid yet: the clock here is ahead.' }],
  // Each request is signed anew, so one more try is with a new token.
  [
    1004,
    { ...refusedKey, retryable: true, retryOnce: true, message: 'The provider finds our token expired.' },
  ],
  [1100, { ...noFunds, message: 'The account at the provider is suspended or in an exceptional state.' }],
  [1101, { ...noFunds, message: 'The account at the provider is in arrears.' }],
  [1102, { ...noFunds, message: 'The resource pack of the account at the provider is used up or expired.' }],
  [1103, { ...refusedKey, message: 'The account at the provider may not use this model or service.' }],
  [1200, rejected],
  [1201, rejected],
  [1202, rejected],
  [1203, noModel],
  [1300, { ...rejected, message: 'The provider refused the request by its platform policy.' }],
  [1301, refusedContent],
  [1302, tooFast],
  [1303, { ...tooFast, message: 'The provider is at work on as many pictures as the account may have.' }],
  [1304, { ...refusedKey, message: 'The account at the provider does not accept calls from this address.' }],
  [5000, down],
  [5001, down],
]);

/** What a complaint about a parameter is about; the vendor has one code for all of them. */
const meaningOfParameter = (message: string): Meaning => {
  if (/model.*(discontinued|no longer|invalid|not (exist|support|found|valid))/i.test(message))
    return noModel;
  if (/\bprompt\b/i.test(message)) return badPrompt;
  if (/base64|\bimage\b|\bfile\b|picture/i.test(message)) return badReference;
  return rejected;
};

const meaningOfStatus = (status: number): Meaning => {
  switch (status) {
    case 401:
    case 403:
      return refusedKey;
    case 429:
      return tooFast;
    default:
      return status >= 500 ? down : rejected;
  }
};

const meaningOf = (status: number, { code, message }: KlingError): Meaning => {
  const meaning = meanings.get(code) ?? meaningOfStatus(status);
  return meaning === rejected ? meaningOfParameter(message) : meaning;
};

/** The texts of the settings that nobody may see. */
const secretsOf = (settings: KlingSettings): readonly string[] =>
  Object.values(settings).map((secret) => secret.reveal());

/** Kling's own words without our keys and what looks like another, cut to a line. */
export const quote = (message: string, settings: KlingSettings): string =>
  secretsOf(settings)
    .reduce((text, secret) => text.replaceAll(secret, '…'), message)
    .replaceAll(/[\w-]{32,}/g, '…')
    .replaceAll(/\s+/g, ' ')
    .trim()
    .slice(0, 240);

/** The failure that an error of Kling is; `answer` is the one that carried it. */
export const toFailure = (
  error: KlingError,
  answer: UpstreamAnswer,
  { nowMs, settings }: Circumstances,
): CallFailure => {
  const { message, quoted, ...meaning } = meaningOf(answer.status, error);
  const words = quoted ? quote(error.message, settings) : '';
  const hintMs = readRetryAfter(answer.headers, nowMs);
  const retryAfterMs = hintMs === undefined ? meaning.retryAfterMs : Math.min(hintMs, longestHintMs);
  return {
    ...meaning,
    message: words === '' ? message : `${message} It said: “${words}”`,
    charged: 'no',
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    upstream: {
      status: answer.status,
      code: String(error.code),
      ...(error.requestId !== undefined && { requestId: error.requestId }),
    },
  };
};
