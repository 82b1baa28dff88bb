import { describe, expect, it } from 'vitest';
import { createManualClock } from '../../../test/support/manual-clock.ts';
import type { Delivery } from '../../core/webhook.ts';
import type { AttemptRecord } from '../../webhooks/webhook-store.ts';
import { createRecorder } from './recorder.ts';

const recordOf = (id: string): AttemptRecord => ({
  delivery: {
    id,
    keyId: 'key_one',
    taskId: 'task_one',
    url: 'https://shop.example/hook',
    type: 'task.completed',
    state: 'pending',
    attempts: 0,
    createdAtMs: 0,
  } satisfies Delivery,
  atMs: 1,
  state: 'delivered',
});

const open = (recordAttempts?: () => Promise<void>) => {
  const writes: string[][] = [];
  const clock = createManualClock();
  const recorder = createRecorder(
    {
      recordAttempts: async (records) => {
        writes.push(records.map(({ delivery }) => delivery.id));
        await recordAttempts?.();
      },
    },
    clock,
  );
  return { recorder, clock, writes };
};

describe('the recorder', () => {
  it('writes what comes within a moment together', async () => {
    const { recorder, clock, writes } = open();
    const both = [recorder.add(recordOf('evt_1')), recorder.add(recordOf('evt_2'))];
    expect(writes).toEqual([]);
    clock.advance(20);
    await Promise.all(both);
    expect(writes).toEqual([['evt_1', 'evt_2']]);
  });

  it('does not wait when nothing more is to come, nor when many wait', async () => {
    const { recorder, writes } = open();
    const first = recorder.add(recordOf('evt_1'));
    recorder.flush();
    await first;
    const many = Array.from({ length: 32 }, (_, number) => recorder.add(recordOf(`evt_${number}`)));
    await Promise.all(many);
    expect(writes.map((ids) => ids.length)).toEqual([1, 32]);
  });

  it('tells each whose write failed', async () => {
    const { recorder } = open(() => Promise.reject(new Error('disk full')));
    const both = Promise.allSettled([recorder.add(recordOf('evt_1')), recorder.add(recordOf('evt_2'))]);
    recorder.flush();
    expect((await both).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });
});
