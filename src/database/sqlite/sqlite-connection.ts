import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Connection } from '../database.ts';
import type { Prepared, SqlValue } from '../prepared.ts';

/** Prepared statements over one `node:sqlite` handle; every statement is parsed once. */
export const createSqliteConnection = (handle: DatabaseSync): Connection => {
  const statements = new Map<unknown, StatementSync>();
  const statement = (query: Prepared<never, unknown>): StatementSync => {
    let prepared = statements.get(query);
    if (prepared === undefined) {
      prepared = handle.prepare(query.compiled('sqlite').text);
      statements.set(query, prepared);
    }
    return prepared;
  };
  const fill = (query: Prepared<never, unknown>, values: unknown): SqlValue[] =>
    query.compiled('sqlite').fill(values as Readonly<Record<string, SqlValue>>);
  return {
    all: <Values, Row>(query: Prepared<Values, Row>, values: Values) =>
      Promise.resolve(statement(query as never).all(...fill(query as never, values)) as unknown as readonly Row[]),
    run: (query, values) =>
      Promise.resolve(Number(statement(query as never).run(...fill(query as never, values)).changes)),
  };
};
