/** What is told to others when a task has ended, and how often it is tried. */

/** What happened. */
export type WebhookEventType = 'task.completed' | 'task.failed';

/** The states of a delivery. */
export const deliveryStates = ['pending', 'delivered', 'failed'] as const;
export type DeliveryState = (typeof deliveryStates)[number];

/** An address that hears of every task of a key. */
export interface WebhookEndpoint {
  readonly id: string;
  readonly keyId: string;
  readonly url: string;
  readonly createdAtMs: number;
  /** Present while nothing is sent to it. */
  readonly disabled?: { readonly atMs: number; readonly reason: string };
}

/** The telling of one ending to one address. */
export interface Delivery {
  /** The `webhook-id` of every attempt, by which a receiver knows what it has had. */
  readonly id: string;
  readonly type: WebhookEventType;
  readonly taskId: string;
  readonly keyId: string;
  /** Absent when the address is the task's own `webhook_url`. */
  readonly endpointId?: string;
  readonly url: string;
  readonly state: DeliveryState;
  /** Attempts so far, of this round. */
  readonly attempts: number;
  readonly createdAtMs: number;
  /** Present while it is pending. */
  readonly nextAttemptAtMs?: number;
  readonly lastAttempt?: { readonly atMs: number; readonly status?: number; readonly error?: string };
  readonly deliveredAtMs?: number;
}

/** Limits of webhooks. */
export const webhookLimits = {
  endpointsPerKey: 20,
  /** How long the secret before a rotation signs too. */
  rotationMs: 24 * 60 * 60 * 1000,
  /** How long one attempt may take. */
  timeoutMs: 15_000,
  /** How long ended deliveries are kept. */
  keptMs: 30 * 24 * 60 * 60 * 1000,
} as const;

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** The pause before each attempt after the first: about three days in all (Standard Webhooks, "Deliverability and reliability"). */
const pausesMs = [
  5 * SECOND,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  14 * HOUR,
  20 * HOUR,
  24 * HOUR,
];

/** How many attempts a round has. */
export const attemptsPerRound = pausesMs.length + 1;

/** No receiver may put an attempt off for longer. */
const maxRetryAfterMs = 24 * HOUR;

/** How an attempt went. */
export type AttemptOutcome =
  | { readonly kind: 'answered'; readonly status: number; readonly retryAfterMs?: number | undefined }
  /** Nothing was heard; the same may work later. */
  | { readonly kind: 'unanswered'; readonly error: string }
  /** It can never work. */
  | { readonly kind: 'impossible'; readonly error: string };

/** What follows from an attempt. */
export type AttemptVerdict =
  | { readonly next: 'delivered' }
  | { readonly next: 'again'; readonly delayMs: number; readonly error: string }
  | { readonly next: 'failed'; readonly error: string; readonly isGone: boolean };

/**
 * Decides what follows from an attempt. A redirect counts as a failure, and 410 says that the address is wanted no
 * more (Standard Webhooks).
 *
 * @param attempts how many there were, this one included.
 * @param random from 0 to 1; moves the pause by a tenth, so that a receiver that comes back is not met by all at once.
 */
export const judgeAttempt = (outcome: AttemptOutcome, attempts: number, random: number): AttemptVerdict => {
  if (outcome.kind === 'impossible') return { next: 'failed', error: outcome.error, isGone: false };
  const error = outcome.kind === 'answered' ? describeAnswer(outcome.status) : outcome.error;
  if (error === undefined) return { next: 'delivered' };
  if (outcome.kind === 'answered' && outcome.status === 410) return { next: 'failed', error, isGone: true };
  const pauseMs = pausesMs[attempts - 1];
  if (pauseMs === undefined) return { next: 'failed', error, isGone: false };
  const askedMs = outcome.kind === 'answered' ? Math.min(outcome.retryAfterMs ?? 0, maxRetryAfterMs) : 0;
  return { next: 'again', delayMs: Math.max(Math.round(pauseMs * (0.9 + 0.2 * random)), askedMs), error };
};

/** What was wrong with an answer; `undefined` when nothing was. */
const describeAnswer = (status: number): string | undefined => {
  if (status >= 200 && status < 300) return undefined;
  if (status >= 300 && status < 400) return `The receiver answered ${status}: redirects are not followed.`;
  if (status === 410) return 'The receiver answered 410: it wants no more events.';
  return `The receiver answered ${status}.`;
};
