import type { DatabaseSync } from 'node:sqlite';
import { migrations, migrationsSince } from '../migrations/index.ts';

/**
 * Brings the schema up to this program's version in one transaction, also when two processes open a new file at once.
 *
 * @throws NewerSchema when a newer program has been here.
 */
export const migrateSqlite = (handle: DatabaseSync): void => {
  handle.exec('BEGIN IMMEDIATE');
  try {
    const { user_version: version } = handle.prepare('PRAGMA user_version').get() as { user_version: number };
    for (const migration of migrationsSince(version)) {
      for (const statement of migration.statements('sqlite')) handle.exec(statement);
    }
    handle.exec(`PRAGMA user_version = ${migrations.length}`);
    handle.exec('COMMIT');
  } catch (fault) {
    handle.exec('ROLLBACK');
    throw fault;
  }
};
