import { Webhook } from 'standardwebhooks';
import type { Clock } from '../../core/clock.ts';
import type { Secret } from '../../core/secret.ts';
import { isEnded, type Task } from '../../core/task.ts';
import { type AttemptOutcome, type Delivery, webhookLimits } from '../../core/webhook.ts';
import { FetchFailed, FetchRefused, type GuardedFetcher } from '../../providers/guarded-fetch.ts';
import { readRetryAfter } from '../../providers/retry-after.ts';
import type { TaskStore } from '../../tasks/task-store.ts';
import type { WebhookStore } from '../../webhooks/webhook-store.ts';

/** What an attempt works with. */
export interface AttemptParts {
  readonly tasks: Pick<TaskStore, 'get'>;
  readonly webhooks: Pick<WebhookStore, 'signingOf'>;
  readonly fetcher: Pick<GuardedFetcher, 'post'>;
  readonly clock: Pick<Clock, 'nowMs'>;
  /** Shows a task to its owner, without base64; links are signed now. */
  readonly present: (task: Task) => unknown;
}

/** The body and its headers, as Standard Webhooks has them: https://www.standardwebhooks.com. */
const compose = (
  delivery: Delivery,
  task: Task,
  settings: {
    readonly nowMs: number;
    readonly secrets: readonly Secret[];
    readonly present: AttemptParts['present'];
  },
): { readonly headers: Readonly<Record<string, string>>; readonly body: string } => {
  const sentAt = new Date(settings.nowMs);
  const body = JSON.stringify({
    type: delivery.type,
    timestamp: new Date(delivery.createdAtMs).toISOString(),
    data: settings.present(task),
  });
  const signatures = settings.secrets.map((secret) =>
    new Webhook(secret.reveal()).sign(delivery.id, sentAt, body),
  );
  return {
    headers: {
      'content-type': 'application/json',
      'webhook-id': delivery.id,
      'webhook-timestamp': String(Math.floor(settings.nowMs / 1000)),
      'webhook-signature': signatures.join(' '),
    },
    body,
  };
};

const impossible = (error: string): AttemptOutcome => ({ kind: 'impossible', error });

/**
 * Tells one address of one ending, once.
 *
 * @throws the signal's reason when it is aborted; the receiver may have been told all the same.
 */
export const attemptDelivery = async (
  { tasks, webhooks, fetcher, clock, present }: AttemptParts,
  delivery: Delivery,
  signal: AbortSignal,
): Promise<AttemptOutcome> => {
  const task = await tasks.get(delivery.taskId, delivery.keyId);
  if (task === undefined || !isEnded(task.status)) {
    return impossible('The task was deleted before this could be sent.');
  }
  const signing = await webhooks.signingOf(delivery);
  if (signing.kind !== 'secrets') return impossible(`The endpoint is ${signing.kind}.`);
  const message = compose(delivery, task, { nowMs: clock.nowMs(), secrets: signing.secrets, present });
  try {
    const { status, retryAfter } = await fetcher.post(delivery.url, {
      ...message,
      timeoutMs: webhookLimits.timeoutMs,
      signal,
    });
    const mayAsk = (status === 429 || status === 503) && retryAfter !== undefined;
    return {
      kind: 'answered',
      status,
      ...(mayAsk && { retryAfterMs: readRetryAfter({ 'retry-after': retryAfter }, clock.nowMs()) }),
    };
  } catch (fault) {
    if (fault instanceof FetchRefused) return impossible(`${fault.message}.`);
    if (fault instanceof FetchFailed) return { kind: 'unanswered', error: `${fault.message}.` };
    throw fault;
  }
};
