import { createHash } from 'node:crypto';
import type { ClientBase } from 'pg';
import type { Bulletin } from '../../core/bulletin.ts';
import type { Clock } from '../../core/clock.ts';
import type { Database, NewJob } from '../../database/database.ts';
import { prepare } from '../../database/prepared.ts';
import type { TaskRow } from '../../database/schema.ts';
import { createHeldJobs, type HeldJobs } from '../held-jobs.ts';
import type { Job, JobQueue, JobWorker, Turn } from '../job-queue.ts';
import type { JobBoard, TakenJob } from './job-board.ts';
import { jobIdOf } from './job-id.ts';

/** Announcements travel under this topic; the text is the lane, a space and the key. */
const TOPIC = 'job';

/** Under this one, the task that something happened to. */
const WAKE_TOPIC = 'wake';

/** However quiet it is, the board is asked again after this: an announcement may be lost. */
const LOOK_EVERY_MS = 2_000;

/** How often somebody looks for tasks whose time is over before they began. */
const EXPIRE_EVERY_MS = 2_000;
const EXPIRED_TOGETHER = 50;

/** Jobs taken in one statement. */
const TAKEN_TOGETHER = 32;

/** Jobs put up again in one statement. */
const RESTORED_TOGETHER = 500;

/** How old the count of waiting tasks may be. */
const COUNTED_FOR_MS = 1_000;

/** What a job carries, for people who look at the board; the task's row is the truth. */
interface JobData {
  readonly taskId: string;
  readonly keyId: string;
  readonly createdAtMs: number;
}

type WaitingRow = Pick<TaskRow, 'id' | 'model' | 'key_id' | 'created_at'>;

const oldestWaiting = prepare<{ limit: number }, WaitingRow>('oldestWaiting', (db, value) =>
  db
    .selectFrom('tasks')
    .select(['id', 'model', 'key_id', 'created_at'])
    .where('status', '=', 'pending')
    .orderBy('id')
    .limit(value('limit')),
);

const withWorkLeft = prepare<{ after: string; limit: number }, WaitingRow>('withWorkLeft', (db, value) =>
  db
    .selectFrom('tasks')
    .select(['id', 'model', 'key_id', 'created_at'])
    .where('id', '>', value('after'))
    .where((eb) => eb.or([eb('status', 'in', ['pending', 'processing']), eb('claim', 'is not', null)]))
    .orderBy('id')
    .limit(value('limit')),
);

const countWaiting = prepare<{ most: number }, { readonly count: number }>('countWaiting', (db, value) =>
  db
    .selectFrom((waiting) =>
      waiting
        .selectFrom('tasks')
        .select('id')
        .where('status', '=', 'pending')
        .limit(value('most'))
        .as('waiting'),
    )
    .select((eb) => eb.fn.countAll<number>().as('count')),
);

/** pg-boss takes letters, digits and a few signs in a name. */
const queueOf = (lane: string): string =>
  /^[\w.-]+$/.test(lane)
    ? `lane.${lane}`
    : `lane.${createHash('sha256').update(lane).digest('hex').slice(0, 32)}`;

const toBoardJob = ({ taskId, keyId, createdAtMs }: NewJob) => ({
  id: jobIdOf(taskId),
  data: { taskId, keyId, createdAtMs } satisfies JobData,
  group: keyId,
});

const toJob = ({ id, model, key_id, created_at }: WaitingRow): Job => ({
  taskId: id,
  lane: model,
  keyId: key_id,
  createdAtMs: created_at,
});

/** Puts a task's job up in the transaction that makes the task. */
export const enqueueOn =
  (board: JobBoard) =>
  (client: ClientBase, job: NewJob): Promise<void> =>
    board.put(queueOf(job.lane), [toBoardJob(job)], client);

/** What a node knows of a lane. */
interface Lane {
  readonly name: string;
  readonly queue: string;
  /** Keys that had their turn in this round. */
  readonly served: Set<string>;
  isPulling: boolean;
  /** Whether something may have come since the last look. */
  hasNews: boolean;
  /** Whether keys outside of `served` may have jobs. */
  mayHaveOthers: boolean;
  /** Whether jobs may wait that had no turn. */
  isStarved: boolean;
}

