import { describe, expect, it } from 'vitest';
import { Secret } from '../core/secret.ts';
import { badReference, refusedKey, tooFast } from './refusals.ts';
import { quote, toCallFailure } from './to-call-failure.ts';

const refusal = { status: 400, code: '', requestId: undefined, words: '' };

describe('the failure that a refusal is', () => {
  it('says what the upstream said where that helps, and only there', () => {
    const words = 'The picture is broken.';
    expect(toCallFailure(badReference, { ...refusal, words }).message).toBe(
      `${badReference.message} It said: “${words}”`,
    );
    expect(toCallFailure(badReference, refusal).message).toBe(badReference.message);
    expect(toCallFailure(refusedKey, { ...refusal, words }).message).toBe(refusedKey.message);
  });

  it('waits as long as the upstream asks, else as the meaning says', () => {
    const slow = { ...tooFast, retryAfterMs: 2000 };
    expect(toCallFailure(slow, { ...refusal, retryAfterMs: 0 }).retryAfterMs).toBe(0);
    expect(toCallFailure(slow, refusal).retryAfterMs).toBe(2000);
    expect(toCallFailure(tooFast, refusal)).not.toHaveProperty('retryAfterMs');
  });

  it('cost nothing, and tells of the upstream what it told', () => {
    expect(toCallFailure(refusedKey, { ...refusal, status: 401, code: 'E1', requestId: 'r1' })).toEqual({
      ...refusedKey,
      charged: 'no',
      upstream: { status: 401, code: 'E1', requestId: 'r1' },
    });
    expect(toCallFailure(refusedKey, refusal).upstream).toEqual({ status: 400 });
  });
});

describe('a quotation', () => {
  it('holds no secret and no id, and is one line of at most 240 characters', () => {
    const secrets = [new Secret('one-key'), new Secret('other-key')];
    const words = ' Key one-key,\nnot other-key or one-key,\t\tof account 1234 ';
    expect(quote(words, secrets, /\d{4}/g)).toBe('Key …, not … or …, of account …');
    expect(quote('word '.repeat(100), [], /\d/g)).toHaveLength(240);
  });
});
