/**
 * Statements written once with Kysely, compiled once per database and run with values: building a query costs
 * more than running it, and the hot paths run thousands a second.
 */
import type { Compilable, Kysely } from 'kysely';
import type { Tables } from './schema.ts';

/** A value that both databases store as it is. */
export type SqlValue = string | number | null;

/**
 * Adds to a `select` that the rows it finds stay as they are until the transaction ends. PostgreSQL locks them; in
 * SQLite nobody else writes meanwhile.
 */
export type LockRows = <Query extends { forUpdate(): Query }>(query: Query) => Query;

/** Builds a statement; `value('name')` stands for a value that is given at each run. */
export type BuildStatement = (
  db: Kysely<Tables>,
  value: (name: string) => never,
  lockRows: LockRows,
) => Compilable<unknown>;

/** A statement that takes `Values` and brings rows of `Row`. */
export interface Prepared<Values, Row> {
  readonly name: string;
  /** Carries the types only. */
  readonly types?: { readonly values: Values; readonly row: Row };
}

const builders = new Map<string, BuildStatement>();

/**
 * Writes a statement down under a name of its own.
 *
 * @example prepare<{ id: string }, TaskRow>('taskById', (db, value) =>
 *   db.selectFrom('tasks').selectAll().where('id', '=', value('id')))
 * @throws Error when two statements have one name.
 */
export const prepare = <Values extends Readonly<Record<keyof Values, SqlValue>>, Row = never>(
  name: string,
  build: (
    db: Kysely<Tables>,
    value: <Name extends keyof Values>(name: Name) => Values[Name],
    lockRows: LockRows,
  ) => Compilable<unknown>,
): Prepared<Values, Row> => {
  if (builders.has(name)) throw new Error(`Two statements are named ${name}`);
  builders.set(name, build as BuildStatement);
  return { name };
};

/** Every statement of the modules that were loaded, by name. */
export const preparedStatements = (): ReadonlyMap<string, BuildStatement> => builders;
