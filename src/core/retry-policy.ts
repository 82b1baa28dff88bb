/**
 * The one place that decides what becomes of a call after trouble, and of the provider it was with (design §2). The
 * engine tells what happened and does what the table says.
 */
import type { CallFailure } from './failure.ts';

/** What the engine was doing when the trouble came. */
export const moments = ['planned', 'sending', 'found-sending', 'asking', 'accepted', 'produced'] as const;

/**
 * `planned`: nothing has been sent. `sending`: the answer to the paid request. `found-sending`: a crash or a lost answer
 * left the call so, and the upstream was looked up or cannot be. `asking`: a question about an accepted call went wrong,
 * which says nothing of the call. `accepted`: the upstream says how the accepted call ended. `produced`: its pictures
 * are being fetched and stored.
 */
export type Moment = (typeof moments)[number];

/** What went wrong, in as many kinds as there are answers to it. */
export const troubles = [
  'content',
  'request',
  'account',
  'route',
  'rate',
  'outage',
  'nonsense',
  'lost',
  'unconfirmed',
  'late',
  'output',
  'storage',
  'ours',
] as const;

/**
 * `route`: this upstream model, or this part of the account, does not serve us. `nonsense`: a whole answer that makes no
 * sense. `lost`: no whole answer, of an upstream that can be asked for our call id; `unconfirmed`: of one that cannot.
 * `late`: the time for the call is over. `output`: a finished picture cannot be had; `storage`: or not be kept. `ours`:
 * this program or its configuration.
 */
export type Trouble = (typeof troubles)[number];

/**
 * `end`: the call has failed for good. `retry`: a new call for the same pictures, a few times. `wait`: the same, as long
 * as the task has time. `ask`: the same call goes on later, as long as it has time; nothing is paid for it again.
 */
type Remedy = 'end' | 'retry' | 'wait' | 'ask';

/**
 * What trouble says of the provider. `works`: it spoke. `stumbles`: it did not, and too often in a row opens its
 * breaker. `refuses`: nothing of this account will be served for a while. `limits`: it wants fewer calls.
 */
export type Standing = 'works' | 'stumbles' | 'refuses' | 'limits';

/** What to do, and what is now thought of the provider; `elsewhere` goes before `remedy` where there is another route. */
export interface Rule {
  readonly elsewhere: boolean;
  readonly remedy: Remedy;
  readonly provider?: Standing;
}

const rule = (remedy: Remedy, provider?: Standing): Rule => ({
  elsewhere: false,
  remedy,
  ...(provider !== undefined && { provider }),
});
const elsewhereOr = (remedy: Remedy, provider?: Standing): Rule => ({
  ...rule(remedy, provider),
  elsewhere: true,
});

type Row = Readonly<Partial<Record<Trouble, Rule>>>;

/** The answer to the paid request, and the end of an accepted call, when nothing was charged. */
const refused: Row = {
  // Some vendors draw again for free what they would not show (the failure says so).
  content: rule('retry', 'works'),
  request: rule('end', 'works'),
  account: elsewhereOr('retry', 'refuses'),
  route: elsewhereOr('retry', 'works'),
  rate: elsewhereOr('wait', 'limits'),
  outage: elsewhereOr('retry', 'stumbles'),
  nonsense: elsewhereOr('retry', 'works'),
};

/** How an accepted call ended tells little of what the provider would say to a new one. */
const ended: Row = Object.fromEntries(
  Object.entries(refused).map(([trouble, { elsewhere, remedy }]) => [trouble, { elsewhere, remedy }]),
);

/** When nothing was charged. What is not here ends the call and says nothing of the provider. */
const table: Readonly<Record<Moment, Row>> = {
  planned: {},
  sending: { ...refused, unconfirmed: rule('retry', 'stumbles') },
  'found-sending': { ...refused, unconfirmed: rule('retry') },
  asking: {},
  accepted: ended,
  produced: {},
};

/** When something was charged, or may have been. Nothing in here sends a paid request. */
const chargedTable: Readonly<Record<Moment, Row>> = {
  planned: {},
  sending: {
    lost: rule('ask', 'stumbles'),
    unconfirmed: rule('end', 'stumbles'),
    storage: rule('end', 'works'),
  },
  // Whatever the look-up says against us, the call may be there.
  'found-sending': {
    content: rule('ask'),
    request: rule('ask'),
    account: rule('ask'),
    route: rule('ask'),
    rate: rule('ask'),
    outage: rule('ask', 'stumbles'),
    nonsense: rule('ask'),
    lost: rule('ask', 'stumbles'),
  },
  asking: {
    account: rule('ask'),
    rate: rule('ask'),
    outage: rule('ask'),
    nonsense: rule('ask'),
    lost: rule('ask'),
    storage: rule('ask'),
  },
  accepted: { late: rule('end', 'stumbles') },
  produced: { output: rule('ask'), storage: rule('ask') },
};

