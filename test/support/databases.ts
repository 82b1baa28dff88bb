/** The databases that Limner runs on, each with all its tables and no rows. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Client } from 'pg';
import { inject } from 'vitest';
import type { Database } from '../../src/database/database.ts';
import { openPostgresDatabase } from '../../src/database/postgres/postgres-database.ts';
import { openSqliteDatabase } from '../../src/database/sqlite/sqlite-database.ts';
import { type JobBoard, openJobBoard } from '../../src/jobs/pg-boss/job-board.ts';
import { enqueueOn } from '../../src/jobs/pg-boss/pg-boss-job-queue.ts';
import { systemClock } from '../../src/observe/system-clock.ts';

/** A database and a way into it past the program. */
export interface TestDatabase {
  readonly database: Database;
  /** Runs one statement as it stands. */
  readonly query: (sql: string) => Promise<readonly Record<string, unknown>[]>;
  readonly close: () => Promise<void>;
}

/** A PostgreSQL database with the job board that belongs to it. */
export interface TestPostgres extends TestDatabase {
  readonly url: string;
  readonly board: JobBoard;
}

/** What the writer of a SQLite file runs. */
export const operationModules = [
  'tasks/task-operations',
  'jobs/sqlite/sqlite-job-queue',
  'access/sql-key-store',
  'webhooks/webhook-operations',
].map((module) => new URL(`../../src/${module}.ts`, import.meta.url).href);

/** A SQLite file of the test's own. */
export const openTestSqlite = async (): Promise<TestDatabase> => {
  const folder = await mkdtemp(join(tmpdir(), 'limner-database-'));
  const file = join(folder, 'limner.db');
  const database = await openSqliteDatabase({ file, operationModules });
  const rows = new DatabaseSync(file);
  return {
    database,
    query: (sql) => Promise.resolve(rows.prepare(sql).all()),
    close: async () => {
      await database.close();
      rows.close();
      await rm(folder, { recursive: true });
    },
  };
};

/** The address of a new PostgreSQL database. */
export const newPostgresUrl = async (): Promise<string> => {
  const answer = await fetch(inject('postgresDesk'));
  const text = await answer.text();
  if (!answer.ok) throw new Error(`There is no PostgreSQL: ${text}`);
  return text;
};

/** The address of a new PostgreSQL database without a table. */
export const emptyPostgresUrl = async (): Promise<string> => {
  const url = await newPostgresUrl();
  const client = new Client(url);
  await client.connect();
  await client.query('drop schema limner_jobs cascade; drop schema public cascade; create schema public');
  await client.end();
  return url;
};

/** A new PostgreSQL database, with queues for these lanes. */
export const openTestPostgres = async (...lanes: readonly string[]): Promise<TestPostgres> => {
  const url = await newPostgresUrl();
  const settings = { url, clock: systemClock, connections: 4 };
  const faults: unknown[] = [];
  const board = await openJobBoard({
    ...settings,
    isWatching: false,
    onFault: (fault) => faults.push(fault),
  });
  for (const lane of lanes) await board.ensureQueue(`lane.${lane}`);
  const database = await openPostgresDatabase({ ...settings, enqueue: enqueueOn(board) });
  const rows = new Client(url);
  await rows.connect();
  return {
    url,
    board,
    database,
    query: async (sql) => (await rows.query(sql)).rows,
    close: async () => {
      await board.close();
      await database.close();
      await rows.end();
      if (faults.length > 0) throw faults[0];
    },
  };
};

/** Both kinds, by the name that a suite has for them. */
export const testDatabases: readonly (readonly [
  string,
  (...lanes: readonly string[]) => Promise<TestDatabase>,
])[] = [
  ['SQLite file', openTestSqlite],
  ['PostgreSQL', openTestPostgres],
];
