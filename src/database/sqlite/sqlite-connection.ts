import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Statement } from '../compile.ts';
import type { Connection } from '../database.ts';
import type { SqlValue } from '../prepared.ts';

/** A statement that this handle has parsed, and how to fill it. */
interface Parsed {
  readonly statement: StatementSync;
  fill(values: Readonly<Record<string, SqlValue>>): SqlValue[];
}

/** Runs prepared statements over one `node:sqlite` handle; each is parsed when it is first used. */
export const createSqliteConnection = (
  handle: DatabaseSync,
  statements: ReadonlyMap<string, Statement>,
): Connection => {
  const parsed = new Map<string, Parsed>();

  const parse = (name: string): Parsed => {
    const compiled = statements.get(name);
    if (compiled === undefined) throw new Error(`No statement is named ${name}`);
    const { text, parameters } = compiled;
    return {
      statement: handle.prepare(text),
      fill: (values) =>
        parameters.map((parameter) => ('value' in parameter ? (values[parameter.value] ?? null) : parameter.constant)),
    };
  };
  const find = (name: string): Parsed => {
    let known = parsed.get(name);
    if (known === undefined) {
      known = parse(name);
      parsed.set(name, known);
    }
    return known;
  };

  return {
    all: async (query, values) => {
      const { statement, fill } = find(query.name);
      return statement.all(...fill(values as Readonly<Record<string, SqlValue>>)) as never;
    },
    run: async (query, values) => {
      const { statement, fill } = find(query.name);
      return Number(statement.run(...fill(values as Readonly<Record<string, SqlValue>>)).changes);
    },
  };
};
