import { beforeEach, describe, expect, it } from 'vitest';
import { createManualClock, type ManualClock } from '../../test/support/manual-clock.ts';
import { Breaker } from './breaker.ts';

let clock: ManualClock;
let breaker: Breaker;
beforeEach(() => {
  clock = createManualClock();
  breaker = new Breaker(clock);
});

const stumble = (times: number): void => {
  for (let count = 0; count < times; count += 1) breaker.stumble('provider_unavailable', false);
};

/** Sends the one call that may go, and it fails as the others did. */
const failProbe = (how: 'stumble' | 'refuse'): void => {
  const pass = breaker.enter();
  expect(pass?.isProbe).toBe(true);
  breaker[how]('again', true);
  pass?.close();
};

describe('the breaker of a provider', () => {
  it('opens at the fifth call in a row without an answer, and one answer starts the count anew', () => {
    stumble(4);
    breaker.work();
    stumble(4);
    expect(breaker.opened).toBeUndefined();
    expect(breaker.stumble('provider_timeout', false)).toBe(true);
    expect(breaker.opened).toMatchObject({ kind: 'unavailable', reason: 'provider_timeout' });
    expect(breaker.enter()).toBeUndefined();
  });

  it('lets nobody ask without a pause while a probe stays out', () => {
    stumble(5);
    clock.advance(1_000);
    expect(breaker.nextTryMs).toBe(clock.nowMs());
    const pass = breaker.enter();
    clock.advance(60_000);
    expect(breaker.nextTryMs).toBe(clock.nowMs() + 1_000);
    pass?.close();
    expect(breaker.nextTryMs).toBeLessThanOrEqual(clock.nowMs());
  });

  it('opens at once when the account is refused, and says so once', () => {
    expect(breaker.refuse('provider_auth_failed', false)).toBe(true);
    expect(breaker.refuse('provider_auth_failed', false)).toBe(false);
    expect(breaker.opened).toMatchObject({ kind: 'refused', sinceMs: clock.nowMs() });
  });

  it('lets one call go at a time once it is due, and closes when that is answered', () => {
    stumble(5);
    clock.advance(4_999);
    expect(breaker.isEligible).toBe(false);
    clock.advance(1);
    expect(breaker.isEligible).toBe(true);
    const pass = breaker.enter();
    expect(pass?.isProbe).toBe(true);
    expect([breaker.isEligible, breaker.enter()]).toEqual([false, undefined]);
    expect(breaker.work()).toBe(true);
    pass?.close();
    expect(breaker.enter()?.isProbe).toBe(false);
  });

  it('passes a provider over for longer with each probe that fails', () => {
    breaker.refuse('provider_quota_exhausted', false);
    for (const minutes of [1, 5, 15, 15]) {
      clock.advance(minutes * 60_000 - 1);
      expect(breaker.isEligible).toBe(false);
      clock.advance(1);
      expect(breaker.isEligible).toBe(true);
      failProbe('refuse');
    }
  });

  it('lets who has nowhere else to go try sooner, and less and less often', () => {
    breaker.refuse('provider_quota_exhausted', false);
    for (const seconds of [1, 2, 4, 8]) {
      clock.advance(seconds * 1_000 - 1);
      expect(breaker.mayProbe).toBe(false);
      clock.advance(1);
      failProbe('refuse');
    }
  });

  it('goes on as before when a probe ends without a word', () => {
    stumble(5);
    clock.advance(1_000);
    breaker.enter()?.close();
    expect(breaker.opened).toBeDefined();
    clock.advance(1_000);
    expect(breaker.enter()?.isProbe).toBe(true);
  });

  it('stays as it is after calls that were on their way when it opened', () => {
    stumble(5);
    const due = breaker.opened?.dueMs;
    stumble(3);
    expect(breaker.opened?.dueMs).toBe(due);
  });
});
