import { describe, expect, it } from 'vitest';
import { catalogue, type ErrorCode, isTaskErrorCode } from './errors.ts';
import type { CallFailure } from './failure.ts';
import { backoffMs, judge, mostTelling, moments, ruleFor, troubleOf, troubles } from './retry-policy.ts';

const failure = (changes: Partial<CallFailure> = {}): CallFailure => ({
  code: 'provider_unavailable',
  message: 'It did not work.',
  charged: 'no',
  retryable: true,
  ...changes,
});

/** A row of the table in words: `↪ retry, stumbles` asks the next route first, else sends a new call. */
const words = (...[moment, trouble, charged]: Parameters<typeof ruleFor>): string => {
  const { elsewhere, remedy, provider } = ruleFor(moment, trouble, charged);
  return `${elsewhere ? '↪ ' : ''}${remedy}${provider === undefined ? '' : `, ${provider}`}`;
};

const tableOf = (charged: CallFailure['charged']) =>
  Object.fromEntries(
    moments.map((moment) => [
      moment,
      Object.fromEntries(
        troubles
          .map((trouble) => [trouble, words(moment, trouble, charged)] as const)
          .filter(([, rule]) => rule !== 'end'),
      ),
    ]),
  );

describe('the table', () => {
  it('goes on, sends anew or asks elsewhere only here, when nothing was charged', () => {
    const refused = {
      content: 'retry, works',
      request: 'end, works',
      account: '↪ retry, refuses',
      route: '↪ retry, works',
      rate: '↪ wait, limits',
      outage: '↪ retry, stumbles',
      nonsense: '↪ retry, works',
    };
    expect(tableOf('no')).toEqual({
      planned: {},
      sending: { ...refused, unconfirmed: 'retry, stumbles' },
      'found-sending': { ...refused, unconfirmed: 'retry' },
      asking: {},
      accepted: {
        content: 'retry',
        account: '↪ retry',
        route: '↪ retry',
        rate: '↪ wait',
        outage: '↪ retry',
        nonsense: '↪ retry',
      },
      produced: {},
    });
  });

  it.each(['yes', 'unknown'] as const)('only asks on when something was charged: %s', (charged) => {
    expect(tableOf(charged)).toEqual({
      planned: {},
      sending: { lost: 'ask, stumbles', unconfirmed: 'end, stumbles', storage: 'end, works' },
      'found-sending': {
        content: 'ask',
        request: 'ask',
        account: 'ask',
        route: 'ask',
        rate: 'ask',
        outage: 'ask, stumbles',
        nonsense: 'ask',
        lost: 'ask, stumbles',
      },
      asking: { account: 'ask', rate: 'ask', outage: 'ask', nonsense: 'ask', lost: 'ask', storage: 'ask' },
      accepted: { late: 'end, stumbles' },
      produced: { output: 'ask', storage: 'ask' },
    });
  });

  it('never sends a paid request after one that was or may have been charged', () => {
    for (const moment of moments) {
      for (const trouble of troubles) {
        for (const charged of ['yes', 'unknown'] as const) {
          for (const retryable of [true, false]) {
            const verdict = judge({
              moment,
              trouble,
              failure: failure({ charged, retryable }),
              tries: 0,
              attempt: 0,
              random: 0.5,
            });
            expect([verdict.elsewhere, verdict.remedy]).not.toContain(true);
            expect(['end', 'ask']).toContain(verdict.remedy);
          }
        }
      }
    }
  });

  it('knows the trouble of every code that a call may fail with', () => {
    const codes = (Object.keys(catalogue) as ErrorCode[]).filter(isTaskErrorCode);
    expect(Object.fromEntries(codes.map((code) => [code, troubleOf(failure({ code }))]))).toEqual({
      content_policy_violation: 'content',
      prompt_rejected: 'request',
      reference_unreachable: 'request',
      reference_invalid: 'request',
      provider_rejected_request: 'request',
      provider_auth_failed: 'route',
      provider_quota_exhausted: 'route',
      model_unavailable: 'route',
      provider_rate_limited: 'rate',
      provider_unavailable: 'outage',
      provider_timeout: 'outage',
      provider_bad_response: 'nonsense',
      submission_unconfirmed: 'unconfirmed',
      output_lost: 'output',
      storage_failed: 'storage',
      deadline_exceeded: 'late',
      cancelled: 'ours',
      internal_error: 'ours',
    });
    expect(troubleOf(failure({ code: 'provider_auth_failed', account: true }))).toBe('account');
    expect(troubleOf(failure({ code: 'provider_quota_exhausted', account: true }))).toBe('account');
    expect(troubleOf(failure({ code: 'provider_timeout', charged: 'unknown' }))).toBe('late');
  });
});

