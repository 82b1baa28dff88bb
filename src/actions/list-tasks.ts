import { LimnerError } from '../core/errors.ts';
import { isId } from '../core/ids.ts';
import type { TaskPage, TaskQuery, TaskStore } from '../tasks/task-store.ts';

/** A page of the caller's tasks, newest first; throws `invalid_parameter` when `afterTaskId` is not one of them. */
export const listTasks = async (
  parts: { readonly tasks: Pick<TaskStore, 'get' | 'list'> },
  query: TaskQuery,
): Promise<TaskPage> => {
  const { afterTaskId, keyId } = query;
  if (afterTaskId !== undefined) {
    const cursor = isId('task', afterTaskId) ? await parts.tasks.get(afterTaskId, keyId) : undefined;
    if (cursor === undefined) {
      throw new LimnerError(
        'invalid_parameter',
        '`after` must be the `last_id` of an earlier page, or the id of one of your tasks.',
        {
          param: 'after',
        },
      );
    }
  }
  return parts.tasks.list(query);
};