/** The row for this trouble. */
export const ruleFor = (moment: Moment, trouble: Trouble, charged: CallFailure['charged']): Rule =>
  (charged === 'no' ? table : chargedTable)[moment][trouble] ?? rule('end');

/** What kind of trouble a failure is. */
export const troubleOf = (failure: CallFailure): Trouble => {
  switch (failure.code) {
    case 'content_policy_violation':
      return 'content';
    case 'provider_rejected_request':
    case 'prompt_rejected':
    case 'reference_invalid':
    case 'reference_unreachable':
      return 'request';
    case 'provider_auth_failed':
    case 'provider_quota_exhausted':
      return failure.account === true ? 'account' : 'route';
    case 'model_unavailable':
      return 'route';
    case 'provider_rate_limited':
      return 'rate';
    case 'provider_unavailable':
      return 'outage';
    case 'provider_timeout':
      return failure.charged === 'no' ? 'outage' : 'late';
    case 'provider_bad_response':
      return 'nonsense';
    case 'submission_unconfirmed':
      return 'unconfirmed';
    case 'output_lost':
      return 'output';
    case 'storage_failed':
      return 'storage';
    case 'deadline_exceeded':
      return 'late';
    case 'cancelled':
    case 'internal_error':
      return 'ours';
  }
};

/** Calls for a slot before its failure is final, those that a rate limit turned away not counted. */
const MAX_TRIES = 4;

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;

/**
 * Full jitter: a random share of a pause that doubles with each attempt, so that many callers who failed together
 * do not come back together. An upstream's own hint is a floor.
 *
 * @param random from 0 to 1.
 */
export const backoffMs = (attempt: number, random: number, hintMs = 0): number =>
  Math.max(hintMs, Math.round(random * Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** attempt)));

/** Half of the pause is certain: who comes back at once to somebody who said "too fast" is told so again. */
const waitMs = (attempt: number, random: number, hintMs = 0): number =>
  Math.max(hintMs, backoffMs(attempt, 0.5 + random / 2)) + Math.round(random * FIRST_PAUSE_MS);

/** What the table needs to know of trouble. */
export interface Case {
  readonly moment: Moment;
  readonly trouble: Trouble;
  readonly failure: Pick<CallFailure, 'charged' | 'retryable' | 'retryOnce' | 'retryAfterMs'>;
  /** Calls for these pictures that failed before this one, those that a rate limit turned away not counted. */
  readonly tries: number;
  /** All calls for these pictures before this one. */
  readonly attempt: number;
  /** From 0 to 1. */
  readonly random: number;
}

/** What to do after trouble; `afterMs` counts from now. */
export type Verdict = Pick<Rule, 'elsewhere' | 'provider'> &
  ({ readonly remedy: 'end' } | { readonly remedy: 'retry' | 'wait' | 'ask'; readonly afterMs: number });

/**
 * What becomes of the call. Only what was certainly not charged is ever followed by a new call: everything else would
 * risk paying twice.
 */
export const judge = ({ moment, trouble, failure, tries, attempt, random }: Case): Verdict => {
  const { elsewhere, remedy, provider } = ruleFor(moment, trouble, failure.charged);
  const isOver = tries + 1 >= (failure.retryOnce === true ? 2 : MAX_TRIES);
  const isHopeless = {
    end: true,
    retry: !failure.retryable || isOver,
    wait: !failure.retryable || (failure.retryOnce === true && isOver),
    // Only of a picture it is ever known that asking again is in vain.
    ask: !failure.retryable && trouble === 'output',
  }[remedy];
  // A key that may work in a moment is no reason to leave the provider.
  const isPassing = trouble === 'account' && !isHopeless;
  const about = { elsewhere, ...(provider !== undefined && !isPassing && { provider }) };
  if (remedy === 'end' || isHopeless) return { ...about, remedy: 'end' };
  switch (remedy) {
    case 'retry':
      return { ...about, remedy, afterMs: backoffMs(attempt, random, failure.retryAfterMs) };
    case 'wait':
      return { ...about, remedy, afterMs: waitMs(attempt, random, failure.retryAfterMs) };
    case 'ask':
      return {
        ...about,
        remedy,
        afterMs: FIRST_PAUSE_MS + backoffMs(Math.min(attempt + 1, 3), random, failure.retryAfterMs),
      };
  }
};

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
