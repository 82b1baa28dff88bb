import { Client, type ClientBase, Pool, type PoolClient, types } from 'pg';
import type { Clock } from '../../core/clock.ts';
import { LimnerError } from '../../core/errors.ts';
import { compileStatements } from '../compile.ts';
import type { Connection, Database, NewJob } from '../database.ts';
import { migratePostgres } from './migrate-postgres.ts';
import { createPostgresConnection } from './postgres-connection.ts';
import { classifyPostgresFault } from './postgres-faults.ts';
import { checkNoMove } from './unfinished-move.ts';

/** Makes a job durable in the transaction of this client. */
export type EnqueueJob = (client: ClientBase, job: NewJob) => Promise<void>;

/** How long a server that is away is waited for: longer than a restart of it takes. */
const PATIENCE_MS = 10_000;

/** No statement takes longer: a server that is silent for so long is away. */
const SILENCE_MS = 30_000;

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1_000;

/** How often a transaction that loses against others is run again. */
const MOST_CONFLICTS = 20;

// A bigint comes as a number: times in milliseconds and counts stay far below 2^53.
types.setTypeParser(types.builtins.INT8, Number);

/**
 * Opens a PostgreSQL database and brings its schema up to date. Reads and writes run over a pool; an operation that
 * loses against another one is run again, and so is one that finds the server away, for a while.
 *
 * @param settings.enqueue where jobs go, inside the transaction that makes their task.
 * @throws Error when the server cannot be reached, when the schema is newer than this program, or when an installation
 * is being moved here.
 */
export const openPostgresDatabase = async (settings: {
  readonly url: string;
  readonly clock: Clock;
  /** Connections at once. */
  readonly connections: number;
  readonly enqueue: EnqueueJob;
}): Promise<Database> => {
  const { url, clock, enqueue } = settings;
  const first = new Client({ connectionString: url, application_name: 'limner' });
  await first.connect();
  try {
    await migratePostgres(first);
    await checkNoMove(first);
  } finally {
    await first.end();
  }

  const statements = compileStatements('postgres');
  const pool = new Pool({
    connectionString: url,
    application_name: 'limner',
    max: settings.connections,
    connectionTimeoutMillis: PATIENCE_MS,
    query_timeout: SILENCE_MS,
    keepAlive: true,
  });
  // NOTE: a connection that breaks tells whoever waits for a statement of it, and nobody waits between two of them. It
  // leaves the pool by itself, or when its next statement fails.
  const ignore = (): void => {};
  pool.on('error', ignore);
  pool.on('connect', (client) => client.on('error', ignore));

  const pause = (delayMs: number): Promise<void> =>
    new Promise((resolve) => {
      clock.after(delayMs, resolve);
    });

  /** Runs the work again while the server is away, and when it lost against another transaction. */
  const persevere = async <Result>(work: () => Promise<Result>): Promise<Result> => {
    const untilMs = clock.nowMs() + PATIENCE_MS;
    let pauseMs = FIRST_PAUSE_MS;
    for (let conflicts = 0; ;) {
      try {
        return await work();
      } catch (fault) {
        const kind = classifyPostgresFault(fault);
        if (kind === 'conflict' && conflicts < MOST_CONFLICTS) {
          conflicts += 1;
        } else if (kind === 'away') {
          if (clock.nowMs() >= untilMs) {
            throw new LimnerError(
              'database_unavailable',
              'The database cannot be reached now. Send the request again in a moment.',
              { cause: fault },
            );
          }
          await pause(pauseMs);
          pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
        } else throw fault;
      }
    }
  };

  const transact = async <Result>(work: (connection: Connection) => Promise<Result>): Promise<Result> => {
    const client: PoolClient = await pool.connect();
    try {
      await client.query('begin');
      let isUndone = false;
      const result = await work({
        ...createPostgresConnection(client, statements),
        enqueue: (job) => enqueue(client, job),
        // The worker that holds the job lets it go: it finds that its task has ended.
        dequeue: () => Promise.resolve(),
        undo: () => {
          isUndone = true;
        },
      });
      await client.query(isUndone ? 'rollback' : 'commit');
      client.release();
      return result;
    } catch (fault) {
      // A connection that broke, or whose transaction cannot be undone, is not used again.
      const isUndone = await client.query('rollback').then(
        () => true,
        () => false,
      );
      client.release(!isUndone);
      throw fault;
    }
  };

  const read = createPostgresConnection(pool, statements);
  return {
    read: { all: (query, values) => persevere(() => read.all(query, values)) },
    write: (operation, parameters) =>
      persevere(() => transact((connection) => operation.transact(connection, parameters))),
    close: () => pool.end(),
  };
};
