import type { ClientBase, Pool } from 'pg';
import type { Statement } from '../compile.ts';
import type { Connection } from '../database.ts';
import type { SqlValue } from '../prepared.ts';

/** Runs prepared statements over a connection or a pool; the server parses each once for every connection. */
export const createPostgresConnection = (
  client: ClientBase | Pool,
  statements: ReadonlyMap<string, Statement>,
): Pick<Connection, 'all' | 'run'> => {
  const query = (name: string, values: Readonly<Record<string, SqlValue>>) => {
    const statement = statements.get(name);
    if (statement === undefined) throw new Error(`No statement is named ${name}`);
    return client.query({
      name,
      text: statement.text,
      values: statement.parameters.map((parameter) =>
        'value' in parameter ? (values[parameter.value] ?? null) : parameter.constant,
      ),
    });
  };
  return {
    all: async (prepared, values) =>
      (await query(prepared.name, values as Readonly<Record<string, SqlValue>>)).rows as never,
    run: async (prepared, values) =>
      (await query(prepared.name, values as Readonly<Record<string, SqlValue>>)).rowCount ?? 0,
  };
};
