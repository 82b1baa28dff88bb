import { followTask, type FollowTaskParts } from '../../actions/follow-task.ts';
import { taskNotFound } from '../../actions/get-task.ts';
import type { Clock } from '../../core/clock.ts';
import { isEnded, type Task } from '../../core/task.ts';

/** Says how a call gets on; each number is larger than the one before. */
export type TellProgress = (progress: number, message: string) => void;

/** Clients that count on progress end a call after 60 seconds without any. */
const PROGRESS_MS = 5_000;

/** How a task is waited for. */
export interface Watch {
  readonly waitMs: number;
  readonly signal: AbortSignal;
  readonly tellProgress?: TellProgress;
}

/** What waiting needs. */
export interface WatchParts extends FollowTaskParts {
  readonly clock: Pick<Clock, 'after' | 'nowMs'>;
  readonly draining: AbortSignal;
}

/**
 * The task once it has ended, or as it is when the time is up, nobody waits any more or the process stops. Throws
 * `task_not_found` when it is deleted meanwhile.
 */
export const watchTask = async (
  parts: WatchParts,
  { id: taskId, keyId, status }: Pick<Task, 'id' | 'keyId' | 'status'>,
  { waitMs, signal, tellProgress }: Watch,
): Promise<Task> => {
  const timeout = new AbortController();
  const cancelTimeout = parts.clock.after(waitMs, () => timeout.abort());
  const ends = AbortSignal.any([signal, parts.draining, timeout.signal]);
  const progress = tellProgress && startTelling(parts.clock, tellProgress, status);
  try {
    for await (const task of followTask(parts, { taskId, keyId }, ends)) {
      if (isEnded(task.status)) return task;
      progress?.becomes(task.status);
    }
  } finally {
    cancelTimeout();
    progress?.stop();
  }
  const task = await parts.tasks.get(taskId, keyId);
  if (task === undefined) throw taskNotFound();
  return task;
};

const startTelling = (clock: WatchParts['clock'], tell: TellProgress, first: Task['status']) => {
  const startedAtMs = clock.nowMs();
  let status = first;
  let count = 0;
  let cancel: () => void;
  const beat = (): void => {
    const seconds = Math.round((clock.nowMs() - startedAtMs) / 1000);
    count += 1;
    tell(count, `${status === 'pending' ? 'waiting for its turn' : 'being drawn'}, ${seconds} s`);
    cancel = clock.after(PROGRESS_MS, beat);
  };
  beat();
  return {
    becomes: (next: Task['status']): void => {
      if (next === status) return;
      status = next;
      cancel();
      beat();
    },
    stop: () => cancel(),
  };
};
