/** Moves the rows of a SQLite file into a PostgreSQL, so that a move broken off anywhere is gone on with. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { link, copyFile, mkdir, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Client, type ClientBase } from 'pg';
import { migratePostgres, SCHEMA_LOCK } from '../../database/postgres/migrate-postgres.ts';
import { beginMove, endMove, readMove } from '../../database/postgres/unfinished-move.ts';
import { migrateSqlite } from '../../database/sqlite/migrate-sqlite.ts';
import { fileErrorCode, orMissing } from '../../images/durable-file.ts';
import { CannotMove } from './cannot-move.ts';
import {
  columnsOf,
  countRows,
  insertRows,
  lastKey,
  type MovedTable,
  movedTables,
  type Row,
  rowsAfter,
  ROWS_TOGETHER,
  sourceContents,
  type TableContents,
  targetContents,
} from './moved-tables.ts';

/** Hears how many rows, or files, of how many have been moved. */
export type OnMoved = (what: string, done: number, of: number) => void;

/** What came of moving the tables. */
export interface TablesMoved {
  readonly tables: readonly TableContents[];
  /** Files that wait in the spool for their tasks, which the first worker on this data folder finds. */
  readonly spooled: number;
  /** What the SQLite file is called now. */
  readonly putAside: string;
}

interface Ends {
  readonly source: DatabaseSync;
  readonly target: ClientBase;
}

const linksSecret = "select value from installation_secrets where name = 'links'";

/** Which installation a file holds: it signs its links with a secret of its own. */
const installationOf = (source: DatabaseSync, dataDir: string): string => {
  const secret = source.prepare(linksSecret).get()?.['value'];
  return createHash('sha256')
    .update(String(secret ?? dataDir))
    .digest('hex');
};

/** The tables of the target that hold something, each with how much. */
const foreignRows = async (target: ClientBase): Promise<readonly string[]> => {
  const { rows: tables } = await target.query(
    "select tablename as name from pg_tables where schemaname = current_schema() and tablename <> 'limner_schema' order by 1",
  );
  const found: string[] = [];
  for (const { name } of tables) {
    const { rows } = await target.query(`select count(*)::int as rows from "${name}"`);
    if (rows[0]?.rows > 0) found.push(`${name}: ${rows[0]?.rows}`);
  }
  return found;
};

/** Makes sure that the target is empty, or holds the beginning of this very move. */
const begin = async ({ source, target }: Ends, installation: string): Promise<void> => {
  const moving = await readMove(target);
  if (moving === installation) return;
  if (moving !== undefined) {
    throw new CannotMove(
      'Another data folder is being moved into this database. End that move, or give an empty database.',
    );
  }
  const found = await foreignRows(target);
  if (found.length === 0) return beginMove(target, installation);
  const secret = (await target.query(linksSecret)).rows[0]?.value;
  const isOurs = secret !== undefined && secret === source.prepare(linksSecret).get()?.['value'];
  throw new CannotMove(
    isOurs
      ? 'This installation was moved into the database before, and that has gone on since: nothing was done. Serve it with DATABASE_URL.'
      : `The database already has rows (${found.join(', ')}). Give an empty one: two installations cannot be made one.`,
  );
};

const copyTable = async ({ source, target }: Ends, table: MovedTable, onMoved: OnMoved): Promise<void> => {
  const columns = columnsOf(source, table);
  const total = countRows(source, table);
  const { rows: there } = await target.query(`select count(*)::int as rows from ${table.name}`);
  let done: number = there[0]?.rows ?? 0;
  let waiting: Row[] = [];
  const flush = async (): Promise<void> => {
    await insertRows(target, table, columns, waiting);
    done += waiting.length;
    waiting = [];
    onMoved(table.name, done, total);
  };
  onMoved(table.name, done, total);
  for (const row of rowsAfter(source, table, await lastKey(target, table))) {
    waiting.push(row);
    if (waiting.length === ROWS_TOGETHER) await flush();
  }
  if (waiting.length > 0) await flush();
};

