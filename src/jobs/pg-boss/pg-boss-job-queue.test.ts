import { PgBoss } from 'pg-boss';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openTestPostgres } from '../../../test/support/databases.ts';
import { createManualClock } from '../../../test/support/manual-clock.ts';
import { openPostgresBulletin } from '../../database/postgres/postgres-bulletin.ts';
import type { GenerationRequest } from '../../core/request.ts';
import { createTaskStore } from '../../tasks/sql-task-store.ts';
import { systemClock } from '../../observe/system-clock.ts';
import {
  createWorker,
  describeJobQueue,
  job,
  type JobQueueSubject,
  taskIdOf,
} from '../contract/job-queue.contract.ts';
import { openJobBoard } from './job-board.ts';
import { createPgBossJobQueue } from './pg-boss-job-queue.ts';

const lanes = ['model', 'fast', 'slow'];

const openSubject = async () => {
  const { url, database, query, close } = await openTestPostgres(...lanes);
  const tasks = createTaskStore(database);
  const clock = createManualClock();
  const faults: unknown[] = [];
  const onFault = (fault: unknown) => faults.push(fault);
  const boss = new PgBoss({
    connectionString: url,
    schema: 'limner_jobs',
    max: 1,
    supervise: false,
    schedule: false,
  });
  boss.on('error', onFault);
  await boss.start();
  const closing: (() => Promise<void>)[] = [];

  /** A node with connections of its own. */
  const openNode = async () => {
    const bulletin = await openPostgresBulletin({ url, clock: systemClock, onFault });
    const board = await openJobBoard({ url, clock: systemClock, connections: 2, isWatching: false, onFault });
    const queue = createPgBossJobQueue({
      board,
      database,
      bulletin,
      clock,
      lanes,
      mostCounted: 100,
      onFault,
    });
    closing.unshift(async () => {
      await queue.stop();
      await board.close();
      await bulletin.close();
    });
    return queue;
  };
  /** What pg-boss does by itself some seconds after the last sign of life. */
  const loseAll = async (): Promise<void> => {
    await query("update limner_jobs.job set heartbeat_on = now() - interval '1 hour' where state = 'active'");
    await boss.supervise();
  };
  const queue = await openNode();
  const subject: JobQueueSubject = {
    queue,
    clock,
    faults,
    enqueue: async ({ taskId, keyId, lane, createdAtMs }) => {
      const request: GenerationRequest = {
        model: lane,
        prompt: 'A red fox',
        n: 1,
        size: { width: 1024, height: 1024 },
        responseFormat: 'url',
        outputFormat: 'auto',
        watermark: false,
      };
      await tasks.insert({ id: taskId, keyId, request, createdAtMs });
    },
    reopen: async () => {
      await loseAll();
      return openNode();
    },
    close: async () => {
      for (const each of closing) await each();
      await boss.stop({ graceful: false });
      await close();
    },
  };
  return { ...subject, queue, query, openNode };
};

describeJobQueue('pg-boss', openSubject);

describe('a fleet', () => {
  let fleet: Awaited<ReturnType<typeof openSubject>>;
  beforeEach(async () => {
    fleet = await openSubject();
  });
  afterEach(() => fleet.close());

  it('hands each job to one node', async () => {
    const nodes = [fleet.queue, await fleet.openNode()];
    const workers = nodes.map(() => createWorker(100));
    for (const [index, node] of nodes.entries())
      await node.start(workers[index]?.worker ?? createWorker(0).worker);
    const jobs = Array.from({ length: 60 }, (_, number) => job('a', number));
    await Promise.all(jobs.map(fleet.enqueue));
    for (const each of jobs) fleet.queue.announce(each);
    await vi.waitFor(() => expect(workers.flatMap(({ handled }) => handled)).toHaveLength(jobs.length), {
      timeout: 10_000,
    });
    expect(new Set(workers.flatMap(({ handled }) => handled)).size).toBe(jobs.length);
    for (const { endAll } of workers) endAll();
  });

  it('takes up at once what a node lets go when it stops', async () => {
    const first = createWorker(2);
    await fleet.queue.start(first.worker);
    for (const each of [job('a', 1), job('a', 2)]) await fleet.enqueue(each);
    fleet.queue.announce(job('a', 1));
    await first.handledUntil(2);
    for (const { taskId } of [job('a', 1), job('a', 2)]) {
      await first.end(taskId, { next: 'again', atMs: fleet.clock.nowMs() + 60_000 });
    }
    await fleet.queue.stop();
    const second = createWorker(1);
    await (await fleet.openNode()).start(second.worker);
    expect(new Set(await second.handledUntil(2))).toEqual(new Set(first.handled));
    second.endAll();
  });

  it('puts jobs away when nothing is left to do', async () => {
    const { worker, handledUntil, end } = createWorker(1);
    await fleet.queue.start(worker);
    await fleet.enqueue(job('a', 1));
    fleet.queue.announce(job('a', 1));
    await handledUntil(1);
    await end(taskIdOf('a', 1));
    await vi.waitFor(async () => expect(await fleet.query('select id from limner_jobs.job')).toEqual([]));
  });

  it('puts up the jobs of all open tasks again when the board was lost', async () => {
    await fleet.enqueue(job('a', 1));
    await fleet.enqueue(job('a', 2));
    await fleet.query('delete from limner_jobs.job');
    await fleet.queue.restore();
    await fleet.queue.restore();
    const { worker, handledUntil, endAll } = createWorker(3);
    await fleet.queue.start(worker);
    expect(new Set(await handledUntil(2))).toEqual(new Set([taskIdOf('a', 1), taskIdOf('a', 2)]));
    expect(await fleet.query('select id from limner_jobs.job')).toHaveLength(2);
    endAll();
  });
});
