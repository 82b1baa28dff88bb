/**
 * The books of keys, kept inside the transactions that accept and end tasks: what a task may cost is reserved when it
 * is accepted, and when it ends what was paid stays and the rest is given back. The ledger only grows; the balance of
 * a key is what its rows add up to since the period began.
 */
import type { Cost, Micros } from '../core/money.ts';
import { type Connection, firstRow } from '../database/database.ts';
import { prepare } from '../database/prepared.ts';
import type { KeyBalanceRow, LedgerRow, TaskRow } from '../database/schema.ts';
import { type Budget, dayStartOf, periodStartOf } from './limits.ts';

/**
 * What a row of the ledger tells. `reserved`: a task was accepted and may cost so much. `settled`: it has ended, and a
 * provider was paid so much; one row for each provider. `refunded`: what was reserved and not paid.
 */
export type LedgerKind = 'reserved' | 'settled' | 'refunded';

/** What accepting a task takes of the limits of its key. */
export interface Reservation {
  readonly images: number;
  /** The most that it may cost; absent when nothing has a price. */
  readonly cost?: Cost;
  readonly concurrentTasks?: number;
  readonly imagesPerDay?: number;
  readonly budget?: Budget;
}

/** The limit that leaves no room for a task. */
export type FullLimit = 'concurrent-tasks' | 'images-per-day' | 'budget';

/** A task whose books are opened or closed. */
export interface BookedTask {
  readonly id: string;
  readonly keyId: string;
  readonly model: string;
  readonly createdAtMs: number;
}

const reservedFor = prepare<{ task_id: string }, LedgerRow>('reservedFor', (db, value) =>
  db
    .selectFrom('usage_ledger')
    .selectAll()
    .where('task_id', '=', value('task_id'))
    .where('kind', '=', 'reserved' satisfies LedgerKind),
);

const insertEntry = prepare<LedgerRow>('insertEntry', (db, value) =>
  db
    .insertInto('usage_ledger')
    .values({
      task_id: value('task_id'),
      kind: value('kind'),
      provider: value('provider'),
      key_id: value('key_id'),
      model: value('model'),
      tasks: value('tasks'),
      failed_tasks: value('failed_tasks'),
      images: value('images'),
      calls: value('calls'),
      failed_calls: value('failed_calls'),
      unconfirmed_calls: value('unconfirmed_calls'),
      micros: value('micros'),
      cost_micros: value('cost_micros'),
      currency: value('currency'),
      counted_at: value('counted_at'),
      at: value('at'),
    })
    .onConflict((conflict) => conflict.columns(['task_id', 'kind', 'provider']).doNothing()),
);

const balanceToChange = prepare<{ key_id: string }, KeyBalanceRow>('balanceToChange', (db, value, lockRows) =>
  lockRows(db.selectFrom('key_balances').selectAll().where('key_id', '=', value('key_id'))),
);

const insertBalance = prepare<{ key_id: string }>('insertBalance', (db, value) =>
  db
    .insertInto('key_balances')
    .values({
      key_id: value('key_id'),
      currency: '',
      period_start: 0,
      committed: 0,
      day_start: 0,
      day_images: 0,
    })
    .onConflict((conflict) => conflict.column('key_id').doNothing()),
);

/** The balance of a key, which nobody else changes until this transaction has ended. */
const lockBalance = async (connection: Connection, keyId: string): Promise<KeyBalanceRow> => {
  const found = await firstRow(connection, balanceToChange, { key_id: keyId });
  if (found !== undefined) return found;
  await connection.run(insertBalance, { key_id: keyId });
  const made = await firstRow(connection, balanceToChange, { key_id: keyId });
  if (made === undefined) throw new Error(`Key ${keyId} has no balance`);
  return made;
};

const openTasksOfKey = prepare<{ key_id: string; limit: number }, Pick<TaskRow, 'id'>>(
  'openTasksOfKey',
  (db, value) =>
    db
      .selectFrom('tasks')
      .select('id')
      .where('key_id', '=', value('key_id'))
      .where('status', 'in', ['pending', 'processing'])
      .limit(value('limit')),
);

interface Take {
  readonly key_id: string;
  readonly currency: string;
  readonly micros: number;
  readonly images: number;
  readonly period_start: number;
  readonly day_start: number;
  readonly budget: number;
  readonly images_per_day: number;
}

