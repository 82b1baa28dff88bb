import { isId } from '../core/ids.ts';
import type { Spool } from '../images/spool.ts';
import type { Job } from '../jobs/job-queue.ts';
import type { TaskStore } from '../tasks/task-store.ts';

/**
 * Goes on with the tasks whose pictures lie in this spool: an earlier process left them, and whoever has these tasks now
 * waits for the files.
 */
export const adoptSpooled = async (
  { tasks, spool }: { readonly tasks: Pick<TaskStore, 'taskOfCall'>; readonly spool: Pick<Spool, 'list'> },
  adopt: (job: Job) => void,
): Promise<void> => {
  const adopted = new Set<string>();
  for await (const { name } of spool.list()) {
    const [callId = ''] = name.split('-');
    const task = isId('call', callId) ? await tasks.taskOfCall(callId) : undefined;
    if (task === undefined || adopted.has(task.taskId)) continue;
    adopted.add(task.taskId);
    const { model, ...rest } = task;
    adopt({ ...rest, lane: model });
  }
};