describe('the verdict', () => {
  const sending = { moment: 'sending', attempt: 0, tries: 0, random: 0.5 } as const;

  it('is four calls for what passes, two for what is worth one more try, one for what does not pass', () => {
    const verdicts = (changes: Partial<CallFailure>) =>
      [0, 1, 2, 3].map(
        (tries) => judge({ ...sending, trouble: 'outage', failure: failure(changes), tries }).remedy,
      );
    expect(verdicts({})).toEqual(['retry', 'retry', 'retry', 'end']);
    expect(verdicts({ retryOnce: true })).toEqual(['retry', 'end', 'end', 'end']);
    expect(verdicts({ retryable: false })).toEqual(['end', 'end', 'end', 'end']);
  });

  it('waits for a rate limit however often it comes, no sooner than its hint', () => {
    const verdict = judge({
      ...sending,
      trouble: 'rate',
      failure: failure({ code: 'provider_rate_limited', retryAfterMs: 10_000 }),
      tries: 3,
      attempt: 40,
      random: 0,
    });
    expect(verdict).toEqual({ elsewhere: true, remedy: 'wait', afterMs: 15_000, provider: 'limits' });
  });

  it('keeps a distance of its own where a rate limit has no hint, that grows to half a minute', () => {
    const waits = (random: number) =>
      [0, 1, 2, 5, 50].map((attempt) => {
        const verdict = judge({ ...sending, trouble: 'rate', failure: failure(), attempt, random });
        return verdict.remedy === 'wait' ? verdict.afterMs : undefined;
      });
    expect(waits(0)).toEqual([500, 1_000, 2_000, 15_000, 15_000]);
    expect(waits(1)).toEqual([2_000, 3_000, 5_000, 31_000, 31_000]);
  });

  it('takes a provider out for its account, but not while the key may work in a moment', () => {
    const account = failure({ code: 'provider_auth_failed', account: true, retryable: false });
    expect(judge({ ...sending, trouble: 'account', failure: account })).toEqual({
      elsewhere: true,
      remedy: 'end',
      provider: 'refuses',
    });
    const passing = { ...account, retryable: true, retryOnce: true } as const;
    expect(judge({ ...sending, trouble: 'account', failure: passing })).toMatchObject({ remedy: 'retry' });
    expect(judge({ ...sending, trouble: 'account', failure: passing })).not.toHaveProperty('provider');
    expect(judge({ ...sending, trouble: 'account', failure: passing, tries: 1 })).toMatchObject({
      remedy: 'end',
      provider: 'refuses',
    });
  });

  it('asks on about a call in doubt whatever is said, and for a picture only while it may be had', () => {
    const doubt = failure({ charged: 'unknown', retryable: false });
    expect(judge({ ...sending, moment: 'asking', trouble: 'outage', failure: doubt }).remedy).toBe('ask');
    const lost = failure({ code: 'output_lost', charged: 'yes', retryable: false });
    expect(judge({ ...sending, moment: 'produced', trouble: 'output', failure: lost }).remedy).toBe('end');
  });
});

describe('a pause', () => {
  it('is a random share of one that doubles up to half a minute, and never below the hint', () => {
    expect([0, 1, 2, 3, 4, 5, 6].map((attempt) => backoffMs(attempt, 1))).toEqual([
      1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000,
    ]);
    expect(backoffMs(3, 0.25)).toBe(2_000);
    expect(backoffMs(3, 0)).toBe(0);
    expect(backoffMs(0, 1, 7_000)).toBe(7_000);
  });
});

describe('the most telling failure', () => {
  it('is the first in the order of the contract', () => {
    const codes = [
      'provider_unavailable',
      'provider_auth_failed',
      'submission_unconfirmed',
      'prompt_rejected',
      'content_policy_violation',
    ] as const;
    const failures = codes.map((code) => failure({ code }));
    for (let left = failures.length; left > 0; left -= 1) {
      expect(mostTelling(failures.slice(0, left))?.code).toBe(codes[left - 1]);
    }
    expect(mostTelling([])).toBeUndefined();
  });
});
