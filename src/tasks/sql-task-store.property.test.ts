/** Any sequence of events, from any number of workers and a caller who cancels, against a real database and a model of it. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Call, type CallState, type CallStep, isCallEnded, mayFollow, unwanted } from '../core/call.ts';
import { newId } from '../core/ids.ts';
import { isEnded, type TaskStatus } from '../core/task.ts';
import { type TestDatabase, testDatabases } from '../../test/support/databases.ts';
import { createTaskStore } from './sql-task-store.ts';
import type { TaskStore, Written } from './task-store.ts';

const SLOTS = 2;
const WORKERS = 2;

const failure = { code: 'provider_unavailable', message: 'No.', charged: 'no', retryable: true } as const;

const stepTo = (state: CallState): CallStep => {
  switch (state) {
    case 'accepted':
      return { state, handle: 'handle', checkAtMs: 0 };
    case 'produced':
      return { state, outputs: [] };
    case 'failed':
      return { state, failure };
    case 'planned':
    case 'sending':
    case 'stored':
      return { state };
  }
};

const states = ['planned', 'sending', 'accepted', 'produced', 'stored', 'failed'] as const;
const worker = fc.nat(WORKERS - 1);
const slot = fc.nat(SLOTS - 1);

type Event =
  | { readonly event: 'claim' | 'start'; readonly worker: number }
  | { readonly event: 'record'; readonly worker: number; readonly slot: number; readonly state: CallState }
  | { readonly event: 'retry'; readonly worker: number; readonly slot: number }
  | { readonly event: 'finish'; readonly worker: number; readonly status: 'completed' | 'failed' }
  | { readonly event: 'cancel' };

const claim = fc.record({ event: fc.constant('claim' as const), worker });
const record = fc.record({
  event: fc.constant('record' as const),
  worker,
  slot,
  state: fc.constantFrom(...states),
});
const events: fc.Arbitrary<Event> = fc.oneof(
  { weight: 3, arbitrary: claim },
  { weight: 3, arbitrary: fc.record({ event: fc.constant('start' as const), worker }) },
  { weight: 12, arbitrary: record },
  { weight: 2, arbitrary: fc.record({ event: fc.constant('retry' as const), worker, slot }) },
  {
    weight: 1,
    arbitrary: fc.record({
      event: fc.constant('finish' as const),
      worker,
      status: fc.constantFrom('completed' as const, 'failed' as const),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ event: 'cancel' as const }) },
);

const randomBytes = (size: number): Uint8Array => crypto.getRandomValues(new Uint8Array(size));

describe.each(testDatabases)('the store on %s, whatever happens in whatever order', (name, open) => {
  let opened: TestDatabase;
  let store: TaskStore;
  beforeAll(async () => {
    opened = await open('sandbox');
    store = createTaskStore(opened.database);
  });
  afterAll(() => opened.close());

  it(
    'leaves no terminal state, sends no call twice and ends no task twice',
    { timeout: 120_000 },
    async () => {
      const property = fc.asyncProperty(fc.array(events, { minLength: 5, maxLength: 60 }), play);
      await expect(
        fc.assert(property, { numRuns: name === 'PostgreSQL' ? 100 : 300 }),
      ).resolves.toBeUndefined();
    },
  );

  const play = async (sequence: readonly Event[]): Promise<void> => {
    const taskId = newId('task', 1, randomBytes);
    const keyId = 'key_model';
    await store.insert({
      id: taskId,
      keyId,
      request: {
        model: 'sandbox',
        prompt: 'x',
        n: SLOTS,
        size: { width: 64, height: 64 },
        responseFormat: 'url',
        outputFormat: 'auto',
        watermark: false,
      },
      createdAtMs: 1,
    });
    const newCall = (place: number, attempt: number): Call => ({
      id: newId('call', 1, randomBytes),
      taskId,
      slot: place,
      attempt,
      provider: 'ark',
      request: {
        model: 'm',
        prompt: 'x',
        images: 1,
        firstImage: place,
        size: { width: 64, height: 64 },
        watermark: false,
        hasReference: false,
      },
      step: { state: 'planned' },
      createdAtMs: 1,
    });

    // The model: what must be true, in plain variables.
    let status: TaskStatus = 'pending';
    let holder: number | undefined;
    let endings = 0;
    let nowMs = 3;
    const tokens = Array.from({ length: WORKERS }, () => 'none');
    const calls: Call[] = [];
    const states = new Map<string, CallState>();
    const timesSent = new Map<string, number>();

    const holds = (who: number): boolean => holder === who;
    /** Whether an upstream has a call. */
    const isOut = (): boolean =>
      [...states.values()].some((state) => ['sending', 'accepted'].includes(state));
    const claimOf = (who: number) => ({ taskId, token: tokens[who] ?? '' });
    const latest = (place: number): Call | undefined => calls.findLast((call) => call.slot === place);
    const expectWritten = (written: Written, who: number): void =>
      expect(written).toBe(holds(who) ? 'written' : 'lost');

    /** Moves the call as the store did; a move that the path does not know must have been refused. */
    const moved = async (who: number, call: Call, state: CallState, write: () => Promise<Written>) => {
      const from = states.get(call.id) ?? 'planned';
      if (holds(who) && isEnded(status)) {
        expect(await write()).toBe('ended');
        const left = unwanted(stepTo(state)).state;
        if (mayFollow(from, left)) states.set(call.id, left);
        if (!isOut()) holder = undefined;
        return false;
      }
      // The same write again, as after a commit that nobody heard of: nothing more happens.
      if (holds(who) && from === state && !mayFollow(from, state)) {
        expect(await write()).toBe('written');
        return false;
      }
      if (holds(who) && !mayFollow(from, state)) {
        await expect(write()).rejects.toThrow('cannot go from');
        return false;
      }
      expectWritten(await write(), who);
      if (!holds(who)) return false;
      expect(isCallEnded(stepTo(from))).toBe(false);
      states.set(call.id, state);
      if (state === 'sending') timesSent.set(call.id, (timesSent.get(call.id) ?? 0) + 1);
      return true;
    };

    for (const event of sequence) {
      switch (event.event) {
        case 'claim': {
          const token = newId('claim', 1, randomBytes);
          tokens[event.worker] = token;
          const claimed = await store.claim({ taskId, token });
          expect(claimed !== undefined).toBe(!isEnded(status) || isOut());
          if (claimed !== undefined) holder = event.worker;
          break;
        }
        case 'start': {
          const planned = [0, 1].map((place) => newCall(place, 0));
          const written = await store.start(claimOf(event.worker), {
            calls: planned,
            adjustments: [],
            atMs: 2,
          });
          expect(written).toBe(holds(event.worker) && status === 'pending' ? 'written' : 'lost');
          if (written === 'written') {
            status = 'processing';
            calls.push(...planned);
            for (const call of planned) states.set(call.id, 'planned');
          }
          break;
        }
        case 'record': {
          const call = latest(event.slot);
          if (call === undefined) break;
          await moved(event.worker, call, event.state, () =>
            store.record(claimOf(event.worker), call.id, stepTo(event.state)),
          );
          break;
        }
        case 'retry': {
          const call = latest(event.slot);
          if (call === undefined) break;
          const next = newCall(call.slot, call.attempt + 1);
          const isWritten = await moved(event.worker, call, 'failed', () =>
            store.retry(
              claimOf(event.worker),
              { callId: call.id, step: { state: 'failed', failure } },
              { calls: [next], adjustments: [] },
            ),
          );
          if (isWritten) {
            calls.push(next);
            states.set(next.id, 'planned');
          }
          break;
        }
        case 'finish': {
          const usage = { images: 0, costMicros: 0 };
          const ending =
            event.status === 'completed'
              ? ({ status: 'completed', usage, adjustments: [] } as const)
              : ({
                  status: 'failed',
                  error: { ...failure, retryable: true },
                  usage,
                  adjustments: [],
                } as const);
          const written = await store.finish(claimOf(event.worker), ending, 3);
          expect(written).toBe(holds(event.worker) && !isEnded(status) ? 'written' : 'lost');
          if (written === 'written') {
            status = event.status;
            holder = undefined;
            states.clear();
            endings += 1;
          }
          break;
        }
        case 'cancel': {
          const error = { code: 'cancelled', message: 'It was cancelled.', retryable: false } as const;
          const outcome = await store.cancel(taskId, keyId, error, (nowMs += 1));
          expect(outcome).toBe(isEnded(status) ? 'ended' : 'cancelled');
          if (outcome === 'cancelled') {
            status = 'failed';
            endings += 1;
            for (const [id, state] of states) states.set(id, unwanted(stepTo(state)).state);
            if (!isOut()) holder = undefined;
          }
          break;
        }
      }
      const stored = await store.get(taskId, keyId);
      expect(stored?.status).toBe(status);
    }
    expect(endings).toBeLessThanOrEqual(1);
    expect([...timesSent.values()].filter((times) => times > 1)).toEqual([]);
  };
});
