import { setImmediate as turn } from 'node:timers/promises';
import { sql } from 'kysely';
import { type Database, firstRow } from '../database/database.ts';
import { prepare } from '../database/prepared.ts';
import type { KeyBalanceRow, LedgerRow } from '../database/schema.ts';
import { dayMs, dayStartOf } from './limits.ts';
import type { UsageLine, UsageQuery, UsageStore } from './usage.ts';

type SumRow = Pick<
  LedgerRow,
  | 'key_id'
  | 'model'
  | 'provider'
  | 'currency'
  | 'tasks'
  | 'failed_tasks'
  | 'images'
  | 'calls'
  | 'failed_calls'
  | 'unconfirmed_calls'
  | 'cost_micros'
>;

const summed = [
  'tasks',
  'failed_tasks',
  'images',
  'calls',
  'failed_calls',
  'unconfirmed_calls',
  'cost_micros',
] as const;

interface Day {
  readonly from: number;
  readonly to: number;
  readonly key_id: string;
}

const sumsOf = (name: string, isOfKey: boolean) =>
  prepare<Day, SumRow>(name, (db, value) => {
    const query = db
      .selectFrom('usage_ledger')
      .select(['key_id', 'model', 'provider', 'currency'])
      .select((eb) => summed.map((column) => eb.cast<number>(eb.fn.sum(column), 'bigint').as(column)))
      .where('kind', '=', sql.lit('settled'))
      .where('at', '>=', value('from'))
      .where('at', '<', value('to'))
      .groupBy(['key_id', 'model', 'provider', 'currency']);
    return isOfKey ? query.where('key_id', '=', value('key_id')) : query;
  });

/** One statement for each, so that each finds its own index. */
const sums = { all: sumsOf('sumsOfAll', false), ofKey: sumsOf('sumsOfKey', true) };

const balanceOf = prepare<{ key_id: string }, KeyBalanceRow>('balanceOf', (db, value) =>
  db.selectFrom('key_balances').selectAll().where('key_id', '=', value('key_id')),
);

const openTaskCount = prepare<{ key_id: string }, { readonly open: number }>('openTaskCount', (db, value) =>
  db
    .selectFrom('tasks')
    .select((eb) => eb.cast<number>(eb.fn.countAll(), 'bigint').as('open'))
    .where('key_id', '=', value('key_id'))
    .where('status', 'in', ['pending', 'processing']),
);

const dayName = (startMs: number): string => new Date(startMs).toISOString().slice(0, 10);

const lineOf = (row: SumRow, startMs: number, { by }: UsageQuery): UsageLine => ({
  ...(by.includes('day') && { day: dayName(startMs) }),
  ...(by.includes('key') && { keyId: row.key_id }),
  ...(by.includes('model') && { model: row.model }),
  ...(by.includes('provider') && { provider: row.provider }),
  currency: row.currency,
  tasks: row.tasks,
  failedTasks: row.failed_tasks,
  images: row.images,
  calls: row.calls,
  failedCalls: row.failed_calls,
  unconfirmedCalls: row.unconfirmed_calls,
  costMicros: row.cost_micros,
});

const nameOf = ({ day, keyId, model, provider, currency }: UsageLine): string =>
  JSON.stringify([day, keyId, model, provider, currency]);

const add = (one: UsageLine, other: UsageLine): UsageLine => ({
  ...one,
  tasks: one.tasks + other.tasks,
  failedTasks: one.failedTasks + other.failedTasks,
  images: one.images + other.images,
  calls: one.calls + other.calls,
  failedCalls: one.failedCalls + other.failedCalls,
  unconfirmedCalls: one.unconfirmedCalls + other.unconfirmedCalls,
  costMicros: one.costMicros + other.costMicros,
});

/** Counts that cost nothing go with those in a currency that are otherwise of the same kind. */
const joinFree = (lines: readonly UsageLine[]): readonly UsageLine[] => {
  const kindOf = (line: UsageLine): string => nameOf({ ...line, currency: '' });
  const free = new Map(lines.filter(({ currency }) => currency === '').map((line) => [kindOf(line), line]));
  const joined = lines
    .filter(({ currency }) => currency !== '')
    .map((line) => {
      const own = free.get(kindOf(line));
      free.delete(kindOf(line));
      return own === undefined ? line : add(line, own);
    });
  return [...joined, ...free.values()].toSorted((one, other) => (nameOf(one) < nameOf(other) ? -1 : 1));
};

/** The ledger of a database. Each day is a question of its own, so that a long report holds up nobody. */
export const createUsageStore = (database: Pick<Database, 'read'>): UsageStore => {
  const { read } = database;
  return {
    report: async (query) => {
      const { keyId, model, provider } = query;
      const lines = new Map<string, UsageLine>();
      for (let from = dayStartOf(query.fromMs); from < query.toMs; from += dayMs) {
        const day = { from, to: from + dayMs, key_id: keyId ?? '' };
        for (const row of await read.all(keyId === undefined ? sums.all : sums.ofKey, day)) {
          if (model !== undefined && row.model !== model) continue;
          if (provider !== undefined && row.provider !== provider) continue;
          const line = lineOf(row, from, query);
          const name = nameOf(line);
          const known = lines.get(name);
          lines.set(name, known === undefined ? line : add(known, line));
        }
        await turn();
      }
      return joinFree([...lines.values()]);
    },

    standing: async (keyId, nowMs, periodStartMs) => {
      const balance = await firstRow(read, balanceOf, { key_id: keyId });
      const counted = await firstRow(read, openTaskCount, { key_id: keyId });
      return {
        openTasks: counted?.open ?? 0,
        imagesToday: balance !== undefined && balance.day_start >= dayStartOf(nowMs) ? balance.day_images : 0,
        committedMicros:
          balance !== undefined && balance.period_start >= periodStartMs ? balance.committed : 0,
      };
    },
  };
};
