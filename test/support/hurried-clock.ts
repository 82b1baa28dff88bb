import type { Clock } from '../../src/core/clock.ts';

/** The clock of the system, so many times as fast: for what waits seconds between two real exchanges. */
export const createHurriedClock = (times: number): Clock => {
  const startMs = Date.now();
  return {
    nowMs: () => Math.floor(startMs + (Date.now() - startMs) * times),
    after: (delayMs, callback) => {
      const timer = setTimeout(callback, Math.min(delayMs / times, 2_147_483_647)).unref();
      return () => clearTimeout(timer);
    },
  };
};
