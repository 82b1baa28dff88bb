/**
 * What an error of Jimeng means to us: sheet section 8, the business codes of the image pages (8.1), the common ones
 * of the platform (8.2) and those of the gateway before the service (8.3). Only pictures that were delivered are
 * billed (section 10), so nothing that is refused is charged.
 */
import type { CallFailure } from '../../core/failure.ts';
import type { AdapterContext, UpstreamAnswer } from '../provider.ts';
import {
  badReference,
  down,
  noPermission,
  refusedContent,
  refusedKey,
  refusedOutput,
  rejected,
  tooFast,
} from '../refusals.ts';
import type { Meaning } from '../refusals.ts';
import { readRetryAfter } from '../retry-after.ts';
import { quote, toCallFailure } from '../to-call-failure.ts';
import type { JimengSettings } from './settings.ts';

/** What reading an answer takes beside the answer. */
export type Circumstances = Pick<AdapterContext<JimengSettings>, 'nowMs' | 'settings'>;

/** An error as the service or the gateway before it words it. */
export interface JimengError {
  readonly from: 'service' | 'gateway';
  /** `50413`, or a name such as `SignatureDoesNotMatch`. */
  readonly code: string;
  readonly message: string;
  readonly requestId: string | undefined;
}

const refusedPrompt = refusedContent('the prompt');
const refusedReference = refusedContent('the reference picture');
/** Editions differ on whether this may be repeated: once, and no more (section 13). */
const broken: Meaning = { ...down, retryOnce: true };
const limited: Meaning = { ...tooFast, retryAfterMs: 2_000 };

const serviceMeanings: Readonly<Record<string, Meaning>> = {
  '50411': refusedReference,
  '50412': refusedPrompt,
  '50413': refusedPrompt,
  '50511': refusedOutput,
  '50512': refusedContent('the text that it wrote'),
  '50518': refusedReference,
  '50519': refusedOutput,
  '50516': refusedContent('what it made'),
  '50517': refusedContent('what it made'),
  '50218': refusedContent('the request'),
  '60208': refusedReference,
  '50520': broken,
  '50521': broken,
  '50522': broken,
  '50429': limited,
  '50430': {
    ...limited,
    // A slot is held until the task in it ends.
    retryAfterMs: 10_000,
    message: 'The provider is at work on as many calls of this model as the account may have.',
  },
  '50500': broken,
  '50501': broken,
  '50200': rejected,
  '50201': rejected,
  '50204': rejected,
  '50205': badReference,
  '50206': badReference,
  '50207': badReference,
  '50209': rejected,
  '50210': rejected,
  '50211': rejected,
  '50213': { ...rejected, message: 'The request is too large for the provider.' },
  '50214': rejected,
  '50215': { ...rejected, message: 'The model of the provider cannot take this input.' },
  '60102': { ...badReference, message: 'The model of the provider found no face in the reference picture.' },
  '50400': {
    ...refusedKey,
    // Each req_key is activated and paid for by itself, so the others of the account may well work.
    account: false,
    message:
      'The account at the provider may not use this model: it is not activated, used up, or does not exist.',
  },
  '50402': rejected,
};

const gatewayMeanings: Readonly<Record<string, Meaning>> = {
  MissingParameter: rejected,
  MissingRequestInfo: rejected,
  ServiceNotFound: rejected,
  InvalidActionOrVersion: rejected,
  MissingAuthenticationToken: refusedKey,
  MissingSignature: refusedKey,
  InvalidTimestamp: {
    ...refusedKey,
    // The next attempt is signed anew.
    retryable: true,
    retryOnce: true,
    account: false,
    message: 'The provider finds the time of the request wrong: a clock is off by more than 15 minutes.',
  },
  InvalidAccessKey: refusedKey,
  SignatureDoesNotMatch: refusedKey,
  InvalidAuthorization: refusedKey,
  InvalidCredential: refusedKey,
  InvalidSecretToken: refusedKey,
  LackPolicy: noPermission,
  AccessDenied: noPermission,
  InternalError: broken,
  FlowLimitExceeded: limited,
  AccountFlowLimitExceeded: limited,
  ServiceUnavailableTemp: down,
};

/** The gateway's words for "the service behind me did not answer": what it did is not known. */
const unanswered: ReadonlySet<string> = new Set([
  'FailToConnect',
  'InternalServiceTimeout',
  'InternalServiceError',
]);

/** Whether the error leaves open what became of the request, so that a submit may have been taken. */
export const leavesOpen = (error: JimengError): boolean =>
  error.from === 'gateway' && unanswered.has(error.code);

/**
 * Whether an error that answers a query is about the query and says nothing about the call: the gateway's errors,
 * the limits, and a permission that was lost meanwhile.
 */
export const isAboutQuery = (error: JimengError): boolean =>
  error.from === 'gateway' || ['50400', '50402', '50429', '50430'].includes(error.code);

/** Whether it may be the query that failed inside the vendor, or the call; of a new code nobody knows. */
export const mayBeAboutQuery = ({ from, code }: JimengError): boolean =>
  from === 'service' && (['50500', '50501'].includes(code) || !Object.hasOwn(serviceMeanings, code));

const meaningOfStatus = (status: number): Meaning => {
  switch (status) {
    case 401:
      return refusedKey;
    case 403:
      return noPermission;
    case 429:
      return limited;
    default:
      return status >= 400 && status < 500 ? rejected : broken;
  }
};

const meaningOf = (status: number, { from, code }: JimengError): Meaning => {
  const meanings = from === 'gateway' ? gatewayMeanings : serviceMeanings;
  return (Object.hasOwn(meanings, code) ? meanings[code] : undefined) ?? meaningOfStatus(status);
};

/** Access keys, account numbers and what looks like another id. */
const ids = /[\w-]{36,}|AKLT[\w-]+|\d{9,}/g;

/** The failure that an error is; `answer` is the one that carried it. */
export const toFailure = (
  error: JimengError,
  answer: UpstreamAnswer,
  { nowMs, settings }: Circumstances,
): CallFailure =>
  toCallFailure(meaningOf(answer.status, error), {
    status: answer.status,
    code: error.code,
    requestId: error.requestId,
    retryAfterMs: readRetryAfter(answer.headers, nowMs),
    words: quote(error.message, [settings.access_key_id, settings.secret_access_key], ids),
  });
