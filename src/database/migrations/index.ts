/** The schema's history, oldest first. A landed migration is never edited: the next one mends it. */
import type { Sql } from '../compile.ts';
import { tasksCallsImages } from './0001-tasks-calls-images.ts';
import { webhooks } from './0002-webhooks.ts';
import { nodes } from './0003-nodes.ts';
import { limitsAndLedger } from './0004-limits-and-ledger.ts';

/** One step of the schema. */
export interface Migration {
  readonly name: string;
  statements(sql: Sql): readonly string[];
}

export const migrations: readonly Migration[] = [tasksCallsImages, webhooks, nodes, limitsAndLedger];

/** A database that a newer Limner wrote: going on could harm its data. The message says what to do. */
export class NewerSchema extends Error {
  override readonly name = 'NewerSchema';

  /** @param what has the version, such as `The database`. */
  constructor(what: string, { version, known }: { readonly version: number; readonly known: number }) {
    super(
      `${what} has schema version ${version} and this Limner knows up to ${known}. ` +
        'Start the newer Limner that wrote it, or restore a backup from before the upgrade.',
    );
  }
}

/**
 * What brings a schema of this version up to this program's.
 *
 * @throws NewerSchema when a newer program has been here.
 */
export const migrationsSince = (version: number): readonly Migration[] => {
  if (version > migrations.length) {
    throw new NewerSchema('The database', { version, known: migrations.length });
  }
  return migrations.slice(version);
};
