import type { ClientBase } from 'pg';
import manifest from 'pg-boss/package.json' with { type: 'json' };
import { NewerSchema } from '../../database/migrations/index.ts';

/** Where pg-boss has its tables. */
export const BOARD_SCHEMA = 'limner_jobs';

/** The version that this program's pg-boss brings its tables to. */
export const knownBoardVersion: number = manifest.pgboss.schema;

/** The version of pg-boss's tables; 0 when there are none. */
export const boardSchemaVersion = async (client: ClientBase): Promise<number> => {
  const { rows: tables } = await client.query('select to_regclass($1) is not null as known', [
    `${BOARD_SCHEMA}.version`,
  ]);
  if (tables[0]?.known !== true) return 0;
  const { rows } = await client.query(`select version from ${BOARD_SCHEMA}.version`);
  return Number(rows[0]?.version ?? 0);
};

/**
 * pg-boss itself goes on with tables that a newer one has changed.
 *
 * @throws NewerSchema when there is no saying what it would do to them.
 */
export const checkBoardSchema = async (client: ClientBase): Promise<void> => {
  const version = await boardSchemaVersion(client);
  if (version <= knownBoardVersion) return;
  throw new NewerSchema('The job board (pg-boss) in the database', { version, known: knownBoardVersion });
};
