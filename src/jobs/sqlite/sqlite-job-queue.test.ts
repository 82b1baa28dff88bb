import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { createManualClock } from '../../../test/support/manual-clock.ts';
import { openSqliteDatabase } from '../../database/sqlite/sqlite-database.ts';
import { describeJobQueue } from '../contract/job-queue.contract.ts';
import { createSqliteJobQueue } from './sqlite-job-queue.ts';

describeJobQueue('SQLite file', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'limner-jobs-'));
  const file = join(folder, 'limner.db');
  const database = await openSqliteDatabase({
    file,
    operationModules: [new URL('./sqlite-job-queue.ts', import.meta.url).href],
  });
  const rows = new DatabaseSync(file);
  const clock = createManualClock();
  const faults: unknown[] = [];
  const open = () => createSqliteJobQueue({ database, clock, onFault: (_, fault) => faults.push(fault) });
  return {
    queue: open(),
    clock,
    faults,
    reopen: () => Promise.resolve(open()),
    enqueue: (job, isBegun = false) => {
      rows
        .prepare(
          "insert into tasks (id, key_id, status, model, response_format, request, created_at, adjustments) values (?, ?, ?, ?, 'url', '{}', 0, '[]')",
        )
        .run(job.taskId, job.keyId, isBegun ? 'processing' : 'pending', job.lane);
      rows
        .prepare('insert into jobs (task_id, lane, key_id) values (?, ?, ?)')
        .run(job.taskId, job.lane, job.keyId);
      return Promise.resolve();
    },
    dequeue: (taskId) => {
      rows.prepare('delete from jobs where task_id = ?').run(taskId);
      return Promise.resolve();
    },
    close: async () => {
      await database.close();
      rows.close();
      await rm(folder, { recursive: true });
    },
  };
});
