import { describe, expect, it } from 'vitest';
import { type AttemptOutcome, attemptsPerRound, judgeAttempt } from './webhook.ts';

const HOUR = 60 * 60 * 1000;
const answered = (status: number, retryAfterMs?: number): AttemptOutcome => ({
  kind: 'answered',
  status,
  retryAfterMs,
});
const delayOf = (outcome: AttemptOutcome, attempts: number, random = 0.5): number | undefined => {
  const verdict = judgeAttempt(outcome, attempts, random);
  return verdict.next === 'again' ? verdict.delayMs : undefined;
};

describe('judgeAttempt', () => {
  it('takes any 2xx for an arrival', () => {
    for (const status of [200, 201, 204, 299]) {
      expect(judgeAttempt(answered(status), 1, 0.5)).toEqual({ next: 'delivered' });
    }
  });

  it('tries ten times over about three days, then no more', () => {
    const delays = Array.from({ length: attemptsPerRound }, (_, place) => delayOf(answered(500), place + 1));
    expect(delays.slice(0, -1)).toEqual([
      5_000,
      300_000,
      HOUR / 2,
      2 * HOUR,
      5 * HOUR,
      10 * HOUR,
      14 * HOUR,
      20 * HOUR,
      24 * HOUR,
    ]);
    expect(judgeAttempt(answered(500), attemptsPerRound, 0.5)).toEqual({
      next: 'failed',
      error: 'The receiver answered 500.',
      isGone: false,
    });
  });

  it('moves each pause by up to a tenth', () => {
    expect([delayOf(answered(500), 4, 0), delayOf(answered(500), 4, 1)]).toEqual([6_480_000, 7_920_000]);
  });

  it('waits as long as the receiver asks, when that is longer, and never over a day', () => {
    expect(delayOf(answered(429, 60_000), 1)).toBe(60_000);
    expect(delayOf(answered(503, 1_000), 2)).toBe(300_000);
    expect(delayOf(answered(503, 1_000 * HOUR), 1)).toBe(24 * HOUR);
  });

  it.each([301, 302, 307, 308])('takes the redirect %i for a failure', (status) => {
    expect(judgeAttempt(answered(status), 1, 0.5)).toMatchObject({
      next: 'again',
      error: expect.stringContaining('redirects'),
    });
  });

  it('ends at once at 410, and where no attempt can work', () => {
    expect(judgeAttempt(answered(410), 1, 0.5)).toMatchObject({ next: 'failed', isGone: true });
    expect(judgeAttempt({ kind: 'impossible', error: 'No.' }, 1, 0.5)).toEqual({
      next: 'failed',
      error: 'No.',
      isGone: false,
    });
  });

  it('tries again what was not answered', () => {
    expect(delayOf({ kind: 'unanswered', error: 'Timeout.' }, 1)).toBe(5_000);
  });
});
