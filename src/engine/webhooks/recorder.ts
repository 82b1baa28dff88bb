import type { Clock } from '../../core/clock.ts';
import type { AttemptRecord, WebhookStore } from '../../webhooks/webhook-store.ts';

/** How long a record waits for others to share its write. */
const SHARE_MS = 20;

/** With how many of them it waits no longer. */
const SHARED_BY = 32;

/** Writes down what attempts brought, many in one write: a commit costs more than all of its rows. */
export interface Recorder {
  /** Resolves when the record survives a power cut. */
  add(record: AttemptRecord): Promise<void>;
  /** Writes what waits now: nobody is about to add anything. */
  flush(): void;
}

/** One record on its way. */
interface Waiting {
  readonly record: AttemptRecord;
  readonly resolve: () => void;
  readonly reject: (fault: unknown) => void;
}

export const createRecorder = (
  webhooks: Pick<WebhookStore, 'recordAttempts'>,
  clock: Pick<Clock, 'after'>,
): Recorder => {
  let waiting: Waiting[] = [];
  let cancelTimer = (): void => {};

  const flush = (): void => {
    cancelTimer();
    const written = waiting;
    waiting = [];
    if (written.length === 0) return;
    webhooks.recordAttempts(written.map(({ record }) => record)).then(
      () => written.forEach(({ resolve }) => resolve()),
      (fault: unknown) => written.forEach(({ reject }) => reject(fault)),
    );
  };

  return {
    add: (record) =>
      new Promise((resolve, reject) => {
        waiting.push({ record, resolve, reject });
        if (waiting.length === 1) cancelTimer = clock.after(SHARE_MS, flush);
        if (waiting.length >= SHARED_BY) flush();
      }),
    flush,
  };
};
