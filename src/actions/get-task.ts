import { LimnerError } from '../core/errors.ts';
import { isId } from '../core/ids.ts';
import type { Task } from '../core/task.ts';
import type { TaskStore } from '../tasks/task-store.ts';

/** A task as its owner names it. */
export interface TaskAddress {
  readonly taskId: string;
  readonly keyId: string;
}

/** What the caller hears of a task that is not there, or that is somebody else's. */
export const taskNotFound = (): LimnerError =>
  new LimnerError(
    'task_not_found',
    'There is no such task, or it belongs to another key, or it was removed.',
  );

/** The caller's task as it is now; throws `task_not_found`, for a malformed id too. */
export const getTask = async (
  parts: { readonly tasks: Pick<TaskStore, 'get'> },
  { taskId, keyId }: TaskAddress,
): Promise<Task> => {
  const task = isId('task', taskId) ? await parts.tasks.get(taskId, keyId) : undefined;
  if (task === undefined) throw taskNotFound();
  return task;
};
