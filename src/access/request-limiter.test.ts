import { openTestPostgres } from '../../test/support/databases.ts';
import { systemClock } from '../observe/system-clock.ts';
import { openPostgresDatabase } from '../database/postgres/postgres-database.ts';
import { describeRequestLimiter } from './contract/request-limiter.contract.ts';
import { createMemoryRequestLimiter } from './request-limiter.ts';
import { createSqlRequestLimiter } from './sql-request-limiter.ts';

const movedByHand = () => {
  let nowMs = 1_790_000_000_000;
  return { clock: { nowMs: () => nowMs }, advance: (ms: number) => void (nowMs += ms) };
};

describeRequestLimiter('memory', () => {
  const { clock, advance } = movedByHand();
  return Promise.resolve({
    nodes: [createMemoryRequestLimiter(clock)],
    advance,
    close: () => Promise.resolve(),
  });
});

describeRequestLimiter('PostgreSQL, two nodes', async () => {
  const { clock, advance } = movedByHand();
  const { url, database, close } = await openTestPostgres();
  const other = await openPostgresDatabase({
    url,
    clock: systemClock,
    connections: 4,
    enqueue: () => Promise.resolve(),
  });
  return {
    nodes: [createSqlRequestLimiter(database, clock), createSqlRequestLimiter(other, clock)],
    advance,
    close: async () => {
      await other.close();
      await close();
    },
  };
});
