import type { Clock } from '../core/clock.ts';
import type { Task } from '../core/task.ts';
import { type FollowTaskParts, followTask } from './follow-task.ts';
import { type TaskAddress, taskNotFound } from './get-task.ts';

/** What waiting for a task needs. */
export interface WaitTaskParts extends FollowTaskParts {
  readonly clock: Pick<Clock, 'after'>;
}

/**
 * The task once it has ended, or as it is when the time is up or the signal aborts, whichever comes first. Throws
 * `task_not_found`, also when the task is deleted meanwhile.
 */
export const waitTask = async (
  parts: WaitTaskParts,
  address: TaskAddress,
  waitMs: number,
  signal: AbortSignal,
): Promise<Task> => {
  const timeout = new AbortController();
  const cancelTimer = parts.clock.after(waitMs, () => timeout.abort());
  try {
    for await (const task of followTask(parts, address, AbortSignal.any([signal, timeout.signal]))) {
      if (task.status === 'completed' || task.status === 'failed') return task;
    }
  } finally {
    cancelTimer();
  }
  const task = await parts.tasks.get(address.taskId, address.keyId);
  if (task === undefined) throw taskNotFound();
  return task;
};