const verifyTable = async ({ source, target }: Ends, table: MovedTable): Promise<TableContents> => {
  const wanted = sourceContents(source, table);
  const found = await targetContents(target, table, columnsOf(source, table));
  if (found.sha256 === wanted.sha256) return found;
  throw new CannotMove(
    `The table ${table.name} is not the same on both sides (${wanted.rows} rows here, ${found.rows} there): somebody ` +
      'wrote into the database meanwhile. Empty it, and run this again.',
  );
};

/** Gives the files of open tasks to the first node of this data folder, which looks for them at its start. */
const handOverSpool = async (dataDir: string): Promise<number> => {
  const [from, to] = [join(dataDir, 'spool'), join(dataDir, 'nodes', '1', 'spool')];
  const names = ((await orMissing(readdir(from))) ?? []).filter((name) => !name.endsWith('.part'));
  if (names.length > 0) await mkdir(to, { recursive: true, mode: 0o700 });
  for (const name of names) {
    await link(join(from, name), join(to, name)).catch(async (fault: unknown) => {
      if (fileErrorCode(fault) === 'EEXIST') return;
      await copyFile(join(from, name), join(to, name));
    });
  }
  return names.length;
};

const openSource = (file: string): DatabaseSync => {
  const source = new DatabaseSync(file, { timeout: 10_000 });
  migrateSqlite(source);
  return source;
};

const withTarget = async <Result>(
  url: string,
  work: (target: ClientBase) => Promise<Result>,
): Promise<Result> => {
  const target = new Client({ connectionString: url, application_name: 'limner move' });
  try {
    await target.connect();
    const { rows } = await target.query('select pg_try_advisory_lock($1) as isOurs', [SCHEMA_LOCK]);
    if (rows[0]?.isours !== true) {
      throw new CannotMove('Another process is changing this database. Try again when it has ended.');
    }
    await migratePostgres(target);
    return await work(target);
  } finally {
    await target.end();
  }
};

/**
 * Moves every row, compares both sides, and puts the SQLite file aside, so that nobody works on its open tasks any more.
 * Nodes that start on the target meanwhile wait for the end; when there is none, they refuse to start.
 *
 * @param settings.dataDir the source, which is held by this process.
 * @param settings.beforeEnd is done when all rows are there and before anything says so.
 * @throws CannotMove when the target is not empty, or is not the same at the end.
 */
export const moveTables = async (settings: {
  readonly dataDir: string;
  readonly url: string;
  readonly onMoved: OnMoved;
  readonly beforeEnd: (source: DatabaseSync) => Promise<void>;
}): Promise<TablesMoved> => {
  const { dataDir, url, onMoved } = settings;
  const file = join(dataDir, 'limner.db');
  const putAside = `${file}.moved`;
  const isPutAside = !existsSync(file) && existsSync(putAside);
  if (!existsSync(file) && !isPutAside) {
    throw new CannotMove(`There is no limner.db in ${dataDir}: nothing is to be moved.`);
  }
  if (existsSync(file) && existsSync(putAside)) {
    throw new CannotMove(`${putAside} is there from an earlier move. Put it away, and run this again.`);
  }
  return withTarget(url, async (target) => {
    const source = openSource(isPutAside ? putAside : file);
    try {
      const installation = installationOf(source, dataDir);
      const ends = { source, target };
      await begin(ends, installation);
      const moved = movedTables(source);
      for (const table of moved) await copyTable(ends, table, onMoved);
      await settings.beforeEnd(source);
      const tables: TableContents[] = [];
      for (const table of moved) tables.push(await verifyTable(ends, table));
      const spooled = await handOverSpool(dataDir);
      // What the write-ahead log holds goes into the file that is kept.
      source.exec('PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE');
      if (!isPutAside) await rename(file, putAside);
      await endMove(target);
      return { tables, spooled, putAside };
    } finally {
      source.close();
    }
  });
};
