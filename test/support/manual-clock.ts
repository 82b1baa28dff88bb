import type { Clock } from '../../src/core/clock.ts';

/** A clock that stands still until it is told otherwise. */
export interface ManualClock extends Clock {
  /** Moves on and calls what has come due, in order. */
  advance(ms: number): void;
}

export const createManualClock = (startMs = 1_700_000_000_000): ManualClock => {
  let nowMs = startMs;
  const timers = new Set<{ readonly atMs: number; readonly callback: () => void }>();
  return {
    nowMs: () => nowMs,
    after: (delayMs, callback) => {
      const timer = { atMs: nowMs + delayMs, callback };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    advance: (ms) => {
      nowMs += ms;
      const due = [...timers]
        .filter((timer) => timer.atMs <= nowMs)
        .toSorted((one, other) => one.atMs - other.atMs);
      for (const timer of due) {
        timers.delete(timer);
        timer.callback();
      }
    },
  };
};
