/** The schema of an installation's database: which version it has, and bringing it up to this program's. */
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Config } from '../config/config.ts';
import { migrations, migrationsSince } from '../database/migrations/index.ts';
import { lockFolder } from '../database/sqlite/folder-lock.ts';
import { migrateSqlite, sqliteSchemaVersion } from '../database/sqlite/migrate-sqlite.ts';
import { systemClock } from '../observe/system-clock.ts';

/** What a database has, and what this program would bring it to. */
export interface SchemaStatus {
  readonly database: 'sqlite' | 'postgres';
  /** How many migrations it has seen; 0 for one that Limner does not know. */
  readonly version: number;
  readonly known: number;
  /** Names of the migrations that it lacks; none when it is newer than this program. */
  readonly pending: readonly string[];
  /** Of pg-boss's own tables, in PostgreSQL. */
  readonly jobs?: { readonly version: number; readonly known: number };
}

/** Whether nothing is left to migrate, and nothing is newer than this program. */
export const isUpToDate = ({ version, known, jobs }: SchemaStatus): boolean =>
  version === known && (jobs === undefined || jobs.version === jobs.known);

const statusOf = (database: SchemaStatus['database'], version: number): SchemaStatus => ({
  database,
  version,
  known: migrations.length,
  pending: migrations.slice(version).map(({ name }) => name),
});

const sqliteStatus = (dataDir: string): SchemaStatus => {
  const file = join(dataDir, 'limner.db');
  if (!existsSync(file)) return statusOf('sqlite', 0);
  const handle = new DatabaseSync(file, { readOnly: true, timeout: 10_000 });
  try {
    return statusOf('sqlite', sqliteSchemaVersion(handle));
  } finally {
    handle.close();
  }
};

const postgresStatus = async (url: string): Promise<SchemaStatus> => {
  const [{ Client }, { postgresSchemaVersion }, { boardSchemaVersion, knownBoardVersion }] =
    await Promise.all([
      import('pg'),
      import('../database/postgres/migrate-postgres.ts'),
      import('../jobs/pg-boss/board-schema.ts'),
    ]);
  const client = new Client({ connectionString: url, application_name: 'limner' });
  try {
    await client.connect();
    return {
      ...statusOf('postgres', await postgresSchemaVersion(client)),
      jobs: { version: await boardSchemaVersion(client), known: knownBoardVersion },
    };
  } finally {
    await client.end();
  }
};

/** Looks, and changes nothing: not even a file is made. */
export const schemaStatus = async ({
  database,
  dataDir,
}: Pick<Config, 'database' | 'dataDir'>): Promise<SchemaStatus> =>
  database.kind === 'sqlite' ? sqliteStatus(dataDir) : postgresStatus(database.url.reveal());

const migrateFile = async (dataDir: string): Promise<void> => {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const lock = lockFolder(dataDir, systemClock.nowMs());
  try {
    const handle = new DatabaseSync(join(dataDir, 'limner.db'), { timeout: 10_000 });
    handle.exec('PRAGMA journal_mode = WAL');
    migrateSqlite(handle);
    handle.close();
  } finally {
    lock.release();
  }
};

const migrateServer = async (url: string): Promise<void> => {
  const [{ openPostgresDatabase }, { openJobBoard }] = await Promise.all([
    import('../database/postgres/postgres-database.ts'),
    import('../jobs/pg-boss/job-board.ts'),
  ]);
  const settings = { url, clock: systemClock, connections: 1 };
  const database = await openPostgresDatabase({ ...settings, enqueue: () => Promise.resolve() });
  await database.close();
  const board = await openJobBoard({ ...settings, isWatching: false, onFault: () => {} });
  await board.close();
};

/**
 * Brings the schema up to this program's version, as a start of the server does. @returns what it was before.
 *
 * @throws NewerSchema when a newer program has been here.
 * @throws FolderHeld when there is something to do in a SQLite file that a process works on.
 */
export const migrateSchema = async (config: Pick<Config, 'database' | 'dataDir'>): Promise<SchemaStatus> => {
  const before = await schemaStatus(config);
  migrationsSince(before.version);
  if (isUpToDate(before)) return before;
  if (config.database.kind === 'sqlite') await migrateFile(config.dataDir);
  else await migrateServer(config.database.url.reveal());
  return before;
};
