import type { Database } from '../database/database.ts';
import type { Meter } from '../observe/meter.ts';

/** The same database, whose writes are timed. */
export const meterWrites = (database: Database, meter: Pick<Meter, 'written'>): Database => ({
  ...database,
  write: async (operation, parameters) => {
    const startedAt = performance.now();
    const result = await database.write(operation, parameters);
    meter.written(operation.name, performance.now() - startedAt);
    return result;
  },
});
