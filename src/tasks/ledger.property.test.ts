/** Any sequence of submissions and endings by two keys, each written twice, against the rules of the ledger. */
import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestDatabase, testDatabases } from '../../test/support/databases.ts';
import type { FullLimit } from '../access/budgets.ts';
import { budgetPeriods, type BudgetPeriod, dayMs, dayStartOf, periodStartOf } from '../access/limits.ts';
import { createKeyStore } from '../access/sql-key-store.ts';
import type { Call, CallStep } from '../core/call.ts';
import { newId } from '../core/ids.ts';
import type { Cost } from '../core/money.ts';
import type { Database } from '../database/database.ts';
import { createTaskStore } from './sql-task-store.ts';
import type { Claim, TaskStore } from './task-store.ts';

const START_MS = Date.parse('2026-11-29T20:00:00Z');

type Event =
  | { readonly event: 'submit'; readonly key: number; readonly images: number; readonly price: number }
  | { readonly event: 'begin'; readonly task: number }
  | { readonly event: 'produce'; readonly task: number }
  | {
      readonly event: 'end';
      readonly task: number;
      readonly how: 'stored' | 'charged' | 'failed' | 'unknown';
    }
  | { readonly event: 'cancel' | 'delete'; readonly task: number }
  | { readonly event: 'wait'; readonly hours: number }
  | {
      readonly event: 'rebudget';
      readonly key: number;
      readonly micros: number;
      readonly period: BudgetPeriod;
    };

const key = fc.nat(1);
const task = fc.nat(30);
const of = <const Name extends string>(event: Name) => ({ event: fc.constant(event) });

