/**
 * The one writer of a SQLite file, on a thread of its own, because a durable commit waits for the disk and the
 * event loop must not. All operations of a message share one commit.
 */
import { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import type { Statement } from '../compile.ts';
import type { Connection, Operation } from '../database.ts';
import { migrateSqlite } from './migrate-sqlite.ts';
import { createSqliteConnection } from './sqlite-connection.ts';

/** What the thread is started with. */
export interface WriterSettings {
  readonly file: string;
  /** Modules whose exported operations may be asked for. */
  readonly operationModules: readonly string[];
  /** All prepared statements, so that the thread needs no query builder. */
  readonly statements: ReadonlyMap<string, Statement>;
}

/** One write to be done. */
export interface WriteRequest {
  readonly name: string;
  readonly parameters: unknown;
}

/** What became of it. */
export type WriteResult = { readonly result: unknown } | { readonly error: Error };

const settings = workerData as WriterSettings;
const port = parentPort;
if (port === null) throw new Error('writer-thread.ts runs as a worker thread only');

const operations = new Map<string, Operation<unknown, unknown>>();
for (const module of settings.operationModules) {
  const exported = (await import(module)) as { readonly operations: readonly Operation<unknown, unknown>[] };
  for (const operation of exported.operations) operations.set(operation.name, operation);
}

const handle = new DatabaseSync(settings.file, { timeout: 10_000 });
handle.exec('PRAGMA journal_mode = WAL');
handle.exec('PRAGMA synchronous = FULL');
handle.exec('PRAGMA foreign_keys = ON');
handle.exec('PRAGMA cache_size = -16000');
migrateSqlite(handle);
let isUndone = false;
const connection: Connection = {
  ...createSqliteConnection(handle, settings.statements),
  undo: () => {
    isUndone = true;
  },
};

const asError = (thrown: unknown): Error => (thrown instanceof Error ? thrown : new Error(String(thrown)));

/** Runs one operation so that its failure undoes nothing but itself. */
const transact = async (request: WriteRequest): Promise<WriteResult> => {
  const operation = operations.get(request.name);
  if (operation === undefined) return { error: new Error(`There is no operation ${request.name}`) };
  handle.exec('SAVEPOINT operation');
  isUndone = false;
  try {
    const result = await operation.transact(connection, request.parameters);
    handle.exec(isUndone ? 'ROLLBACK TO operation; RELEASE operation' : 'RELEASE operation');
    return { result };
  } catch (thrown) {
    // NOTE: some faults (disk full) have already rolled everything back; then the whole batch fails at COMMIT.
    if (handle.isTransaction) handle.exec('ROLLBACK TO operation; RELEASE operation');
    return { error: asError(thrown) };
  }
};

const transactTogether = async (requests: readonly WriteRequest[]): Promise<readonly WriteResult[]> => {
  try {
    handle.exec('BEGIN IMMEDIATE');
    const results: WriteResult[] = [];
    for (const request of requests) results.push(await transact(request));
    handle.exec('COMMIT');
    return results;
  } catch (thrown) {
    if (handle.isTransaction) handle.exec('ROLLBACK');
    return requests.map(() => ({ error: asError(thrown) }));
  }
};

port.on('message', (message: readonly WriteRequest[] | 'close') => {
  if (message === 'close') {
    handle.close();
    port.close();
    return;
  }
  void transactTogether(message).then((results) => port.postMessage(results));
});
port.postMessage('ready');
