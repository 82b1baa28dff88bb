/**
 * What an error of the AI SDK means to us. Its classes are told by their names, so that no version of it is needed here.
 * A refusal counts as one when the vendor said it in its own words, before it had accepted anything; all else is a lost
 * answer, which may have been paid.
 */
import type { CallFailure } from '../../core/failure.ts';
import { asRecord, asText, type Fields } from '../fields.ts';
import { AnswerLost, AnswerNotKept, NotSent, ProviderError } from '../provider.ts';
import {
  badReference,
  down,
  type Meaning,
  noFunds,
  noModel,
  noPermission,
  refusedContent,
  refusedKey,
  rejectedParameter,
  tooFast,
} from '../refusals.ts';
import { readRetryAfter } from '../retry-after.ts';
import { quote, toCallFailure } from '../to-call-failure.ts';
import { NoImageProvider } from './image-model.ts';
import type { AiSdkSettings } from './settings.ts';
import type { FetchLog } from './upstream-fetch.ts';

/** What reading an error takes beside the error. */
export interface Circumstances {
  readonly log: FetchLog;
  readonly settings: AiSdkSettings;
  readonly nowMs: number;
  readonly signal: AbortSignal;
}

const refused = refusedContent('the request');
const isAboutContent =
  /safety|moderation|moderated|content[ _-]?(policy|filter)|policy[ _-]?violation|nsfw|sensitive content/i;

/** The error to throw for what a package threw. */
export const translate = (fault: unknown, circumstances: Circumstances): unknown => {
  const { log, signal } = circumstances;
  if (signal.aborted) return signal.reason;
  if (fault instanceof NoImageProvider) return new ProviderError(notServed(fault.message));
  if (log.fault instanceof AnswerNotKept) return log.fault;
  if (log.isAccepted) return lost(fault, 'after the provider had accepted the call');
  if (log.fault instanceof NotSent || log.fault instanceof AnswerLost) return log.fault;
  const error = asRecord(fault) ?? {};
  if (asText(error['name']) === 'AI_APICallError') {
    const failure = refusalIn(error, circumstances);
    return failure === undefined ? lost(fault, 'in the words of nobody known') : new ProviderError(failure);
  }
  return lost(fault, 'without an answer that the package knows');
};

/** The operator has to do something; no other route of this provider would do better. */
const notServed = (message: string): CallFailure => ({
  code: 'model_unavailable',
  message,
  charged: 'no',
  retryable: false,
  account: true,
});

const lost = (cause: unknown, when: string): AnswerLost =>
  new AnswerLost(`a package of the AI SDK failed ${when}`, { cause });

const refusalIn = (error: Fields, { settings, nowMs }: Circumstances): CallFailure | undefined => {
  const status = Number(error['statusCode']);
  const words = wordsOf(error);
  const code = codeIn(error);
  const meaning = meaningOf(status, code, words);
  if (meaning === undefined) return undefined;
  const headers = (asRecord(error['responseHeaders']) ?? {}) as Readonly<Record<string, string>>;
  return toCallFailure(meaning, {
    status,
    code: code || `HTTP ${status}`,
    requestId: headers['x-request-id'],
    retryAfterMs: meaning.retryable ? readRetryAfter(headers, nowMs) : undefined,
    words: quote(words, settings.api_key ? [settings.api_key] : [], /[\w*-]{36,}/g),
  });
};

const meaningOf = (status: number, code: string, words: string): Meaning | undefined => {
  if ([400, 403, 422].includes(status) && isAboutContent.test(`${code} ${words}`)) return refused;
  switch (status) {
    case 401:
      return refusedKey;
    case 402:
      return noFunds;
    case 403:
      return noPermission;
    case 404:
      return noModel;
    case 413:
      return badReference;
    case 429:
      return tooFast;
    case 408:
    case 499:
    case 502:
    case 504:
      // A gateway that lost patience says nothing of what stands behind it.
      return undefined;
    default:
      if (status >= 400 && status < 500) return rejectedParameter;
      return words === '' ? undefined : down;
  }
};

/** What the vendor said: the package's reading of it, when it could read it at all. */
const wordsOf = (error: Fields): string =>
  asRecord(error['data']) === undefined ? '' : asText(error['message']);

const codeIn = (error: Fields): string => {
  const data = asRecord(error['data']);
  return asText(asRecord(data?.['error'])?.['code'] ?? data?.['code']);
};
