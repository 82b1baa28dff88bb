/**
 * Statements written once with Kysely, compiled once per database and run with values: building a query costs
 * more than running it, and the hot paths run thousands a second.
 */
import {
  type Compilable,
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely';
import type { Tables } from './schema.ts';

/** The two databases that Limner speaks to. */
export type Sql = 'sqlite' | 'postgres';

class Placeholder {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

const builders: Readonly<Record<Sql, Kysely<Tables>>> = {
  sqlite: new Kysely<Tables>({
    dialect: {
      createAdapter: () => new SqliteAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (db) => new SqliteIntrospector(db),
      createQueryCompiler: () => new SqliteQueryCompiler(),
    },
  }),
  postgres: new Kysely<Tables>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (db) => new PostgresIntrospector(db),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
  }),
};

/** A value that both databases store as it is. */
export type SqlValue = string | number | null;

/** A statement's text and the names or constants that fill its parameters, in order. */
interface Compiled {
  readonly text: string;
  fill(values: Readonly<Record<string, SqlValue>>): SqlValue[];
}

/** A statement that takes `Values` and brings rows of `Row`. */
export interface Prepared<Values, Row> {
  compiled(sql: Sql): Compiled;
  /** Carries the types only. */
  readonly types?: { readonly values: Values; readonly row: Row };
}

/**
 * Prepares a statement. `value('name')` stands for a value given at each run.
 *
 * @example prepare<{ id: string }, TaskRow>((db, value) => db.selectFrom('tasks').selectAll().where('id', '=', value('id')))
 */
export const prepare = <Values extends Readonly<Record<keyof Values, SqlValue>>, Row = never>(
  build: (db: Kysely<Tables>, value: <Name extends keyof Values>(name: Name) => Values[Name]) => Compilable<unknown>,
): Prepared<Values, Row> => {
  const known = new Map<Sql, Compiled>();
  const compile = (sql: Sql): Compiled => {
    // NOTE: Kysely passes a value through untouched, so the placeholder comes back among the parameters, in its place.
    const query = build(builders[sql], (name) => new Placeholder(String(name)) as never).compile();
    const parameters = query.parameters as readonly (SqlValue | Placeholder)[];
    return {
      text: query.sql,
      fill: (values) =>
        parameters.map((parameter) => (parameter instanceof Placeholder ? (values[parameter.name] ?? null) : parameter)),
    };
  };
  return {
    compiled: (sql) => {
      const compiled = known.get(sql) ?? compile(sql);
      known.set(sql, compiled);
      return compiled;
    },
  };
};
