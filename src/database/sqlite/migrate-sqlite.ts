import type { DatabaseSync } from 'node:sqlite';
import { migrations } from '../migrations/index.ts';

/** A database that a newer Limner wrote. */
class NewerSchema extends Error {
  override readonly name = 'NewerSchema';
}

/**
 * Brings the schema up to this program's version in one transaction, also when two processes open a new file at once.
 *
 * @throws NewerSchema when a newer program has been here: going on could harm its data.
 */
export const migrateSqlite = (handle: DatabaseSync): void => {
  handle.exec('BEGIN IMMEDIATE');
  try {
    const { user_version: version } = handle.prepare('PRAGMA user_version').get() as { user_version: number };
    if (version > migrations.length) {
      throw new NewerSchema(
        `The database has schema version ${version} and this Limner knows up to ${migrations.length}. ` +
          'Start the newer Limner that wrote it, or restore a backup from before the upgrade.',
      );
    }
    for (const migration of migrations.slice(version)) {
      for (const statement of migration.statements('sqlite')) handle.exec(statement);
    }
    handle.exec(`PRAGMA user_version = ${migrations.length}`);
    handle.exec('COMMIT');
  } catch (fault) {
    handle.exec('ROLLBACK');
    throw fault;
  }
};
