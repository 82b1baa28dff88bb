import { describe, expect, it } from 'vitest';
import { createBacklog, storePauseMs } from './backlog.ts';

const call = (taskId: string, id: string) => ({ taskId, id });

describe('the backlog', () => {
  it('is full from the limit on, and says once when it is not any more', () => {
    let room = 0;
    const backlog = createBacklog({ limit: 4, onRoom: () => (room += 1) });
    backlog.hold(call('t1', 'a'), 3);
    expect(backlog.isFull).toBe(false);
    backlog.hold(call('t1', 'b'), 2);
    backlog.hold(call('t2', 'c'), 1);
    expect(backlog.isFull).toBe(true);
    backlog.release(call('t2', 'c'));
    expect([backlog.isFull, room]).toEqual([true, 0]);
    backlog.release(call('t1', 'b'));
    backlog.release(call('t1', 'a'));
    expect([backlog.isFull, room]).toEqual([false, 1]);
  });

  it('counts a call once, and remembers what of it is stored', () => {
    const backlog = createBacklog({ limit: 3, onRoom: () => {} });
    backlog.hold(call('t1', 'a'), 2).refusals += 1;
    expect(backlog.hold(call('t1', 'a'), 2).refusals).toBe(1);
    expect(backlog.isFull).toBe(false);
    backlog.release(call('t1', 'a'));
    expect(backlog.hold(call('t1', 'a'), 2).refusals).toBe(0);
  });

  it('forgets whole tasks, and forgives what it does not know', () => {
    const backlog = createBacklog({ limit: 2, onRoom: () => {} });
    backlog.hold(call('t1', 'a'), 1);
    backlog.hold(call('t1', 'b'), 1);
    backlog.forget('t1');
    backlog.forget('t1');
    backlog.release(call('t1', 'a'));
    backlog.hold(call('t2', 'c'), 1);
    expect(backlog.isFull).toBe(false);
    backlog.hold(call('t2', 'd'), 1);
    expect(backlog.isFull).toBe(true);
  });

  it('leaves the store alone for longer and longer, half a minute at most', () => {
    const pauses = (random: number) => [0, 1, 2, 3, 9].map((refusals) => storePauseMs(refusals, random));
    expect(pauses(0)).toEqual([1_000, 1_500, 2_500, 4_500, 15_500]);
    expect(pauses(1)).toEqual([1_500, 2_500, 4_500, 8_500, 30_500]);
  });
});
