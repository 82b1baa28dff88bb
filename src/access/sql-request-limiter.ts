import type { Clock } from '../core/clock.ts';
import { type Database, operation } from '../database/database.ts';
import { prepare } from '../database/prepared.ts';
import type { RequestWindowRow } from '../database/schema.ts';
import { type RequestLimiter, type Taken, windowMs } from './request-limiter.ts';

interface Requests {
  readonly keyId: string;
  readonly count: number;
  readonly nowMs: number;
}

const countRequests = prepare<
  { key_id: string; now: number; over: number; count: number },
  Pick<RequestWindowRow, 'started_at' | 'taken'>
>('countRequests', (db, value) =>
  db
    .insertInto('request_windows')
    .values({ key_id: value('key_id'), started_at: value('now'), taken: value('count') })
    .onConflict((conflict) =>
      conflict.column('key_id').doUpdateSet((eb) => ({
        taken: eb
          .case()
          .when('request_windows.started_at', '<=', value('over'))
          .then(eb.ref('excluded.taken'))
          .else(eb('request_windows.taken', '+', eb.ref('excluded.taken')))
          .end(),
        started_at: eb
          .case()
          .when('request_windows.started_at', '<=', value('over'))
          .then(eb.ref('excluded.started_at'))
          .else(eb.ref('request_windows.started_at'))
          .end(),
      })),
    )
    .returning(['started_at', 'taken']),
);

/**
 * Counts requests together, beyond the limit too: what exceeds it is refused by whoever asked. Run again after a commit
 * that nobody heard of it counts them twice, which refuses sooner and never allows more.
 */
const takeRequests = operation(
  'takeRequests',
  async (connection, { keyId, count, nowMs }: Requests): Promise<{ startedAtMs: number; before: number }> => {
    const [window] = await connection.all(countRequests, {
      key_id: keyId,
      now: nowMs,
      over: nowMs - windowMs,
      count,
    });
    if (window === undefined) throw new Error('A count of requests brought no row');
    return { startedAtMs: window.started_at, before: window.taken - count };
  },
);

/** Counts in a table that all nodes share. Requests of a key that come while it is asked go into its next question together. */
export const createSqlRequestLimiter = (
  database: Pick<Database, 'write'>,
  clock: Pick<Clock, 'nowMs'>,
): RequestLimiter => {
  interface Waiting {
    readonly perMinute: number;
    readonly resolve: (taken: Taken) => void;
    readonly reject: (fault: unknown) => void;
  }
  const waitingOf = new Map<string, Waiting[]>();

  const ask = async (keyId: string): Promise<void> => {
    for (let together = waitingOf.get(keyId) ?? []; together.length > 0;) {
      waitingOf.set(keyId, []);
      try {
        const nowMs = clock.nowMs();
        const count = together.length;
        const { startedAtMs, before } = await database.write(takeRequests, { keyId, count, nowMs });
        const resetMs = Math.max(0, startedAtMs + windowMs - nowMs);
        for (const [place, { perMinute, resolve }] of together.entries()) {
          const remaining = perMinute - (before + place + 1);
          resolve({ isAllowed: remaining >= 0, remaining: Math.max(0, remaining), resetMs });
        }
      } catch (fault) {
        for (const { reject } of together) reject(fault);
      }
      together = waitingOf.get(keyId) ?? [];
    }
    waitingOf.delete(keyId);
  };

  return {
    take: (keyId, perMinute) =>
      new Promise((resolve, reject) => {
        const waiting = waitingOf.get(keyId);
        if (waiting !== undefined) waiting.push({ perMinute, resolve, reject });
        else {
          waitingOf.set(keyId, [{ perMinute, resolve, reject }]);
          void ask(keyId);
        }
      }),
  };
};
