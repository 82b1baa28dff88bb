/**
 * What an error of Kling means to us. Classified by its code and never by the HTTP status alone: 429 carries
 * exhausted accounts, forbidden addresses and real rate limits (sheet sections 0 and 9). A refusal costs nothing:
 * units are taken when a task succeeds.
 */
import type { CallFailure } from '../../core/failure.ts';
import type { AdapterContext, UpstreamAnswer } from '../provider.ts';
import {
  badPrompt,
  badReference,
  down,
  noFunds,
  noModel,
  refusedContent,
  refusedKey,
  rejected,
  tooFast,
} from '../refusals.ts';
import type { Meaning } from '../refusals.ts';
import { readRetryAfter } from '../retry-after.ts';
import { quote, toCallFailure } from '../to-call-failure.ts';
import type { KlingSettings } from './settings.ts';

/** What reading an answer takes beside the answer. */
export type Circumstances = Pick<AdapterContext<KlingSettings>, 'nowMs' | 'settings'>;

/** An error as Kling words it. */
export interface KlingError {
  readonly code: number;
  readonly message: string;
  readonly requestId: string | undefined;
}

/** Longer hints than this are not waited for: the header is not documented, and nobody knows who set it. */
const longestHintMs = 60_000;

const refusedRequest = refusedContent('the request');
const goneModel: Meaning = { ...noModel, message: 'The upstream model is discontinued or unknown.' };
/** "At least a second", says the vendor. */
const limited: Meaning = { ...tooFast, retryAfterMs: 1000 };

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
  [1203, goneModel],
  [1300, { ...rejected, message: 'The provider refused the request by its platform policy.' }],
  [1301, refusedRequest],
  [1302, limited],
  [1303, { ...limited, message: 'The provider is at work on as many pictures as the account may have.' }],
  [1304, { ...refusedKey, message: 'The account at the provider does not accept calls from this address.' }],
  [5000, down],
  [5001, down],
]);

/** What a complaint about a parameter is about; the vendor has one code for all of them. */
const meaningOfParameter = (message: string): Meaning => {
  if (/model.*(discontinued|no longer|invalid|not (exist|support|found|valid))/i.test(message))
    return goneModel;
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
      return limited;
    default:
      return status >= 500 ? down : rejected;
  }
};

const meaningOf = (status: number, { code, message }: KlingError): Meaning => {
  const meaning = meanings.get(code) ?? meaningOfStatus(status);
  return meaning === rejected ? meaningOfParameter(message) : meaning;
};

/** What looks like a key or another id. */
const ids = /[\w-]{32,}/g;

const quoteOf = (message: string, settings: KlingSettings): string =>
  quote(message, Object.values(settings), ids);

const hintOf = ({ headers }: UpstreamAnswer, nowMs: number): number | undefined => {
  const hintMs = readRetryAfter(headers, nowMs);
  return hintMs === undefined ? undefined : Math.min(hintMs, longestHintMs);
};

/** The failure that an error of Kling is; `answer` is the one that carried it. */
export const toFailure = (
  error: KlingError,
  answer: UpstreamAnswer,
  { nowMs, settings }: Circumstances,
): CallFailure =>
  toCallFailure(meaningOf(answer.status, error), {
    status: answer.status,
    code: String(error.code),
    requestId: error.requestId,
    retryAfterMs: hintOf(answer, nowMs),
    words: quoteOf(error.message, settings),
  });

const meaningOfEnd = (message: string): Meaning => {
  if (/risk control|sensitive|content (safety|policy)/i.test(message)) return refusedRequest;
  if (/input image/i.test(message)) return badReference;
  return { ...rejected, message: 'The provider could not make the picture.' };
};

/** The failure that a failed task is, for which Kling has free text and no code. */
export const toTaskFailure = (
  message: string,
  requestId: string | undefined,
  { settings }: Circumstances,
): CallFailure =>
  toCallFailure(meaningOfEnd(message), {
    status: 200,
    code: 'failed',
    requestId,
    words: quoteOf(message, settings),
  });
