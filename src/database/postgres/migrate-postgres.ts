import type { ClientBase } from 'pg';
import { migrationsSince } from '../migrations/index.ts';

/**
 * Whoever changes the schema holds this lock, and whoever starts waits for it. Any number that no other program takes
 * a lock on in this database: "limner" in letters of five bits.
 */
export const SCHEMA_LOCK = 424_883_634;

/** The version of the schema: how many migrations it has seen; 0 for a database that Limner does not know. */
export const postgresSchemaVersion = async (client: ClientBase): Promise<number> => {
  const { rows: tables } = await client.query("select to_regclass('limner_schema') is not null as known");
  if (tables[0]?.known !== true) return 0;
  const { rows } = await client.query('select version from limner_schema');
  return rows[0]?.version ?? 0;
};

/**
 * Brings the schema up to this program's version, each migration in a transaction of its own. Of several nodes that
 * start at once, one does it and the others wait.
 *
 * @throws NewerSchema when a newer program has been here.
 */
export const migratePostgres = async (client: ClientBase): Promise<void> => {
  await client.query('select pg_advisory_lock($1)', [SCHEMA_LOCK]);
  try {
    const version = await postgresSchemaVersion(client);
    for (const [index, migration] of migrationsSince(version).entries()) {
      await client.query('begin');
      for (const statement of migration.statements('postgres')) await client.query(statement);
      await client.query('create table if not exists limner_schema (version integer not null)');
      await client.query('delete from limner_schema');
      await client.query('insert into limner_schema values ($1)', [version + index + 1]);
      await client.query('commit');
    }
  } catch (fault) {
    await client.query('rollback');
    throw fault;
  } finally {
    await client.query('select pg_advisory_unlock($1)', [SCHEMA_LOCK]);
  }
};
