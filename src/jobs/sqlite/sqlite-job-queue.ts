import type { Clock } from '../../core/clock.ts';
import { type Database, operation } from '../../database/database.ts';
import { prepare } from '../../database/prepared.ts';
import type { JobRow, TaskRow } from '../../database/schema.ts';
import { createFairQueue, type FairQueue } from '../fair-queue.ts';
import { createHeldJobs, type HeldJobs } from '../held-jobs.ts';
import type { Job, JobQueue, JobWorker } from '../job-queue.ts';

const addMissingJobs = prepare<Record<never, never>>('addMissingJobs', (db) =>
  db
    .insertInto('jobs')
    .columns(['task_id', 'lane', 'key_id'])
    .expression((eb) =>
      eb
        .selectFrom('tasks')
        .select(['id as task_id', 'model as lane', 'key_id'])
        // NOTE: a task that has ended and is claimed has calls that an upstream has.
        .where((where) =>
          where.or([where('status', 'in', ['pending', 'processing']), where('claim', 'is not', null)]),
        )
        .where('id', 'not in', (open) => open.selectFrom('jobs').select('task_id')),
    ),
);

const restoreJobs = operation('restoreJobs', (connection) => connection.run(addMissingJobs, {}));

/** The writes of this queue. @public loaded by the writer thread, by name. */
export const operations = [restoreJobs];

const allJobs = prepare<Record<never, never>, JobRow & Pick<TaskRow, 'status' | 'created_at'>>(
  'allJobs',
  (db) =>
    db
      .selectFrom('jobs')
      .innerJoin('tasks', 'tasks.id', 'jobs.task_id')
      .select(['jobs.task_id', 'jobs.lane', 'jobs.key_id', 'tasks.status', 'tasks.created_at'])
      .orderBy('jobs.task_id'),
);

/** How often the queue looks for jobs whose time is over. */
const EXPIRE_EVERY_MS = 1_000;

/** A queue at work. */
interface Running {
  readonly worker: JobWorker;
  readonly held: HeldJobs;
}

/**
 * The queue of a single process: the table says which tasks are open, memory says whose turn it is. The data
 * folder's lock makes sure that nobody else works on the same table.
 *
 * @param settings.onFault hears what a handler threw.
 */
export const createSqliteJobQueue = (settings: {
  readonly database: Database;
  readonly clock: Clock;
  readonly onFault: (job: Job, fault: unknown) => void;
}): JobQueue => {
  const { database, clock } = settings;
  const lanes = new Map<string, FairQueue<Job>>();
  let running: Running | undefined;
  let cancelExpiry = (): void => {};

  const laneOf = (job: Job): FairQueue<Job> => {
    let lane = lanes.get(job.lane);
    if (lane === undefined) {
      lane = createFairQueue();
      lanes.set(job.lane, lane);
    }
    return lane;
  };

  const advanceLane = ({ worker, held }: Running, name: string, lane: FairQueue<Job>): void => {
    while (lane.size > 0) {
      const turn = worker.reserve(name);
      if (turn === undefined) return;
      const job = lane.shift();
      if (job === undefined) turn.giveBack();
      else held.begin(job, turn);
    }
  };

  const expire = (): void => {
    if (running === undefined) return;
    const { worker, held } = running;
    for (const lane of lanes.values()) {
      for (const job of lane.shiftWhile((each) => worker.isOverdue(each))) held.begin(job);
    }
    cancelExpiry = clock.after(EXPIRE_EVERY_MS, expire);
  };

  const advance = (): void => {
    if (running === undefined) return;
    for (const [name, lane] of lanes) advanceLane(running, name, lane);
  };

  return {
    start: async (worker) => {
      await database.write(restoreJobs, undefined);
      const held = createHeldJobs({ worker, clock, onFault: settings.onFault });
      running = { worker, held };
      const begun: Job[] = [];
      for (const row of await database.read.all(allJobs, {})) {
        const job = { taskId: row.task_id, lane: row.lane, keyId: row.key_id, createdAtMs: row.created_at };
        // NOTE: what had begun before a crash does not queue again: an upstream may be at work on it, or done.
        if (row.status === 'pending') laneOf(job).push(job.keyId, job);
        else begun.push(job);
      }
      void held.recover(begun);
      advance();
      cancelExpiry = clock.after(EXPIRE_EVERY_MS, expire);
    },
    announce: (job) => {
      const lane = laneOf(job);
      lane.push(job.keyId, job);
      if (running !== undefined) advanceLane(running, job.lane, lane);
    },
    wake: (taskId) => running?.held.wake(taskId),
    advance,
    get queued() {
      return [...lanes.values()].reduce((sum, lane) => sum + lane.size, 0);
    },
    get beginsEveryMs() {
      return running?.held.beginsEveryMs ?? 0;
    },
    stop: async () => {
      const stopping = running;
      running = undefined;
      cancelExpiry();
      await stopping?.held.stop();
    },
  };
};