/** The guard of the money: takes what is asked for if, and only if, the limits leave room for it. */
const takeFromLimits = prepare<Take, Pick<KeyBalanceRow, 'period_start' | 'day_start'>>(
  'takeFromLimits',
  (db, value) =>
    db
      .updateTable('key_balances')
      .set((eb) => ({
        committed: eb(
          eb.case().when('period_start', '>=', value('period_start')).then(eb.ref('committed')).else(0).end(),
          '+',
          value('micros'),
        ),
        period_start: eb
          .case()
          .when('period_start', '>=', value('period_start'))
          .then(eb.ref('period_start'))
          .else(value('period_start'))
          .end(),
        day_images: eb(
          eb.case().when('day_start', '>=', value('day_start')).then(eb.ref('day_images')).else(0).end(),
          '+',
          value('images'),
        ),
        day_start: eb
          .case()
          .when('day_start', '>=', value('day_start'))
          .then(eb.ref('day_start'))
          .else(value('day_start'))
          .end(),
      }))
      .where('key_id', '=', value('key_id'))
      .where('currency', '=', value('currency'))
      .where((eb) =>
        eb(
          eb(
            eb
              .case()
              .when('period_start', '>=', value('period_start'))
              .then(eb.ref('committed'))
              .else(0)
              .end(),
            '+',
            value('micros'),
          ),
          '<=',
          value('budget'),
        ),
      )
      .where((eb) =>
        eb(
          eb(
            eb.case().when('day_start', '>=', value('day_start')).then(eb.ref('day_images')).else(0).end(),
            '+',
            value('images'),
          ),
          '<=',
          value('images_per_day'),
        ),
      )
      .returning(['period_start', 'day_start']),
);

/** Stands for a limit that there is not. */
const NO_LIMIT = Number.MAX_SAFE_INTEGER;

/**
 * Takes what a task that has just been written needs of its key's limits, or tells which of them leaves no room: then the
 * transaction must be undone. Whoever takes from the same balance waits here until this transaction has ended.
 */
export const reserve = async (
  connection: Connection,
  task: BookedTask,
  reservation: Reservation,
): Promise<FullLimit | undefined> => {
  const { images, cost, concurrentTasks, imagesPerDay = NO_LIMIT, budget } = reservation;
  const take: Take = {
    key_id: task.keyId,
    currency: budget?.currency ?? '',
    micros: budget === undefined ? 0 : (cost?.micros ?? 0),
    images,
    period_start: budget === undefined ? 0 : periodStartOf(budget.period, task.createdAtMs),
    day_start: dayStartOf(task.createdAtMs),
    budget: budget?.micros ?? NO_LIMIT,
    images_per_day: imagesPerDay,
  };
  let taken = await firstRow(connection, takeFromLimits, take);
  if (taken === undefined) {
    // Either there is no room, or it is the first task that counts.
    const { day_start, day_images } = await lockBalance(connection, task.keyId);
    taken = await firstRow(connection, takeFromLimits, take);
    if (taken === undefined) {
      const today = day_start >= take.day_start ? day_images : 0;
      return today + images > imagesPerDay ? 'images-per-day' : 'budget';
    }
  }
  if (concurrentTasks !== undefined) {
    const open = await connection.all(openTasksOfKey, { key_id: task.keyId, limit: concurrentTasks + 1 });
    if (open.length > concurrentTasks) return 'concurrent-tasks';
  }
  await connection.run(insertEntry, {
    ...emptyEntry,
    task_id: task.id,
    kind: 'reserved' satisfies LedgerKind,
    key_id: task.keyId,
    model: task.model,
    images,
    micros: cost?.micros ?? 0,
    currency: cost?.currency ?? '',
    // A node whose clock is behind may find that another has begun the day already.
    counted_at: Math.max(task.createdAtMs, taken.period_start, taken.day_start),
    at: task.createdAtMs,
  });
  return undefined;
};

const committedSince = prepare<
  { key_id: string; currency: string; period_start: number },
  { readonly micros: number }
>('committedSince', (db, value) =>
  db
    .selectFrom('usage_ledger')
    .select((eb) => eb.cast<number>(eb.fn.coalesce(eb.fn.sum('micros'), eb.val(0)), 'bigint').as('micros'))
    .where('key_id', '=', value('key_id'))
    .where('currency', '=', value('currency'))
    .where('at', '>=', value('period_start'))
    .where('counted_at', '>=', value('period_start')),
);

const setBalance = prepare<Pick<KeyBalanceRow, 'key_id' | 'currency' | 'period_start' | 'committed'>>(
  'setBalance',
  (db, value) =>
    db
      .updateTable('key_balances')
      .set({
        currency: value('currency'),
        period_start: value('period_start'),
        committed: value('committed'),
      })
      .where('key_id', '=', value('key_id')),
);

/** Begins to count by this budget, from what the ledger has of its period. */
export const beginBudget = async (
  connection: Connection,
  keyId: string,
  budget: Budget | undefined,
  nowMs: number,
): Promise<void> => {
  await lockBalance(connection, keyId);
  const currency = budget?.currency ?? '';
  const period_start = budget === undefined ? 0 : periodStartOf(budget.period, nowMs);
  const sum = await firstRow(connection, committedSince, { key_id: keyId, currency, period_start });
  const committed = budget === undefined ? 0 : (sum?.micros ?? 0);
  await connection.run(setBalance, { key_id: keyId, currency, period_start, committed });
};

const emptyEntry = {
  provider: '',
  tasks: 0,
  failed_tasks: 0,
  images: 0,
  calls: 0,
  failed_calls: 0,
  unconfirmed_calls: 0,
  micros: 0,
  cost_micros: 0,
} as const;

