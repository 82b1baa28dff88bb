import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Statement } from '../compile.ts';
import type { Connection } from '../database.ts';
import type { SqlValue } from '../prepared.ts';
import { createJobsTable } from './jobs-table.ts';

/** A statement that this handle has parsed, and how to fill it. */
interface Parsed {
  readonly statement: StatementSync;
  fill(values: Readonly<Record<string, SqlValue>>): SqlValue[];
}

/** Runs prepared statements over one `node:sqlite` handle; each is parsed when it is first used. */
export const createSqliteConnection = (
  handle: DatabaseSync,
  statements: ReadonlyMap<string, Statement>,
): Omit<Connection, 'undo'> => {
  const known = new Map<string, Parsed>();

  const parse = (name: string): Parsed => {
    const compiled = statements.get(name);
    if (compiled === undefined) throw new Error(`No statement is named ${name}`);
    const { text, parameters } = compiled;
    return {
      statement: handle.prepare(text),
      fill: (values) =>
        parameters.map((parameter) =>
          'value' in parameter ? (values[parameter.value] ?? null) : parameter.constant,
        ),
    };
  };
  const find = (name: string): Parsed => {
    let parsed = known.get(name);
    if (parsed === undefined) {
      parsed = parse(name);
      known.set(name, parsed);
    }
    return parsed;
  };

  const runner: Pick<Connection, 'all' | 'run'> = {
    all: async (query, values) => {
      const parsed = find(query.name);
      return parsed.statement.all(...parsed.fill(values as Readonly<Record<string, SqlValue>>)) as never;
    },
    run: async (query, values) => {
      const parsed = find(query.name);
      return Number(
        parsed.statement.run(...parsed.fill(values as Readonly<Record<string, SqlValue>>)).changes,
      );
    },
  };
  return { ...runner, ...createJobsTable(runner) };
};
