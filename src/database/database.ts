/**
 * The database as its users see it: prepared reads at any time, and writes as named operations, each a transaction
 * of its own. Whether operations share a commit (SQLite) or run in parallel (PostgreSQL) is the implementation's.
 */
import type { Prepared } from './prepared.ts';

/** A job as it becomes durable; who works on it when is the queue's (`jobs/job-queue.ts`). */
export interface NewJob {
  readonly taskId: string;
  readonly lane: string;
  readonly keyId: string;
  readonly createdAtMs: number;
}

/** Runs prepared statements. */
export interface Connection {
  /** The rows that the statement brings. */
  all<Values, Row>(query: Prepared<Values, Row>, values: Values): Promise<readonly Row[]>;
  /** How many rows the statement changed. */
  run<Values>(query: Prepared<Values, never>, values: Values): Promise<number>;
  /** Makes a task's job durable with the rest of the transaction: in a table (SQLite), in pg-boss (PostgreSQL). */
  enqueue(job: NewJob): Promise<void>;
  /** Nobody need work on the task any more. */
  dequeue(taskId: string): Promise<void>;
  /** Nothing of this transaction is kept; what the operation returns is answered all the same. */
  undo(): void;
}

/**
 * What an operation does inside its transaction: all of it happens, or nothing. Run twice with the same parameters it
 * must leave what one run leaves: it is run again after a conflict, and when the connection broke and nobody knows
 * whether the commit was done.
 */
export type Transact<Parameters, Result> = (
  connection: Connection,
  parameters: Parameters,
) => Promise<Result>;

/** A named write. Parameters and result are plain data, since they may cross threads. */
export interface Operation<Parameters, Result> {
  readonly name: string;
  readonly transact: Transact<Parameters, Result>;
}

/** Names a write. */
export const operation = <Parameters, Result>(
  name: string,
  transact: Transact<Parameters, Result>,
): Operation<Parameters, Result> => ({ name, transact });

export interface Database {
  readonly read: Pick<Connection, 'all'>;
  /** Runs the operation in a transaction; on return it survives a power cut. */
  write<Parameters, Result>(
    operation: Operation<Parameters, Result>,
    parameters: Parameters,
  ): Promise<Result>;
  close(): Promise<void>;
}

/** The first row, or `undefined`. */
export const firstRow = async <Values, Row>(
  connection: Pick<Connection, 'all'>,
  query: Prepared<Values, Row>,
  values: Values,
): Promise<Row | undefined> => (await connection.all(query, values))[0];