/** What became of a call when the books of its task are closed. */
export interface BookedCall {
  readonly provider: string;
  /** Pictures of it that were delivered. */
  readonly images: number;
  /**
   * `unconfirmed`: nobody knows whether it was charged. `abandoned`: an upstream still has it and nobody will ask what
   * became of it; what was reserved for it counts as paid.
   */
  readonly outcome: 'done' | 'failed' | 'unconfirmed' | 'abandoned';
  /** Pictures that it was to make. */
  readonly asked: number;
  readonly cost?: Cost;
}

const giveBack = prepare<{
  key_id: string;
  currency: string;
  micros: number;
  images: number;
  counted_at: number;
}>('giveBack', (db, value) =>
  db
    .updateTable('key_balances')
    .set((eb) => ({
      committed: eb
        .case()
        .when(eb.and([eb('currency', '=', value('currency')), eb('period_start', '<=', value('counted_at'))]))
        .then(eb('committed', '-', value('micros')))
        .else(eb.ref('committed'))
        .end(),
      day_images: eb
        .case()
        .when('day_start', '<=', value('counted_at'))
        .then(eb('day_images', '-', value('images')))
        .else(eb.ref('day_images'))
        .end(),
    }))
    .where('key_id', '=', value('key_id')),
);

const sumOf = (calls: readonly BookedCall[], currency: string): Micros =>
  calls.reduce((sum, { cost }) => sum + (cost?.currency === currency ? cost.micros : 0), 0);

/** Closes the books of a task, once: whatever comes later finds them closed and changes nothing. */
export const closeBooks = async (
  connection: Connection,
  task: BookedTask & { readonly isFailed: boolean },
  booked: readonly BookedCall[],
  atMs: number,
): Promise<void> => {
  const reserved = await firstRow(connection, reservedFor, { task_id: task.id });
  const calls = booked.map((call) => withReservedCost(call, reserved));
  const currency =
    reserved !== undefined && reserved.currency !== ''
      ? reserved.currency
      : (calls.find(({ cost }) => cost !== undefined)?.cost?.currency ?? '');
  const countedAtMs = reserved?.counted_at ?? task.createdAtMs;
  const held = reserved?.micros ?? 0;
  let unreserved = Math.max(0, sumOf(calls, currency) - held);
  const common = {
    ...emptyEntry,
    task_id: task.id,
    key_id: task.keyId,
    model: task.model,
    at: Math.max(atMs, countedAtMs),
  };
  const providers = [...new Set(calls.map(({ provider }) => provider))];
  for (const [place, provider] of (providers.length === 0 ? [''] : providers).entries()) {
    const own = calls.filter((call) => call.provider === provider);
    const ownCurrency = own.find(({ cost }) => cost !== undefined)?.cost?.currency ?? currency;
    const costMicros = sumOf(own, ownCurrency);
    const micros = ownCurrency === currency ? Math.min(costMicros, unreserved) : 0;
    unreserved -= micros;
    const isWritten = await connection.run(insertEntry, {
      ...common,
      kind: 'settled' satisfies LedgerKind,
      provider,
      tasks: place === 0 ? 1 : 0,
      failed_tasks: place === 0 && task.isFailed ? 1 : 0,
      images: own.reduce((sum, call) => sum + call.images, 0),
      calls: own.length,
      failed_calls: own.filter(({ outcome }) => outcome === 'failed').length,
      unconfirmed_calls: own.filter(({ outcome }) => outcome === 'unconfirmed' || outcome === 'abandoned')
        .length,
      micros,
      cost_micros: costMicros,
      currency: ownCurrency,
      counted_at: countedAtMs,
    });
    if (isWritten === 0) return;
  }
  const spent = sumOf(calls, currency);
  const delivered = calls.reduce((sum, { images }) => sum + images, 0);
  const undelivered = reserved === undefined ? 0 : Math.max(0, reserved.images - delivered);
  if (held > spent || undelivered > 0) {
    await connection.run(insertEntry, {
      ...common,
      kind: 'refunded' satisfies LedgerKind,
      images: undelivered,
      micros: Math.min(0, spent - held),
      currency,
      counted_at: countedAtMs,
    });
  }
  if (held === spent && undelivered === 0) return;
  await connection.run(giveBack, {
    key_id: task.keyId,
    currency,
    micros: held - spent,
    images: undelivered,
    counted_at: countedAtMs,
  });
};

/** An abandoned call costs its share of what was reserved, as far as nothing better is known. */
const withReservedCost = (call: BookedCall, reserved: LedgerRow | undefined): BookedCall => {
  if (call.outcome !== 'abandoned' || call.cost !== undefined) return call;
  if (reserved === undefined || reserved.currency === '' || reserved.images === 0) return call;
  const micros = Math.floor((reserved.micros * Math.min(call.asked, reserved.images)) / reserved.images);
  return { ...call, cost: { micros, currency: reserved.currency } };
};
