import { expect, it } from 'vitest';
import { openTestSqlite } from '../../../test/support/databases.ts';
import { createManualClock } from '../../../test/support/manual-clock.ts';
import {
  createWorker,
  describeJobQueue,
  job,
  type JobQueueSubject,
  taskIdOf,
} from '../contract/job-queue.contract.ts';
import type { Job } from '../job-queue.ts';
import { createSqliteJobQueue } from './sqlite-job-queue.ts';

const openSubject = async () => {
  const { database, query, close } = await openTestSqlite();
  const clock = createManualClock();
  const faults: unknown[] = [];
  const open = () => createSqliteJobQueue({ database, clock, onFault: (_, fault) => faults.push(fault) });
  const insertTask = async ({ taskId, keyId, lane }: Job, status: string, claim?: string): Promise<void> => {
    await query(
      `insert into tasks (id, key_id, status, model, response_format, request, created_at, adjustments, claim)
       values ('${taskId}', '${keyId}', '${status}', '${lane}', 'url', '{}', 0, '[]', ${claim === undefined ? 'null' : `'${claim}'`})`,
    );
  };
  const insertJob = async ({ taskId, keyId, lane }: Job): Promise<void> => {
    await query(`insert into jobs (task_id, lane, key_id) values ('${taskId}', '${lane}', '${keyId}')`);
  };
  const subject: JobQueueSubject = {
    queue: open(),
    clock,
    faults,
    reopen: () => Promise.resolve(open()),
    enqueue: async (each) => {
      await insertTask(each, 'pending');
      await insertJob(each);
    },
    close,
  };
  return { ...subject, insertTask, insertJob };
};

describeJobQueue('SQLite file', openSubject);

it('goes on with what had begun before a crash at once, although nothing is free', async () => {
  const { queue, enqueue, insertTask, insertJob, close } = await openSubject();
  await enqueue(job('a', 1));
  for (const begun of [job('a', 2), job('b', 1)]) {
    await insertTask(begun, 'processing');
    await insertJob(begun);
  }
  const { worker, handled, free, endAll } = createWorker(0);
  await queue.start(worker);
  expect(handled.toSorted()).toEqual([taskIdOf('a', 2), taskIdOf('b', 1)].toSorted());
  free(1);
  queue.advance();
  expect(handled.at(-1)).toBe(taskIdOf('a', 1));
  endAll();
  await queue.stop();
  await close();
});

it('goes on with thousands a few at a time, and waits for none that is slow', async () => {
  const { queue, clock, insertTask, insertJob, close } = await openSubject();
  const count = 200;
  for (let number = 0; number < count; number += 1) {
    await insertTask(job('a', number), 'processing');
    await insertJob(job('a', number));
  }
  const { worker, handled, endAll, settled } = createWorker(0);
  await queue.start(worker);
  const together = handled.length;
  expect(together).toBeLessThan(count);
  endAll();
  await settled();
  expect(handled).toHaveLength(2 * together);
  clock.advance(250);
  await settled();
  expect(handled).toHaveLength(3 * together);
  clock.advance(250);
  await settled();
  expect(new Set(handled).size).toBe(count);
  endAll();
  await queue.stop();
  await close();
});

it('goes on with tasks that were cancelled while an upstream had a call, and with none that ended', async () => {
  const { queue, insertTask, close } = await openSubject();
  await insertTask(job('a', 1), 'failed', 'a claim');
  await insertTask(job('a', 2), 'failed');
  const { worker, handled, endAll } = createWorker(0);
  await queue.start(worker);
  expect(handled).toEqual([taskIdOf('a', 1)]);
  endAll();
  await queue.stop();
  await close();
});

it('fills itself from the open tasks when its own table is lost', async () => {
  const { queue, insertTask, close } = await openSubject();
  await insertTask(job('a', 1), 'pending');
  const { worker, handled, endAll } = createWorker(1);
  await queue.start(worker);
  expect(handled).toEqual([taskIdOf('a', 1)]);
  endAll();
  await queue.stop();
  await close();
});
