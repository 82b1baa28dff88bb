import { isId } from '../core/ids.ts';
import type { ImageStore } from '../images/image-store.ts';
import type { JobQueue } from '../jobs/job-queue.ts';
import type { TaskEvents } from '../observe/events.ts';
import type { TaskStore } from '../tasks/task-store.ts';
import { type TaskAddress, taskNotFound } from './get-task.ts';

/** What removing a task needs. */
export interface DeleteTaskParts {
  readonly tasks: Pick<TaskStore, 'delete'>;
  readonly images: Pick<ImageStore, 'delete'>;
  readonly events: Pick<TaskEvents, 'changed'>;
  readonly queue: Pick<JobQueue, 'wake'>;
}

/** Removes the task and its files; an open task is ended by it. Throws `task_not_found`. */
export const deleteTask = async (parts: DeleteTaskParts, { taskId, keyId }: TaskAddress): Promise<void> => {
  const fileKeys = isId('task', taskId) ? await parts.tasks.delete(taskId, keyId) : undefined;
  if (fileKeys === undefined) throw taskNotFound();
  parts.events.changed(taskId);
  parts.queue.wake(taskId);
  // The rows are gone, so no link reaches a file any more; the sweep of orphans takes what stays behind here.
  await Promise.allSettled([parts.images.delete(...fileKeys)]);
};
