/**
 * pg-boss as Limner uses it: jobs that a node takes, keeps while it gives signs of life, and puts away. A node that
 * gives none any more loses its jobs to others.
 */
import { Client, type ClientBase } from 'pg';
import { type JobAttempt, PgBoss } from 'pg-boss';
import type { Clock } from '../../core/clock.ts';
import { BOARD_SCHEMA, checkBoardSchema } from './board-schema.ts';

/** A node that has given no sign of life for this long loses its jobs: the shortest time that pg-boss knows is 10. */
const LOST_AFTER_SECONDS = 12;

/** How often a node gives a sign of life, and somebody looks for those who give none. */
const ALIVE_EVERY_MS = 4_000;
const LOOK_EVERY_SECONDS = 5;

/** How long jobs that are done wait for others, to be put away together. */
const PUT_AWAY_AFTER_MS = 20;

/** Jobs named in one statement. */
const TOGETHER = 1_000;

const queueOptions = {
  heartbeatSeconds: LOST_AFTER_SECONDS,
  // A job belongs to its task: it is tried for as long as that is open.
  retryLimit: 1_000_000,
  retryDelay: 0,
  expireInSeconds: 24 * 60 * 60,
  retentionSeconds: 365 * 24 * 60 * 60,
};

/** A job to be put up. */
export interface NewBoardJob {
  /** A UUID; a job that is there already stays as it is. */
  readonly id: string;
  readonly data: object;
  /** Jobs of one group can be passed over. */
  readonly group?: string;
}

/** A job that this node has taken. */
export interface TakenJob<Data> {
  readonly id: string;
  readonly data: Data;
  /** Whether another node had it before and was lost, or let it go. */
  readonly isTakenOver: boolean;
}

export interface JobBoard {
  /** Makes a queue unless it is there. */
  ensureQueue(queue: string): Promise<void>;
  /** Puts jobs up, in the transaction of this client when one is given. */
  put(queue: string, jobs: readonly NewBoardJob[], client?: ClientBase): Promise<void>;
  /** Takes up to so many jobs, oldest first, none of these groups. */
  take<Data>(
    queue: string,
    count: number,
    ignoredGroups: readonly string[],
  ): Promise<readonly TakenJob<Data>[]>;
  /** Puts a job away for good; soon, together with others. */
  finish(queue: string, jobId: string): void;
  /** Lets jobs go, for others to take at once. */
  release(queue: string, jobIds: readonly string[]): Promise<void>;
  /** Begins to give signs of life for what was taken, and to look for nodes that give none. */
  watch(): void;
  close(): Promise<void>;
}

/**
 * Connects to pg-boss and brings its tables up to date.
 *
 * @param settings.isWatching whether this node looks for others that were lost: workers do.
 * @param settings.onLost hears of a job that another node has now.
 * @throws Error when the database cannot be reached.
 * @throws NewerSchema when a newer program has been here.
 */
export const openJobBoard = async (settings: {
  readonly url: string;
  readonly clock: Clock;
  readonly connections: number;
  readonly isWatching: boolean;
  readonly onFault: (fault: unknown) => void;
  readonly onLost?: (jobId: string) => void;
}): Promise<JobBoard> => {
  const { clock, onFault, onLost = () => {} } = settings;
  const first = new Client({ connectionString: settings.url, application_name: 'limner jobs' });
  try {
    await first.connect();
    await checkBoardSchema(first);
  } finally {
    await first.end();
  }
  const boss = new PgBoss({
    connectionString: settings.url,
    application_name: 'limner jobs',
    schema: BOARD_SCHEMA,
    max: settings.connections,
    schedule: false,
    supervise: settings.isWatching,
    superviseIntervalSeconds: LOOK_EVERY_SECONDS,
    monitorIntervalSeconds: LOOK_EVERY_SECONDS,
    registerInstance: false,
    openTelemetry: { enabled: false },
  });
  boss.on('error', onFault);
  await boss.start();

  /** What this node has taken, by queue and id. */
  const taken = new Map<string, Map<string, JobAttempt>>();
  let done = new Map<string, JobAttempt[]>();
  let isClosed = false;
  let cancelPutAway: (() => void) | undefined;
  let cancelWatch = (): void => {};
  let puttingAway: Promise<void> = Promise.resolve();

  const takenOf = (queue: string): Map<string, JobAttempt> => {
    const known = taken.get(queue) ?? new Map<string, JobAttempt>();
    taken.set(queue, known);
    return known;
  };

  const putAway = async (): Promise<void> => {
    cancelPutAway = undefined;
    const batches = done;
    done = new Map();
    for (const [queue, attempts] of batches) {
      // A job that stays by a fault is taken by another node, which finds that its task has ended.
      await boss.deleteJob(queue, attempts).catch(onFault);
    }
  };

  const giveSigns = async (): Promise<void> => {
    for (const [queue, jobs] of taken) {
      const attempts = [...jobs.values()];
      for (let next = 0; next < attempts.length; next += TOGETHER) {
        const batch = attempts.slice(next, next + TOGETHER);
        const { settled = [] } = (await boss.touch(queue, batch)) as { readonly settled?: readonly string[] };
        const kept = new Set(settled);
        for (const { id } of batch) if (!kept.has(id) && jobs.delete(id)) onLost(id);
      }
    }
  };

  const watch = (): void => {
    if (isClosed) return;
    cancelWatch = clock.after(ALIVE_EVERY_MS, () => {
      void giveSigns().catch(onFault).then(watch);
    });
  };

  return {
    ensureQueue: async (queue) => {
      await boss.createQueue(queue, queueOptions);
      await boss.updateQueue(queue, queueOptions);
    },
    put: async (queue, jobs, client) => {
      const inserts = jobs.map(({ id, data, group }) => ({
        id,
        data,
        ...(group !== undefined && { group: { id: group } }),
      }));
      await boss.insert(queue, inserts, {
        ...(client !== undefined && {
          db: { executeSql: (text: string, values?: unknown[]) => client.query(text, values) },
        }),
      });
    },
    take: async <Data>(queue: string, count: number, ignoredGroups: readonly string[]) => {
      const jobs = await boss.fetch<Data>(queue, { batchSize: count, ignoreGroups: [...ignoredGroups] });
      const mine = takenOf(queue);
      return jobs.map((job) => {
        const { retryCount } = job as unknown as { readonly retryCount: number };
        mine.set(job.id, { id: job.id, retryCount });
        return { id: job.id, data: job.data, isTakenOver: retryCount > 0 };
      });
    },
    finish: (queue, jobId) => {
      const jobs = takenOf(queue);
      const attempt = jobs.get(jobId);
      if (attempt === undefined) return;
      jobs.delete(jobId);
      const batch = done.get(queue) ?? [];
      done.set(queue, batch);
      batch.push(attempt);
      cancelPutAway ??= clock.after(PUT_AWAY_AFTER_MS, () => {
        puttingAway = puttingAway.then(putAway);
      });
    },
    release: async (queue, jobIds) => {
      const jobs = takenOf(queue);
      const attempts = jobIds.flatMap((id) => jobs.get(id) ?? []);
      for (const id of jobIds) jobs.delete(id);
      if (attempts.length > 0) await boss.fail(queue, attempts);
    },
    watch,
    close: async () => {
      isClosed = true;
      cancelWatch();
      cancelPutAway?.();
      await puttingAway;
      await putAway();
      await boss.stop({ graceful: false });
    },
  };
};
