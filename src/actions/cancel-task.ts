import type { Clock } from '../core/clock.ts';
import { LimnerError } from '../core/errors.ts';
import { isId } from '../core/ids.ts';
import type { Task } from '../core/task.ts';
import type { JobQueue } from '../jobs/job-queue.ts';
import type { TaskEvents } from '../observe/events.ts';
import type { Meter } from '../observe/meter.ts';
import type { TaskStore } from '../tasks/task-store.ts';
import { getTask, type TaskAddress, taskNotFound } from './get-task.ts';

/** What stopping a task needs. */
export interface CancelTaskParts {
  readonly tasks: Pick<TaskStore, 'get' | 'cancel'>;
  readonly events: Pick<TaskEvents, 'changed'>;
  readonly queue: Pick<JobQueue, 'wake'>;
  readonly meter: Pick<Meter, 'taskEnded'>;
  readonly clock: Pick<Clock, 'nowMs'>;
}

/**
 * Ends an open task as failed with `cancelled`. Whoever works on it sends nothing more, and sees calls that an upstream
 * has to their end. Throws `task_already_ended` and `task_not_found`.
 */
export const cancelTask = async (parts: CancelTaskParts, address: TaskAddress): Promise<Task> => {
  const { taskId, keyId } = address;
  if (!isId('task', taskId)) throw taskNotFound();
  const outcome = await parts.tasks.cancel(
    taskId,
    keyId,
    { code: 'cancelled', message: 'The task was cancelled on request.', retryable: false },
    parts.clock.nowMs(),
  );
  if (outcome === 'absent') throw taskNotFound();
  if (outcome === 'ended') {
    throw new LimnerError('task_already_ended', 'The task has already ended, so there is nothing to cancel.');
  }
  parts.events.changed(taskId);
  parts.queue.wake(taskId);
  const task = await getTask(parts, address);
  parts.meter.taskEnded(task.request.model, 'cancelled');
  return task;
};
