import type { Clock } from '../../core/clock.ts';
import { type Database, operation } from '../../database/database.ts';
import { prepare } from '../../database/prepared.ts';
import type { JobRow, TaskRow } from '../../database/schema.ts';
import { createFairQueue, type FairQueue } from '../fair-queue.ts';
import type { Job, JobQueue, JobResult, JobWorker } from '../job-queue.ts';

const addMissingJobs = prepare<Record<never, never>>('addMissingJobs', (db) =>
  db
    .insertInto('jobs')
    .columns(['task_id', 'lane', 'key_id'])
    .expression((eb) =>
      eb
        .selectFrom('tasks')
        .select(['id as task_id', 'model as lane', 'key_id'])
        .where('status', 'in', ['pending', 'processing'])
        .where('id', 'not in', (open) => open.selectFrom('jobs').select('task_id')),
    ),
);

const restoreJobs = operation('restoreJobs', (connection) => connection.run(addMissingJobs, {}));

/** The writes of this queue, for the thread that runs them by name. */
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

/** How long a job rests after its handler threw: a fault of ours must not become a busy loop. */
const PAUSE_AFTER_FAULT_MS = 5_000;

/** Of how many jobs the rate is told at which they begin. */
const LATE_BEGINS = 32;

/** How many jobs that had begun before a crash go on together: their upstreams shall not meet all of them at once. */
const RECOVERED_TOGETHER = 64;

/** How long such jobs are waited for: one that waits itself, for a place or a slow answer, holds up nobody. */
const RECOVER_EVERY_MS = 250;

/** How often the queue looks for jobs whose time is over. */
const EXPIRE_EVERY_MS = 1_000;

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
  const { database, clock, onFault } = settings;
  const lanes = new Map<string, FairQueue<Job>>();
  const atWork = new Map<string, Promise<void>>();
  /** Jobs woken while their handler was at work: they are handled once more. */
  const woken = new Set<string>();
  const resting = new Map<string, { readonly job: Job; readonly cancel: () => void }>();
  /** When the last jobs left their lanes, oldest first. */
  const beganAtMs: number[] = [];
  let worker: JobWorker | undefined;
  let isStopped = false;

  const laneOf = (job: Job): FairQueue<Job> => {
    let lane = lanes.get(job.lane);
    if (lane === undefined) {
      lane = createFairQueue();
      lanes.set(job.lane, lane);
    }
    return lane;
  };

  const settle = (job: Job, result: JobResult): void => {
    const wasWoken = woken.delete(job.taskId);
    if (result.next === 'done' || isStopped) return;
    if (wasWoken) begin(job);
    else rest(job, result.atMs);
  };

  const begin = (job: Job): void => {
    if (worker === undefined || isStopped) return;
    const work = worker.handle(job).then(
      (result) => {
        atWork.delete(job.taskId);
        settle(job, result);
      },
      (fault: unknown) => {
        atWork.delete(job.taskId);
        onFault(job, fault);
        settle(job, { next: 'again', atMs: clock.nowMs() + PAUSE_AFTER_FAULT_MS });
      },
    );
    atWork.set(job.taskId, work);
  };

  const rest = (job: Job, untilMs: number): void => {
    const cancel = clock.after(Math.max(0, untilMs - clock.nowMs()), () => {
      resting.delete(job.taskId);
      begin(job);
    });
    resting.set(job.taskId, { job, cancel });
  };

  /** Goes on with jobs of an earlier process, a few at a time. */
  const recover = async (jobs: readonly Job[]): Promise<void> => {
    for (let next = 0; next < jobs.length && !isStopped; next += RECOVERED_TOGETHER) {
      const batch = jobs.slice(next, next + RECOVERED_TOGETHER);
      for (const job of batch) begin(job);
      await new Promise<void>((resolve) => {
        const cancel = clock.after(RECOVER_EVERY_MS, resolve);
        void Promise.all(batch.flatMap((job) => atWork.get(job.taskId) ?? [])).then(() => {
          cancel();
          resolve();
        });
      });
    }
  };

  const advanceLane = (lane: FairQueue<Job>): void => {
    for (let job = lane.peek(); job !== undefined && worker?.admit(job) === true; job = lane.peek()) {
      lane.shift();
      beganAtMs.push(clock.nowMs());
      if (beganAtMs.length > LATE_BEGINS) beganAtMs.shift();
      begin(job);
    }
  };

  const advance = (): void => {
    if (worker === undefined || isStopped) return;
    for (const lane of lanes.values()) advanceLane(lane);
  };

  const expire = (): void => {
    if (worker === undefined || isStopped) return;
    const working = worker;
    for (const lane of lanes.values()) {
      for (const job of lane.shiftWhile((each) => working.isOverdue(each))) begin(job);
    }
    clock.after(EXPIRE_EVERY_MS, expire);
  };

  return {
    start: async (starting) => {
      await database.write(restoreJobs, undefined);
      worker = starting;
      const begun: Job[] = [];
      for (const row of await database.read.all(allJobs, {})) {
        const job = { taskId: row.task_id, lane: row.lane, keyId: row.key_id, createdAtMs: row.created_at };
        // NOTE: what had begun before a crash does not queue again: an upstream may be at work on it, or done.
        if (row.status === 'processing') begun.push(job);
        else laneOf(job).push(job.keyId, job);
      }
      void recover(begun);
      advance();
      clock.after(EXPIRE_EVERY_MS, expire);
    },
    announce: (job) => {
      const lane = laneOf(job);
      lane.push(job.keyId, job);
      if (worker !== undefined && !isStopped) advanceLane(lane);
    },
    wake: (taskId) => {
      const rested = resting.get(taskId);
      if (rested !== undefined) {
        rested.cancel();
        resting.delete(taskId);
        begin(rested.job);
      } else if (atWork.has(taskId)) woken.add(taskId);
    },
    advance,
    get queued() {
      return [...lanes.values()].reduce((sum, lane) => sum + lane.size, 0);
    },
    get beginsEveryMs() {
      // Until now, so that it grows while nothing begins.
      const [oldest] = beganAtMs;
      return oldest === undefined ? 0 : (clock.nowMs() - oldest) / beganAtMs.length;
    },
    stop: async () => {
      isStopped = true;
      for (const { cancel } of resting.values()) cancel();
      resting.clear();
      await Promise.all(atWork.values());
    },
  };
};