/** The queue of a fleet, as one node sees it. */
export interface FleetJobQueue extends JobQueue {
  /** Puts up the jobs of all tasks with work left, in case the board was lost. */
  restore(): Promise<void>;
  /** Goes on with a job now, whoever has it: what it needs lies with this node. */
  adopt(job: Job): void;
}

/**
 * The queue of a fleet: pg-boss says who has a task, and this node asks it for one whenever it has a turn to give. Jobs
 * that a lost node had come back with their first place in the line.
 *
 * @param settings.lanes of which this node works; an empty list for one that only accepts tasks.
 * @param settings.mostCounted beyond this, waiting tasks are not counted.
 * @param settings.onFault hears what a handler threw, and of trouble with the board.
 */
export const createPgBossJobQueue = (settings: {
  readonly board: JobBoard;
  readonly database: Database;
  readonly bulletin: Bulletin;
  readonly clock: Clock;
  readonly lanes: readonly string[];
  readonly mostCounted: number;
  readonly onFault: (fault: unknown, job?: Job) => void;
}): FleetJobQueue => {
  const { board, database, bulletin, clock, onFault } = settings;
  const lanes = new Map<string, Lane>();
  let running:
    | { readonly worker: JobWorker; readonly held: HeldJobs; readonly jobs: Map<string, Job> }
    | undefined;
  let pulls = new Set<Promise<void>>();
  let cancelLook = (): void => {};
  let cancelExpiry = (): void => {};
  let unsubscribe = (): void => {};
  let counted = { tasks: 0, atMs: Number.NEGATIVE_INFINITY };
  let isCounting = false;

  /** Takes jobs in turns among the keys: first of keys that had none in this round, then of any. */
  const takeFairly = async (lane: Lane, count: number): Promise<readonly TakenJob<JobData>[]> => {
    let jobs: readonly TakenJob<JobData>[] = [];
    if (lane.served.size > 0 && lane.mayHaveOthers) {
      jobs = await board.take<JobData>(lane.queue, count, [...lane.served]);
      if (jobs.length < count) lane.mayHaveOthers = false;
    }
    if (jobs.length < count) {
      lane.served.clear();
      jobs = [...jobs, ...(await board.take<JobData>(lane.queue, count - jobs.length, []))];
    }
    for (const { data } of jobs) lane.served.add(data.keyId);
    return jobs;
  };

  const pullOnce = async (lane: Lane): Promise<void> => {
    if (running === undefined) return;
    const { worker, held, jobs: mine } = running;
    const turns: Turn[] = [];
    lane.isStarved = false;
    while (turns.length < TAKEN_TOGETHER) {
      const turn = worker.reserve(lane.name);
      if (turn === undefined) {
        lane.isStarved = true;
        break;
      }
      turns.push(turn);
    }
    if (turns.length === 0) return;
    const wanted = turns.length;
    try {
      const taken = await takeFairly(lane, wanted);
      if (taken.length < wanted) lane.isStarved = false;
      else lane.hasNews = true;
      for (const { id, data, isTakenOver } of taken) {
        const job: Job = { ...data, lane: lane.name };
        mine.set(id, job);
        // NOTE: the board may take a node for lost that has its jobs still.
        if (held.has(job.taskId)) continue;
        // What another node had may be at an upstream: it has its place there, whatever is free here.
        if (isTakenOver) held.begin(job);
        else held.begin(job, turns.pop());
      }
    } finally {
      for (const turn of turns) turn.giveBack();
    }
  };

  const pull = async (lane: Lane): Promise<void> => {
    lane.hasNews = true;
    if (lane.isPulling) return;
    lane.isPulling = true;
    try {
      while (lane.hasNews && running !== undefined) {
        lane.hasNews = false;
        await pullOnce(lane);
      }
    } catch (fault) {
      onFault(fault);
    } finally {
      lane.isPulling = false;
    }
  };

  const beginPull = (lane: Lane): void => {
    const pulling = pull(lane).finally(() => pulls.delete(pulling));
    pulls.add(pulling);
  };

  const look = (): void => {
    for (const lane of lanes.values()) {
      lane.mayHaveOthers = true;
      beginPull(lane);
    }
    cancelLook = clock.after(LOOK_EVERY_MS, look);
  };

  const expire = async (): Promise<void> => {
    if (running === undefined) return;
    const { worker, held } = running;
    for (const row of await database.read.all(oldestWaiting, { limit: EXPIRED_TOGETHER })) {
      const job = toJob(row);
      // Of any lane: nobody may serve this one any more.
      if (worker.isOverdue(job) && !held.has(job.taskId)) held.begin(job);
    }
  };

  const expireNowAndThen = (): void => {
    cancelExpiry = clock.after(EXPIRE_EVERY_MS, () => {
      void expire().catch(onFault).then(expireNowAndThen);
    });
  };

  const heard = (text: string): void => {
    const [laneName = '', keyId = ''] = text.split(' ', 2).map(decodeURIComponent);
    const lane = lanes.get(laneName);
    if (lane === undefined) return;
    if (!lane.served.has(keyId)) lane.mayHaveOthers = true;
    beginPull(lane);
  };

  /** Counts anew when the last count is old; the answer serves whoever asks next. */
  const recount = (): void => {
    if (isCounting || clock.nowMs() - counted.atMs < COUNTED_FOR_MS) return;
    isCounting = true;
    void database.read
      .all(countWaiting, { most: settings.mostCounted })
      .then(([row]) => (counted = { tasks: row?.count ?? 0, atMs: clock.nowMs() }))
      .catch(onFault)
      .finally(() => (isCounting = false));
  };

  return {
    start: async (worker) => {
      for (const name of settings.lanes) {
        const queue = queueOf(name);
        await board.ensureQueue(queue);
        lanes.set(name, {
          name,
          queue,
          served: new Set(),
          isPulling: false,
          hasNews: false,
          mayHaveOthers: true,
          isStarved: false,
        });
      }
      const jobs = new Map<string, Job>();
      const held = createHeldJobs({
        worker,
        clock,
        onFault: (job, fault) => onFault(fault, job),
        onDone: (job) => {
          const id = jobIdOf(job.taskId);
          jobs.delete(id);
          board.finish(queueOf(job.lane), id);
        },
      });
      running = { worker, held, jobs };
      board.watch();
      const leave = [
        bulletin.subscribe(TOPIC, heard),
        bulletin.subscribe(WAKE_TOPIC, (taskId) => held.wake(taskId)),
      ];
      unsubscribe = () => leave.forEach((each) => each());
      look();
      expireNowAndThen();
    },
    announce: ({ lane, keyId }) => {
      counted = { ...counted, tasks: counted.tasks + 1 };
      bulletin.publish(TOPIC, `${encodeURIComponent(lane)} ${encodeURIComponent(keyId)}`);
    },
    wake: (taskId) => {
      if (running?.held.has(taskId) === true) running.held.wake(taskId);
      else bulletin.publish(WAKE_TOPIC, taskId);
    },
    advance: () => {
      for (const lane of lanes.values()) if (lane.isStarved) beginPull(lane);
    },
    get queued() {
      recount();
      return counted.tasks;
    },
    get beginsEveryMs() {
      return running?.held.beginsEveryMs ?? 0;
    },
    restore: async () => {
      const ensured = new Set<string>();
      for (let after = '', count = RESTORED_TOGETHER; count === RESTORED_TOGETHER;) {
        const rows = await database.read.all(withWorkLeft, { after, limit: RESTORED_TOGETHER });
        for (const [lane, jobs] of Map.groupBy(rows.map(toJob), (job) => job.lane)) {
          // In a database that tasks were moved into, no worker has made it yet.
          if (!ensured.has(lane)) await board.ensureQueue(queueOf(lane));
          ensured.add(lane);
          await board.put(queueOf(lane), jobs.map(toBoardJob));
        }
        after = rows.at(-1)?.id ?? after;
        count = rows.length;
      }
    },
    adopt: (job) => {
      if (running?.held.has(job.taskId) === false) running.held.begin(job);
    },
    stop: async () => {
      const stopping = running;
      running = undefined;
      cancelLook();
      cancelExpiry();
      unsubscribe();
      await Promise.all(pulls);
      await stopping?.held.stop();
      for (const lane of lanes.values()) {
        const left = [...(stopping?.jobs ?? [])]
          .filter(([, job]) => job.lane === lane.name)
          .map(([id]) => id);
        await board.release(lane.queue, left).catch(onFault);
      }
    },
  };
};
