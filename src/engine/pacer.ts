import type { Clock } from '../core/clock.ts';

const MINUTE_MS = 60_000;

/** Lets no more than a number of calls go in any minute. */
export interface Pacer {
  /** When this call may go; asking again gives the same time. */
  turnMs(callId: string): number;
}

/** @param callsPerMinute in any 60 seconds, however they fall; it may change, and one goes always. */
export const createPacer = (callsPerMinute: () => number, clock: Pick<Clock, 'nowMs'>): Pacer => {
  /** The turns of the last minute and those to come, oldest first. */
  const turns = new Map<string, number>();
  /** When the last calls went or will go, oldest first; as many as a minute may have. */
  const latest: number[] = [];
  let seenMs = -Infinity;

  /** A clock that went back takes the turns with it: they would be waited for as long as it went back. */
  const now = (): number => {
    const nowMs = clock.nowMs();
    const backMs = seenMs - nowMs;
    seenMs = nowMs;
    if (backMs > 0) {
      for (const [callId, turnMs] of turns) turns.set(callId, turnMs - backMs);
      for (const [place, turnMs] of latest.entries()) latest[place] = turnMs - backMs;
    }
    return nowMs;
  };

  const forgetPast = (nowMs: number): void => {
    for (const [callId, turnMs] of turns) {
      if (turnMs > nowMs - MINUTE_MS) return;
      turns.delete(callId);
    }
  };

  return {
    turnMs: (callId) => {
      const nowMs = now();
      const known = turns.get(callId);
      if (known !== undefined) return known;
      forgetPast(nowMs);
      const places = Math.max(1, callsPerMinute());
      const oldest = latest.at(-places);
      const turnMs = Math.max(nowMs, oldest === undefined ? 0 : oldest + MINUTE_MS);
      latest.push(turnMs);
      latest.splice(0, Math.max(0, latest.length - places));
      turns.set(callId, turnMs);
      return turnMs;
    },
  };
};
