import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSqliteDatabase } from '../database/sqlite/sqlite-database.ts';
import { describeTaskStore } from './contract/task-store.contract.ts';
import { createTaskStore } from './sql-task-store.ts';

describeTaskStore('SQLite file', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'limner-tasks-'));
  const database = await openSqliteDatabase({
    file: join(folder, 'limner.db'),
    operationModules: [new URL('./task-operations.ts', import.meta.url).href],
  });
  return {
    store: createTaskStore(database),
    close: async () => {
      await database.close();
      await rm(folder, { recursive: true });
    },
  };
});
