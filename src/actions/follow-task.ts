import { isEnded, type Task } from '../core/task.ts';
import type { TaskEvents } from '../observe/events.ts';
import type { TaskStore } from '../tasks/task-store.ts';
import type { TaskAddress } from './get-task.ts';

/** What following a task needs. */
export interface FollowTaskParts {
  readonly tasks: Pick<TaskStore, 'get'>;
  readonly events: Pick<TaskEvents, 'subscribe'>;
}

/**
 * The task as it is now, then again whenever it may have changed, until it has ended, is gone, or the signal aborts.
 * No change is missed: it subscribes before it reads.
 */
export async function* followTask(
  parts: FollowTaskParts,
  { taskId, keyId }: TaskAddress,
  signal: AbortSignal,
): AsyncGenerator<Task, void, undefined> {
  let hasChanged = false;
  let resume: (() => void) | undefined;
  const notice = (): void => {
    hasChanged = true;
    resume?.();
  };
  const unsubscribe = parts.events.subscribe(taskId, notice);
  signal.addEventListener('abort', notice);
  try {
    while (!signal.aborted) {
      hasChanged = false;
      const task = await parts.tasks.get(taskId, keyId);
      if (task === undefined) return;
      yield task;
      if (isEnded(task.status)) return;
      // Set only after the check, in one turn of the event loop: a change in between cannot slip through.
      if (!hasChanged && !signal.aborted) await new Promise<void>((resolve) => (resume = resolve));
    }
  } finally {
    unsubscribe();
    signal.removeEventListener('abort', notice);
  }
}
