import { describe, expect, it } from 'vitest';
import type { CallFailure } from '../../core/failure.ts';
import { Secret } from '../../core/secret.ts';
import { callOf } from '../contract/samples.ts';
import { ProviderError } from '../provider.ts';
import { readAnswer } from './response.ts';

const nowMs = Date.UTC(2026, 10, 22);
const settings = { api_key: new Secret('short-key') };

const failureOf = (status: number, json: unknown, headers: Record<string, string> = {}): CallFailure => {
  try {
    readAnswer({ status, headers, json }, callOf('gpt-image-2.6-flare'), { nowMs, settings });
  } catch (error) {
    if (error instanceof ProviderError) return error.failure;
    throw error;
  }
  throw new Error('nothing was thrown');
};

const envelope = (code: string | null, more: object = {}) => ({
  error: { message: 'It went wrong.', type: 'invalid_request_error', param: null, code, ...more },
});

type Flag = 'retryable' | 'account';
type Row = readonly [number, string | null, object, CallFailure['code'], ...Flag[]];

/** Sheet sections 1.1, 2, 3, 4 and 5: status, code, what else the error says, what it is to us, flags. */
const table: readonly Row[] = [
  [400, 'moderation_blocked', { type: 'image_generation_user_error' }, 'content_policy_violation'],
  [400, 'content_policy_violation', {}, 'content_policy_violation'],
  [400, null, { message: 'It was rejected. safety_violations=[violence]' }, 'content_policy_violation'],
  [
    400,
    null,
    { message: 'This request has been blocked by our content filters.' },
    'content_policy_violation',
  ],
  [400, 'contentFilter', { type: undefined }, 'content_policy_violation'],
  [400, null, { inner_error: { code: 'ResponsibleAIPolicyViolation' } }, 'content_policy_violation'],
  [400, 'invalid_value', { param: 'model', type: 'image_generation_user_error' }, 'model_unavailable'],
  [400, null, { message: 'Invalid model x. The model argument is not valid.' }, 'model_unavailable'],
  [400, null, { message: 'The model argument is invalid.' }, 'model_unavailable'],
  [404, 'model_not_found', {}, 'model_unavailable'],
  [403, 'model_not_found', {}, 'model_unavailable'],
  [404, 'DeploymentNotFound', { type: undefined }, 'model_unavailable'],
  [400, 'invalid_value', { param: 'size' }, 'provider_rejected_request'],
  [400, 'invalid_size', { message: 'The size is not supported by this model.' }, 'provider_rejected_request'],
  [400, null, { message: 'You must provide n=1 for this model.' }, 'provider_rejected_request'],
  [400, 'invalid_input_fidelity_model', { param: 'input_fidelity' }, 'provider_rejected_request'],
  [400, 'invalid_png_output_compression', {}, 'provider_rejected_request'],
  [400, 'unknown_parameter', { param: 'response_format' }, 'provider_rejected_request'],
  [400, 'missing_required_parameter', { param: 'size' }, 'provider_rejected_request'],
  [400, 'invalid_type', { param: 'n' }, 'provider_rejected_request'],
  [400, 'string_above_max_length', { param: 'prompt' }, 'prompt_rejected'],
  [400, null, { message: "A long prompt is too long - 'prompt'" }, 'prompt_rejected'],
  [400, 'invalidPayload', { message: "A long prompt is too long - 'prompt'" }, 'prompt_rejected'],
  [400, 'unsupported_file_mimetype', { param: 'image[0]' }, 'reference_invalid'],
  [400, 'missing_file_mimetype', {}, 'reference_invalid'],
  [400, null, { message: 'Invalid image file or mode for image 1' }, 'reference_invalid'],
  [400, 'invalid_value', { param: 'image' }, 'reference_invalid'],
  [413, null, {}, 'reference_invalid'],
  [400, 'billing_hard_limit_reached', {}, 'provider_quota_exhausted', 'account'],
  [429, 'billing_hard_limit_reached', {}, 'provider_quota_exhausted', 'account'],
  [401, 'invalid_api_key', {}, 'provider_auth_failed', 'account'],
  [401, 'invalid_organization', {}, 'provider_auth_failed', 'account'],
  [401, null, {}, 'provider_auth_failed', 'account'],
  [401, '401', { type: undefined }, 'provider_auth_failed', 'account'],
  [403, null, { message: 'Your organization must be verified to use it.' }, 'provider_auth_failed'],
  [
    400,
    'unsupported_value',
    { param: 'model', message: 'Your organization must be verified.' },
    'provider_auth_failed',
  ],
  [404, 'model_not_found', { message: 'Your organization must be verified.' }, 'provider_auth_failed'],
  [
    403,
    'unsupported_country_region_territory',
    { type: 'request_forbidden' },
    'provider_auth_failed',
    'account',
  ],
  [403, 'Forbidden', { type: undefined }, 'provider_auth_failed', 'account'],
  [409, null, {}, 'provider_unavailable', 'retryable'],
  [500, null, { type: 'server_error' }, 'provider_unavailable', 'retryable'],
  [500, 'image_generation_failed', {}, 'provider_unavailable', 'retryable'],
  [503, 'server_is_overloaded', { type: 'service_unavailable_error' }, 'provider_unavailable', 'retryable'],
  // The meanings of 429: too fast, and out of money.
  [429, 'rate_limit_exceeded', { type: 'requests' }, 'provider_rate_limited', 'retryable'],
  [429, 'rate_limit_exceeded', { type: 'tokens' }, 'provider_rate_limited', 'retryable'],
  [429, 'rate_limit_exceeded', { type: 'input-images' }, 'provider_rate_limited', 'retryable'],
  [429, 'slow_down', {}, 'provider_rate_limited', 'retryable'],
  [429, '429', { type: undefined }, 'provider_rate_limited', 'retryable'],
  [429, 'RateLimitReached', { type: undefined }, 'provider_rate_limited', 'retryable'],
  [429, 'insufficient_quota', { type: 'insufficient_quota' }, 'provider_quota_exhausted', 'account'],
  [429, null, { type: 'insufficient_quota' }, 'provider_quota_exhausted', 'account'],
  [429, 'credit_balance_exhausted', { type: 'insufficient_quota' }, 'provider_quota_exhausted', 'account'],
  [429, 'organization_spend_limit_exceeded', {}, 'provider_quota_exhausted', 'account'],
  [429, 'project_spend_limit_exceeded', {}, 'provider_quota_exhausted', 'account'],
  [429, 'organization_usage_limit_exceeded', {}, 'provider_quota_exhausted', 'account'],
  // Codes that no sheet knows go by their status.
  [400, 'something_new', {}, 'provider_rejected_request'],
  [402, 'something_new', {}, 'provider_quota_exhausted', 'account'],
  [422, 'something_new', {}, 'provider_rejected_request'],
  [429, 'constructor', {}, 'provider_rate_limited', 'retryable'],
  [503, 'something_new', { param: 'model' }, 'provider_unavailable', 'retryable'],
];

