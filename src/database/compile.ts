import {
  type Dialect,
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely';
import { type BuildStatement, type LockRows, preparedStatements, type SqlValue } from './prepared.ts';
import type { Tables } from './schema.ts';

/** The two databases that Limner speaks to. */
export type Sql = 'sqlite' | 'postgres';

/** A compiled statement, as plain data that may cross threads. */
export interface Statement {
  readonly text: string;
  /** What fills the statement's parameters, in order: a constant, or the value of this name. */
  readonly parameters: readonly ({ readonly constant: SqlValue } | { readonly value: string })[];
}

class Placeholder {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

const dialects: Readonly<Record<Sql, Dialect>> = {
  sqlite: {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  },
  postgres: {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (db) => new PostgresIntrospector(db),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  },
};

const lockRows: Readonly<Record<Sql, LockRows>> = {
  sqlite: (query) => query,
  postgres: (query) => query.forUpdate(),
};

const compile = (db: Kysely<Tables>, lock: LockRows, build: BuildStatement): Statement => {
  // NOTE: Kysely passes a value through untouched, so the placeholder comes back among the parameters, in its place.
  const { sql, parameters } = build(db, (name) => new Placeholder(name) as never, lock).compile();
  return {
    text: sql,
    parameters: (parameters as readonly (SqlValue | Placeholder)[]).map((parameter) =>
      parameter instanceof Placeholder ? { value: parameter.name } : { constant: parameter },
    ),
  };
};

/** Compiles every prepared statement of the modules that were loaded. */
export const compileStatements = (sql: Sql): ReadonlyMap<string, Statement> => {
  const db = new Kysely<Tables>({ dialect: dialects[sql] });
  return new Map([...preparedStatements()].map(([name, build]) => [name, compile(db, lockRows[sql], build)]));
};
