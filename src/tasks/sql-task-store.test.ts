import { testDatabases } from '../../test/support/databases.ts';
import { describeTaskStore } from './contract/task-store.contract.ts';
import { createTaskStore } from './sql-task-store.ts';

for (const [name, open] of testDatabases) {
  describeTaskStore(name, async () => {
    const { database, close } = await open('seedream-3.0', 'jimeng');
    return { store: createTaskStore(database), close };
  });
}
