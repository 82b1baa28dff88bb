/** How many requests a key sends in a minute. The minute begins with its first request, and the next one after it ends. */
import type { Clock } from '../core/clock.ts';

/** What became of a request. */
export interface Taken {
  readonly isAllowed: boolean;
  /** How many more the minute has room for. */
  readonly remaining: number;
  /** Until the next minute may begin. */
  readonly resetMs: number;
}

export interface RequestLimiter {
  /** Counts a request of the key. Never does a minute allow more than `perMinute`, on all nodes together. */
  take(keyId: string, perMinute: number): Taken | Promise<Taken>;
}

/** How long a window is. */
export const windowMs = 60_000;

/** How many keys are remembered before those are dropped whose minute is over. */
const REMEMBERED_KEYS = 10_000;

/** Counts in this process, which must be the only one. */
export const createMemoryRequestLimiter = (clock: Pick<Clock, 'nowMs'>): RequestLimiter => {
  const windows = new Map<string, { readonly startedAtMs: number; taken: number }>();

  const begin = (keyId: string, nowMs: number) => {
    if (windows.size >= REMEMBERED_KEYS) {
      for (const [key, { startedAtMs }] of windows) {
        if (startedAtMs + windowMs <= nowMs) windows.delete(key);
      }
    }
    const window = { startedAtMs: nowMs, taken: 0 };
    windows.set(keyId, window);
    return window;
  };

  return {
    take: (keyId, perMinute) => {
      const nowMs = clock.nowMs();
      const known = windows.get(keyId);
      const window =
        known !== undefined && known.startedAtMs + windowMs > nowMs ? known : begin(keyId, nowMs);
      const resetMs = window.startedAtMs + windowMs - nowMs;
      if (window.taken >= perMinute) return { isAllowed: false, remaining: 0, resetMs };
      window.taken += 1;
      return { isAllowed: true, remaining: perMinute - window.taken, resetMs };
    },
  };
};
