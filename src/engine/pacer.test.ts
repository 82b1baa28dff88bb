import { describe, expect, it } from 'vitest';
import { createManualClock } from '../../test/support/manual-clock.ts';
import { createPacer } from './pacer.ts';

describe('the pacer', () => {
  it('gives no more turns in any minute than it may', () => {
    const clock = createManualClock();
    const pacer = createPacer(() => 3, clock);
    const begunMs = clock.nowMs();
    const turns = Array.from({ length: 5 }, (_, number) => pacer.turnMs(`call_${number}`) - begunMs);
    clock.advance(61_000);
    expect([...turns, pacer.turnMs('call_5') - begunMs, pacer.turnMs('call_6') - begunMs]).toEqual([
      0, 0, 0, 60_000, 60_000, 61_000, 120_000,
    ]);
  });

  it('keeps a call to its turn, however often it asks', () => {
    const clock = createManualClock();
    const pacer = createPacer(() => 1, clock);
    pacer.turnMs('call_1');
    const turnMs = pacer.turnMs('call_2');
    clock.advance(30_000);
    expect(pacer.turnMs('call_2')).toBe(turnMs);
  });

  it('keeps its turns when the clock goes back', () => {
    const clock = createManualClock();
    const pacer = createPacer(() => 1, clock);
    pacer.turnMs('call_1');
    pacer.turnMs('call_2');
    clock.advance(10_000);
    pacer.turnMs('call_2');
    clock.advance(-3_600_000);
    const waits = ['call_2', 'call_3'].map((call) => pacer.turnMs(call) - clock.nowMs());
    expect(waits).toEqual([50_000, 110_000]);
  });
});
