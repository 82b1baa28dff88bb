/** What lies in a data folder, read past the program. */
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { CallState } from '../../src/core/call.ts';

/** A call as it is stored. */
export interface StoredCall {
  readonly id: string;
  readonly taskId: string;
  readonly provider: string;
  readonly state: string;
  /** Why it failed. */
  readonly code: string | null;
  /** Whether the failure was charged. */
  readonly charged: string | null;
}

/** A data folder that is removed at the end. */
export interface DataFolder extends AsyncDisposable {
  readonly path: string;
  /** The files below one of its folders, sorted. */
  files(folder: 'images' | 'spool'): Promise<readonly string[]>;
  calls(taskId: string): readonly StoredCall[];
  /** Identifiers of the calls in this state, sorted; of one provider, or of all. */
  callsIn(state: CallState, provider?: string): readonly string[];
  /** How many rows each table of the domain has. */
  rows(): Readonly<Record<'tasks' | 'calls' | 'images' | 'jobs', number>>;
}

/** A new, empty data folder. */
export const createDataFolder = async (): Promise<DataFolder> => {
  const path = await mkdtemp(join(tmpdir(), 'limner-process-'));

  const query = (sql: string, ...values: readonly string[]): readonly Record<string, unknown>[] => {
    const database = new DatabaseSync(join(path, 'limner.db'), { readOnly: true, timeout: 5_000 });
    try {
      return database.prepare(sql).all(...values);
    } finally {
      database.close();
    }
  };

  return {
    path,
    files: async (folder) => {
      if (!existsSync(join(path, folder))) return [];
      const entries = await readdir(join(path, folder), { recursive: true, withFileTypes: true });
      return entries
        .filter((entry) => entry.isFile())
        .map((entry) => relative(join(path, folder), join(entry.parentPath, entry.name)))
        .toSorted();
    },
    calls: (taskId) =>
      query(
        `SELECT id, task_id AS taskId, provider, state, step ->> '$.failure.code' AS code, step ->> '$.failure.charged' AS charged FROM calls WHERE task_id = ? ORDER BY slot, attempt`,
        taskId,
      ) as unknown as readonly StoredCall[],
    callsIn: (state, provider = '%') =>
      query('SELECT id FROM calls WHERE state = ? AND provider LIKE ? ORDER BY id', state, provider).map(
        ({ id }) => String(id),
      ),
    rows: () => {
      const [row] = query(
        `SELECT (SELECT count(*) FROM tasks) AS tasks, (SELECT count(*) FROM calls) AS calls,
          (SELECT count(*) FROM images) AS images, (SELECT count(*) FROM jobs) AS jobs`,
      );
      return row as ReturnType<DataFolder['rows']>;
    },
    [Symbol.asyncDispose]: () => rm(path, { recursive: true }),
  };
};
