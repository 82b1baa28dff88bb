/** What a process stands on: where tasks are kept, who works when, who hears of it. Embedded it is alone with a folder. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createMemoryRequestLimiter, type RequestLimiter } from '../access/request-limiter.ts';
import type { Config } from '../config/config.ts';
import type { Clock } from '../core/clock.ts';
import type { Database } from '../database/database.ts';
import { lockFolder } from '../database/sqlite/folder-lock.ts';
import { openSqliteDatabase } from '../database/sqlite/sqlite-database.ts';
import { type Fleet, fleetOfOne } from '../fleet/fleet.ts';
import { createOwnDuties, type Duties } from '../jobs/duties.ts';
import type { Job, JobQueue } from '../jobs/job-queue.ts';
import { createSqliteJobQueue } from '../jobs/sqlite/sqlite-job-queue.ts';
import { createTaskEvents, type TaskEvents } from '../observe/events.ts';
import type { Logger } from '../observe/logger.ts';
import { moduleBeside } from '../threads/start-thread.ts';

/** The parts that differ between a process that is alone and a node of a fleet. */
export interface Backbone {
  readonly database: Database;
  readonly queue: JobQueue;
  readonly events: TaskEvents;
  readonly duties: Duties;
  readonly fleet: Fleet;
  /** Counts requests in every process that shares the database. */
  readonly limiter: RequestLimiter;
  /** Where files of this process lie, and of no other. */
  readonly folder: string;
  /** Who has what lies in that folder; absent where everybody who works has it. */
  readonly holder?: string;
  /** Takes up a task whose files lie here; absent where nobody else could have it. */
  readonly adopt?: (job: Job) => void;
  /** Lets go of everything, after the queue and the duties were stopped. */
  close(): Promise<void>;
}

/** Opens the SQLite file of a data folder; other processes may have it open too. */
export const openSqliteFile = async (dataDir: string): Promise<Database> => {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  return openSqliteDatabase({
    file: join(dataDir, 'limner.db'),
    operationModules: [
      '../tasks/task-operations',
      '../jobs/sqlite/sqlite-job-queue',
      '../access/sql-key-store',
      '../webhooks/webhook-operations',
    ].map((module) => moduleBeside(import.meta.url, module).href),
  });
};

/**
 * Takes the data folder for this process and opens the database in it.
 *
 * @throws FolderHeld when another process has the folder.
 */
export const openEmbeddedBackbone = async (
  config: Config,
  clock: Clock,
  logger: Logger,
): Promise<Backbone> => {
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
  const lock = lockFolder(config.dataDir, clock.nowMs());
  const database = await openSqliteFile(config.dataDir).catch((fault: unknown) => {
    lock.release();
    throw fault;
  });
  return {
    database,
    queue: createSqliteJobQueue({
      database,
      clock,
      onFault: (job, fault) =>
        logger.error({ task: job.taskId, err: fault }, 'a task stumbled and is tried again'),
    }),
    events: createTaskEvents(),
    duties: createOwnDuties(),
    limiter: createMemoryRequestLimiter(clock),
    fleet: fleetOfOne({ id: 'alone', role: 'all', offer: null }),
    folder: config.dataDir,
    close: async () => {
      await database.close();
      lock.release();
    },
  };
};