const events: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      ...of('submit'),
      key,
      images: fc.integer({ min: 1, max: 4 }),
      price: fc.integer({ min: 0, max: 100_003 }),
    }),
  },
  { weight: 5, arbitrary: fc.record({ ...of('begin'), task }) },
  { weight: 3, arbitrary: fc.record({ ...of('produce'), task }) },
  {
    weight: 6,
    arbitrary: fc.record({
      ...of('end'),
      task,
      how: fc.constantFrom('stored', 'charged', 'failed', 'unknown'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ event: fc.constantFrom('cancel' as const, 'delete' as const), task }) },
  { weight: 2, arbitrary: fc.record({ ...of('wait'), hours: fc.integer({ min: 1, max: 30 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      ...of('rebudget'),
      key,
      micros: fc.integer({ min: 0, max: 2_000_000 }),
      period: fc.constantFrom(...budgetPeriods),
    }),
  },
);

interface KeyState {
  readonly id: string;
  budget: { readonly micros: number; readonly currency: string; readonly period: BudgetPeriod };
}

interface TaskState {
  readonly id: string;
  readonly key: KeyState;
  readonly call: Call;
  readonly claim: Claim;
  readonly cost: Cost;
  images: number;
  isOver: boolean;
}

interface Entry {
  readonly task_id: string;
  readonly kind: string;
  readonly images: number;
  readonly micros: number;
  readonly cost_micros: number;
  readonly counted_at: number;
}

const CONCURRENT = 5;
const IMAGES_PER_DAY = 30;

/** Runs each write twice, as after a commit that nobody heard of. */
const doubling = (database: Database): Database => ({
  ...database,
  write: async (operation, parameters) => {
    const result = await database.write(operation, parameters);
    await database.write(operation, parameters);
    return result;
  },
});

const failure = { code: 'provider_unavailable', message: 'No.', retryable: false } as const;

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);

describe.each(testDatabases)('the ledger in %s, whatever happens in whatever order', (name, open) => {
  let opened: TestDatabase;
  let tasks: TaskStore;
  beforeAll(async () => {
    opened = await open('sandbox');
    tasks = createTaskStore(doubling(opened.database));
  });
  afterAll(() => opened.close());

  const play = async (story: readonly Event[]): Promise<void> => {
    let nowMs = START_MS;
    const clock = { nowMs: () => nowMs, after: () => () => {} };
    const keys = createKeyStore({ database: doubling(opened.database), clock, randomBytes });
    const actor = { name: 'test' };
    const makeKey = async (): Promise<KeyState> => {
      const budget = { micros: 1_000_000, currency: 'CNY', period: 'day' as const };
      const { key: made } = await keys.create({ name: 'key', role: 'user', limits: { budget } }, actor);
      return { id: made.id, budget };
    };
    const holders = [await makeKey(), await makeKey()] as const;
    const made: TaskState[] = [];

    const entriesOf = async ({ id }: KeyState): Promise<readonly Entry[]> =>
      (await opened.query(`select * from usage_ledger where key_id = '${id}'`)).map((row) => ({
        ...(row as unknown as Entry),
        micros: Number(row['micros']),
        cost_micros: Number(row['cost_micros']),
        counted_at: Number(row['counted_at']),
      }));
    const openTasksOf = async ({ id }: KeyState): Promise<number> =>
      (
        await opened.query(
          `select id from tasks where key_id = '${id}' and status in ('pending', 'processing')`,
        )
      ).length;

    /** What the rows of the ledger say that the key has taken. */
    const takenOf = async (holder: KeyState) => {
      const entries = await entriesOf(holder);
      const periodStartMs = periodStartOf(holder.budget.period, nowMs);
      const today = entries.filter((entry) => entry.counted_at >= dayStartOf(nowMs));
      return {
        committed: sum(
          entries.filter((entry) => entry.counted_at >= periodStartMs).map((entry) => entry.micros),
        ),
        images:
          sum(today.filter(({ kind }) => kind === 'reserved').map(({ images }) => images)) -
          sum(today.filter(({ kind }) => kind === 'refunded').map(({ images }) => images)),
      };
    };

    const expectedOf = async (
      holder: KeyState,
      images: number,
      micros: number,
    ): Promise<FullLimit | undefined> => {
      const taken = await takenOf(holder);
      if (taken.images + images > IMAGES_PER_DAY) return 'images-per-day';
      if (taken.committed + micros > holder.budget.micros) return 'budget';
      return (await openTasksOf(holder)) >= CONCURRENT ? 'concurrent-tasks' : undefined;
    };

    const submit = async (holder: KeyState, images: number, price: number): Promise<void> => {
      const cost = { micros: images * price, currency: 'CNY' };
      const id = newId('task', nowMs, randomBytes);
      const expected = await expectedOf(holder, images, cost.micros);
      const outcome = await tasks.insert({
        id,
        keyId: holder.id,
        createdAtMs: nowMs,
        request: {
          model: 'sandbox',
          prompt: 'A boat',
          n: images,
          size: { width: 1024, height: 1024 },
          responseFormat: 'url',
          outputFormat: 'auto',
          watermark: false,
        },
        reservation: {
          images,
          cost,
          concurrentTasks: CONCURRENT,
          imagesPerDay: IMAGES_PER_DAY,
          budget: holder.budget,
        },
      });
      expect(outcome).toEqual(
        expected === undefined ? { outcome: 'created' } : { outcome: 'refused', limit: expected },
      );
      if (expected !== undefined) return;
      const call: Call = {
        id: newId('call', nowMs, randomBytes),
        taskId: id,
        slot: 0,
        attempt: 0,
        provider: 'ark',
        request: {
          model: 'm',
          prompt: 'A boat',
          images,
          firstImage: 0,
          size: { width: 1024, height: 1024 },
          watermark: false,
          hasReference: false,
        },
        step: { state: 'planned' },
        createdAtMs: nowMs,
      };
      made.push({
        id,
        key: holder,
        call,
        claim: { taskId: id, token: newId('claim', nowMs, randomBytes) },
        cost,
        images: 0,
        isOver: false,
      });
    };

    const move = async ({ claim, call }: TaskState, step: CallStep): Promise<boolean> => {
      try {
        return (await tasks.record(claim, call.id, step)) === 'written';
      } catch {
        // The call is not where this step begins.
        return false;
      }
    };

    const begin = async (state: TaskState): Promise<void> => {
      const { claim, call } = state;
      if ((await tasks.claim(claim)) === undefined) return;
      const written = await tasks.start(claim, { calls: [call], adjustments: [], atMs: nowMs });
      if (written === 'written') await move(state, { state: 'sending' });
    };

    const end = async (state: TaskState, how: Extract<Event, { event: 'end' }>['how']): Promise<void> => {
      const { claim, cost } = state;
      const steps = {
        stored: { state: 'stored', cost },
        charged: { state: 'failed', failure: { ...failure, charged: 'yes' }, cost },
        failed: { state: 'failed', failure: { ...failure, charged: 'no' } },
        unknown: { state: 'failed', failure: { ...failure, charged: 'unknown' } },
      } as const;
      if (how === 'stored') await move(state, { state: 'produced', outputs: [], cost });
      if (!(await move(state, steps[how]))) return;
      const usage = { images: 0, costMicros: 0 };
      await tasks.finish(claim, { status: 'failed', error: failure, usage, adjustments: [] }, nowMs);
    };

    for (const event of story) {
      if (event.event === 'wait') nowMs = Math.min(nowMs + event.hours * 3_600_000, START_MS + 40 * dayMs);
      else if (event.event === 'submit') {
        await submit(holders[event.key] ?? holders[0], event.images, event.price);
      } else if (event.event === 'rebudget') {
        const holder = holders[event.key] ?? holders[0];
        holder.budget = { micros: event.micros, currency: 'CNY', period: event.period };
        await keys.update(holder.id, { budget: holder.budget }, actor);
      } else {
        const state = made[event.task % Math.max(1, made.length)];
        if (state === undefined) continue;
        const cancelled = { ...failure, code: 'cancelled' } as const;
        if (event.event === 'begin') await begin(state);
        else if (event.event === 'produce') {
          await move(state, { state: 'produced', outputs: [], cost: state.cost });
        } else if (event.event === 'end') await end(state, event.how);
        else if (event.event === 'cancel') await tasks.cancel(state.id, state.key.id, cancelled, nowMs);
        else await tasks.delete(state.id, state.key.id);
      }
    }

    for (const holder of holders) {
      const [balance] = await opened.query(`select * from key_balances where key_id = '${holder.id}'`);
      const entries = await entriesOf(holder);
      const since = Number(balance?.['period_start']);
      expect(Number(balance?.['committed'])).toBe(
        sum(entries.filter((entry) => entry.counted_at >= since).map((entry) => entry.micros)),
      );
      for (const state of made.filter((one) => one.key === holder)) {
        const own = entries.filter((entry) => entry.task_id === state.id);
        expect(own.filter(({ kind }) => kind === 'reserved')).toHaveLength(1);
        expect(own.filter(({ kind }) => kind === 'settled').length).toBeLessThan(2);
        expect(own.filter(({ kind }) => kind === 'refunded').length).toBeLessThan(2);
        const isClosed = own.some(({ kind }) => kind === 'settled');
        const [row] = await opened.query(`select status, claim from tasks where id = '${state.id}'`);
        const isOver =
          row === undefined ||
          (row['claim'] === null && !['pending', 'processing'].includes(String(row['status'])));
        expect(isClosed).toBe(isOver);
        expect(sum(own.map(({ micros }) => micros))).toBe(
          isClosed ? sum(own.map((entry) => entry.cost_micros)) : state.cost.micros,
        );
      }
    }
  };

  it('adds up to the last micro-unit, and no budget is overdrawn', { timeout: 120_000 }, async () => {
    const numRuns = name === 'PostgreSQL' ? 30 : 60;
    const property = fc.asyncProperty(fc.array(events, { minLength: 10, maxLength: 70 }), play);
    await expect(fc.assert(property, { numRuns })).resolves.toBeUndefined();
  });
});