describe('an error of OpenAI', () => {
  it.for(table)('%i %s %j is %s', ([status, code, more, expected, ...flags]) => {
    const failure = failureOf(status, envelope(code, more));
    expect(failure).toMatchObject({ code: expected, charged: 'no', upstream: { status } });
    expect(failure.retryable).toBe(flags.includes('retryable'));
    expect(failure.account ?? false).toBe(flags.includes('account'));
  });

  it.each([
    ['a plain text under error', 400, { error: 'no such sampler' }, 'provider_rejected_request'],
    ['a plain text under detail', 422, { detail: 'no such sampler' }, 'provider_rejected_request'],
    ['a numeric code', 401, { error: { code: 401, message: 'no' } }, 'provider_auth_failed'],
    [
      'Azure of 2024, inside a 200',
      200,
      { created: 1, error: { code: 'contentFilter' } },
      'content_policy_violation',
    ],
    ['a 404 without words', 404, undefined, 'provider_rejected_request'],
    ['a 413 of a proxy', 413, undefined, 'reference_invalid'],
    ['a 401 of a proxy', 401, undefined, 'provider_auth_failed'],
  ])('may be %s', (_name, status, json, code) => {
    expect(failureOf(status, json)).toMatchObject({ code, charged: 'no', retryable: false });
  });

  it('is the wall in front of OpenAI when a 429 has no JSON, whatever it asks', () => {
    expect(failureOf(429, undefined, { 'retry-after': '54749' })).toMatchObject({
      code: 'provider_rate_limited',
      charged: 'no',
      retryAfterMs: 54_749_000,
    });
  });

  it('tells whether the request or the drawn picture was refused', () => {
    const blocked = (stage: string): string =>
      failureOf(400, envelope('moderation_blocked', { moderation_details: { moderation_stage: stage } }))
        .message;
    expect(blocked('input')).toBe('The provider refused the request for its content.');
    expect(blocked('unknown')).toBe(blocked('input'));
    expect(blocked('output')).toBe('The provider refused the picture that it drew for its content.');
  });

  it('names code and request id', () => {
    expect(failureOf(500, envelope('image_generation_failed'), { 'x-request-id': 'req_1' }).upstream).toEqual(
      {
        status: 500,
        code: 'image_generation_failed',
        requestId: 'req_1',
      },
    );
    expect(failureOf(500, envelope(null), { 'apim-request-id': 'a' }).upstream).toEqual({
      status: 500,
      code: 'invalid_request_error',
      requestId: 'a',
    });
  });

  it('quotes what helps, without keys, accounts or request ids', () => {
    const message = 'Bad size for sk-abc***wxyz short-key in org-X1y2,\n proj_9 (req_77): use 1024x1024.';
    const failure = failureOf(400, envelope('invalid_value', { param: 'size', message }));
    expect(failure.message).toContain('Bad size for … … in …, … (…): use 1024x1024.');
  });

  it('never repeats a prompt', () => {
    const message = "a secret plan is too long - 'prompt'";
    expect(failureOf(400, envelope(null, { message })).message).not.toContain('secret plan');
  });

  it.each<[string, Record<string, string>, string, number | undefined]>([
    ['retry-after-ms', { 'retry-after-ms': '600', 'retry-after': '1' }, '', 600],
    ['Retry-After in seconds', { 'retry-after': '7' }, '', 7000],
    ['Retry-After as a date', { 'retry-after': new Date(nowMs + 9000).toUTCString() }, '', 9000],
    ['seconds in words', {}, 'Limit 5, used 5. Please try again in 1.5s.', 1500],
    ['milliseconds in words', {}, 'Please try again in 300ms.', 300],
    ['minutes in words', {}, 'Please try again in 6m0s.', 360_000],
    ['nothing', { 'retry-after': 'soon', 'retry-after-ms': 'x' }, 'Please try again later.', undefined],
  ])('waits as long as %s asks', (_name, headers, message, expected) => {
    expect(failureOf(429, envelope('rate_limit_exceeded', { message }), headers).retryAfterMs).toBe(expected);
  });

  it('waits long by itself where the load has to fall', () => {
    expect(failureOf(429, envelope('slow_down')).retryAfterMs).toBe(30_000);
  });
});
