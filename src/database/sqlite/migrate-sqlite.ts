import type { DatabaseSync } from 'node:sqlite';
import { migrations, migrationsSince } from '../migrations/index.ts';

/** The version of the schema: how many migrations it has seen; 0 for a new file. */
export const sqliteSchemaVersion = (handle: DatabaseSync): number =>
  (handle.prepare('PRAGMA user_version').get() as { user_version: number }).user_version;

/**
 * Brings the schema up to this program's version in one transaction, also when two processes open a new file at once.
 *
 * @throws NewerSchema when a newer program has been here.
 */
export const migrateSqlite = (handle: DatabaseSync): void => {
  handle.exec('BEGIN IMMEDIATE');
  try {
    for (const migration of migrationsSince(sqliteSchemaVersion(handle))) {
      for (const statement of migration.statements('sqlite')) handle.exec(statement);
    }
    handle.exec(`PRAGMA user_version = ${migrations.length}`);
    handle.exec('COMMIT');
  } catch (fault) {
    handle.exec('ROLLBACK');
    throw fault;
  }
};
