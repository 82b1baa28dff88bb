import { describe, expect, it } from 'vitest';
import { createClockReadings } from './clock-readings.ts';

const nowMs = Date.parse('2026-11-22T12:00:00.400Z');

/** What is found when somebody who was asked within 200 ms says this. */
const findingOf = (date: string) => {
  const clocks = createClockReadings();
  clocks.addDate('the store', date, { fromMs: nowMs - 200, untilMs: nowMs });
  return clocks.findings();
};

describe('clocks', () => {
  it.each([
    ['Sun, 22 Nov 2026 12:00:00 GMT', 'ok', /agrees/],
    ['Sun, 22 Nov 2026 11:59:56 GMT', 'ok', /agrees/],
    ['Sun, 22 Nov 2026 12:00:30 GMT', 'warning', /29\.\d s or more behind the clock of the store/],
    ['Sun, 22 Nov 2026 11:59:00 GMT', 'warning', /59\.\d s or more ahead of the clock of the store/],
    ['Sun, 22 Nov 2026 11:50:00 GMT', 'fault', /599\.\d s or more ahead/],
  ])('that say %s are %s', (date, state, message) => {
    expect(findingOf(date)).toEqual([
      expect.objectContaining({ check: 'clock', state, message: expect.stringMatching(message) }),
    ]);
  });

  it('that say nothing are not told of', () => {
    expect(findingOf('soon')).toEqual([]);
  });
});
