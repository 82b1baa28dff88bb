import type { Clock } from '../core/clock.ts';

/** The time of the machine. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  after: (delayMs, callback) => {
    // NOTE: a timer of Node holds 31 bits; what is due later than that is asked about again then.
    const timer = setTimeout(callback, Math.min(delayMs, 2_147_483_647)).unref();
    return () => clearTimeout(timer);
  },
};
