import { describe, expect, it } from 'vitest';
import type { CallFailure } from '../../core/failure.ts';
import { Secret } from '../../core/secret.ts';
import { toFailure } from './errors.ts';

const nowMs = Date.UTC(2026, 10, 22);
const settings = { access_key: new Secret('the-access-key'), secret_key: new Secret('the-secret-key') };

const failureOf = (
  status: number,
  code: number,
  message = 'The request failed.',
  headers: Record<string, string> = {},
): CallFailure =>
  toFailure(
    { code, message, requestId: 'uuid-1' },
    { status, headers, json: undefined },
    { nowMs, settings },
  );

type Flag = 'retryable' | 'once' | 'account';

/** Sheet section 9: status, code, what it is to us, flags. */
const table: readonly (readonly [number, number, CallFailure['code'], ...Flag[]])[] = [
  [401, 1000, 'provider_auth_failed', 'account'],
  [401, 1001, 'provider_auth_failed', 'account'],
  [401, 1002, 'provider_auth_failed', 'account'],
  [401, 1003, 'provider_auth_failed', 'account'],
  [401, 1004, 'provider_auth_failed', 'account', 'retryable', 'once'],
  [429, 1100, 'provider_quota_exhausted', 'account'],
  [429, 1101, 'provider_quota_exhausted', 'account'],
  [429, 1102, 'provider_quota_exhausted', 'account'],
  [403, 1103, 'provider_auth_failed', 'account'],
  [400, 1200, 'provider_rejected_request'],
  [400, 1201, 'provider_rejected_request'],
  [404, 1202, 'provider_rejected_request'],
  [404, 1203, 'model_unavailable'],
  [400, 1300, 'provider_rejected_request'],
  [400, 1301, 'content_policy_violation'],
  [429, 1302, 'provider_rate_limited', 'retryable'],
  [429, 1303, 'provider_rate_limited', 'retryable'],
  [429, 1304, 'provider_auth_failed', 'account'],
  [500, 5000, 'provider_unavailable', 'retryable'],
  [503, 5001, 'provider_unavailable', 'retryable'],
  // Codes that no sheet knows go by their status.
  [400, 1299, 'provider_rejected_request'],
  [401, 1099, 'provider_auth_failed', 'account'],
  [429, 1399, 'provider_rate_limited', 'retryable'],
  [500, 5999, 'provider_unavailable', 'retryable'],
];

describe('an error of Kling', () => {
  it.for(table)('%i %i is %s', ([status, code, expected, ...flags]) => {
    const failure = failureOf(status, code);
    expect(failure).toMatchObject({
      code: expected,
      charged: 'no',
      upstream: { status, code: String(code), requestId: 'uuid-1' },
    });
    expect(failure.retryable).toBe(flags.includes('retryable'));
    expect(failure.retryOnce ?? false).toBe(flags.includes('once'));
    expect(failure.account ?? false).toBe(flags.includes('account'));
  });

  it('with 429 is an exhausted account, a forbidden address or a rate limit, by its code alone', () => {
    const codes = [1102, 1304, 1303].map((code) => failureOf(429, code).code);
    expect(codes).toEqual(['provider_quota_exhausted', 'provider_auth_failed', 'provider_rate_limited']);
    expect(failureOf(400, 1302).code).toBe('provider_rate_limited');
    expect(failureOf(200, 1102).code).toBe('provider_quota_exhausted');
  });

  it.each([
    ['Failed to resolve the request body', 'provider_rejected_request'],
    ['aspect_ratio value 5:4 is invalid', 'provider_rejected_request'],
    ['prompt cannot be empty', 'prompt_rejected'],
    ['File is not in a valid base64 format', 'reference_invalid'],
    ['Image pixel is invalid: at least 300px', 'reference_invalid'],
    ['Image model kling-v1 has been discontinued and is no longer available', 'model_unavailable'],
    ["model_name value 'kling-v9' is invalid", 'model_unavailable'],
  ])('1201 means what its text says: %s', (message, code) => {
    expect(failureOf(400, 1201, message)).toMatchObject({ code, retryable: false });
  });

  it('quotes what helps, without our keys or what looks like one', () => {
    const message = `aspect_ratio of the-access-key the-secret-key ${'A'.repeat(32)}\n is invalid`;
    const failure = failureOf(400, 1201, message);
    expect(failure.message).toContain('It said: “aspect_ratio of … … … is invalid”');
    expect(JSON.stringify(failure)).not.toMatch(/the-(access|secret)-key|AAAA/);
    expect(failureOf(401, 1002, 'token the-secret-key').message).not.toContain('token');
  });

  it('waits a second at least, as long as a Retry-After asks, and no longer than a minute', () => {
    expect(failureOf(429, 1302).retryAfterMs).toBe(1000);
    expect(failureOf(429, 1303, 'x', { 'retry-after': '7' }).retryAfterMs).toBe(7000);
    expect(failureOf(429, 1303, 'x', { 'retry-after': '86400' }).retryAfterMs).toBe(60_000);
    expect(failureOf(400, 1201).retryAfterMs).toBeUndefined();
  });
});
