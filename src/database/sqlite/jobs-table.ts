/** Where SQLite keeps the jobs of open tasks: beside the tasks, since one process works on both. */
import type { Connection } from '../database.ts';
import { prepare } from '../prepared.ts';
import type { JobRow } from '../schema.ts';

const insertJob = prepare<JobRow>('insertJob', (db, value) =>
  db.insertInto('jobs').values({ task_id: value('task_id'), lane: value('lane'), key_id: value('key_id') }),
);

const deleteJob = prepare<Pick<JobRow, 'task_id'>>('deleteJob', (db, value) =>
  db.deleteFrom('jobs').where('task_id', '=', value('task_id')),
);

/** Jobs as rows, written over this connection. */
export const createJobsTable = ({
  run,
}: Pick<Connection, 'run'>): Pick<Connection, 'enqueue' | 'dequeue'> => ({
  enqueue: async ({ taskId, lane, keyId }) => {
    await run(insertJob, { task_id: taskId, lane, key_id: keyId });
  },
  dequeue: async (taskId) => {
    await run(deleteJob, { task_id: taskId });
  },
});
