/** The one place that decides whether a failed call is tried again (design §2). */
import type { CallFailure } from './failure.ts';

/** Calls for one slot before its failure is final. */
const MAX_ATTEMPTS = 4;

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;

/** What to do after a call failed. */
export type Verdict = { readonly verdict: 'final' } | { readonly verdict: 'retry'; readonly afterMs: number };

/**
 * Full jitter: a random share of a pause that doubles with each attempt, so that many callers who failed together
 * do not come back together. An upstream's own hint is a floor.
 */
export const backoffMs = (attempt: number, random: number, hintMs = 0): number =>
  Math.max(hintMs, Math.round(random * Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** attempt)));

/**
 * Whether a call that failed for this reason is followed by a new one. Only what was certainly not charged may be:
 * everything else would risk paying twice.
 *
 * @param attempt how many calls the slot had before this one.
 * @param random from 0 to 1.
 */
export const judge = (failure: CallFailure, attempt: number, random: number): Verdict => {
  const attempts = failure.retryOnce === true ? 2 : MAX_ATTEMPTS;
  const isFinal = !failure.retryable || failure.charged !== 'no' || attempt + 1 >= attempts;
  return isFinal
    ? { verdict: 'final' }
    : { verdict: 'retry', afterMs: backoffMs(attempt, random, failure.retryAfterMs) };
};

/** Failures that say nothing of the request: another provider may well do it. */
const elsewhere: readonly CallFailure['code'][] = [
  'model_unavailable',
  'provider_auth_failed',
  'provider_quota_exhausted',
  'provider_rate_limited',
  'provider_unavailable',
  'provider_timeout',
  'provider_bad_response',
];

/** Whether a call that failed for this reason may go to another route: only when nothing was charged for it. */
export const mayGoElsewhere = (failure: CallFailure): boolean =>
  failure.charged === 'no' && elsewhere.includes(failure.code);

/** Which of several failures tells the caller most, by the design's order (§1.3). */
export const mostTelling = (failures: readonly CallFailure[]): CallFailure | undefined => {
  const order = [
    ['content_policy_violation'],
    ['provider_rejected_request', 'prompt_rejected', 'reference_invalid', 'reference_unreachable'],
    ['submission_unconfirmed'],
    ['provider_quota_exhausted', 'provider_auth_failed'],
  ];
  const rank = (failure: CallFailure): number => {
    const place = order.findIndex((codes) => codes.includes(failure.code));
    return place === -1 ? order.length : place;
  };
  return [...failures].sort((one, other) => rank(one) - rank(other))[0];
};
