import { describe, expect, it } from 'vitest';
import type { CallFailure } from '../../core/failure.ts';
import { Secret } from '../../core/secret.ts';
import { toFailure } from './errors.ts';

const requestId = '021779000000000c2dd50d1a2b3c4d5e6f708192a3b4c5d6e7f80';
const nowMs = Date.UTC(2026, 10, 22);
const settings = { api_key: new Secret('short-key') };

const failureOf = (
  status: number,
  code: string,
  message = 'The request failed.',
  headers: Record<string, string> = {},
): CallFailure => toFailure({ code, message }, { status, headers, json: undefined }, { nowMs, settings });

type Flag = 'retryable' | 'once' | 'account';

/** Sheet section 9.2: status, code, what it is to us, flags. */
const table: readonly (readonly [number, string, CallFailure['code'], ...Flag[]])[] = [
  [400, 'MissingParameter', 'provider_rejected_request'],
  [400, 'MissingParameter.model', 'provider_rejected_request'],
  [400, 'MissingParameter.prompt', 'prompt_rejected'],
  [400, 'InvalidParameter', 'provider_rejected_request'],
  [400, 'InvalidParameter.size', 'provider_rejected_request'],
  [400, 'InvalidParameter.image', 'reference_invalid'],
  [400, 'InvalidParameter.UnsupportedParameter', 'provider_rejected_request'],
  [400, 'InvalidParameter.TosURLInvalid', 'reference_invalid'],
  [400, 'InvalidImageURL.EmptyURL', 'reference_invalid'],
  [400, 'InvalidImageURL.InvalidFormat', 'reference_invalid'],
  [400, 'InvalidArgumentError', 'provider_rejected_request'],
  [400, 'OutofContextError', 'prompt_rejected'],
  [400, 'Duplicate.Tags.Key', 'provider_rejected_request'],
  [400, 'InvalidEndpoint.ClosedEndpoint', 'model_unavailable', 'retryable'],
  [400, 'SensitiveContentDetected', 'content_policy_violation'],
  [400, 'SensitiveContentDetected.SevereViolation', 'content_policy_violation'],
  [400, 'SensitiveContentDetected.Violence', 'content_policy_violation'],
  [400, 'InputTextSensitiveContentDetected', 'content_policy_violation'],
  [400, 'InputTextSensitiveContentDetected.PolicyViolation', 'content_policy_violation'],
  [400, 'InputImageSensitiveContentDetected', 'content_policy_violation'],
  [400, 'InputImageSensitiveContentDetected.PolicyViolation', 'content_policy_violation'],
  [400, 'InputImageSensitiveContentDetected.PrivacyInformation', 'content_policy_violation'],
  [400, 'OutputImageSensitiveContentDetected', 'content_policy_violation', 'retryable', 'once'],
  [400, 'OutputImageSensitiveContentDetected.DeepFake', 'content_policy_violation', 'retryable', 'once'],
  [400, 'OutputImageSensitiveContentDetected.Anything', 'content_policy_violation', 'retryable', 'once'],
  [400, 'InputTextRiskDetection', 'content_policy_violation'],
  [400, 'InputImageRiskDetection', 'content_policy_violation'],
  [400, 'OutputTextRiskDetection', 'content_policy_violation'],
  [400, 'OutputImageRiskDetection', 'content_policy_violation'],
  [400, 'ContentSecurityDetectionError', 'provider_unavailable', 'retryable'],
  [400, 'InvalidSubscription', 'provider_quota_exhausted', 'account'],
  [401, 'AuthenticationError', 'provider_auth_failed', 'account'],
  [401, 'InvalidAccountStatus', 'provider_auth_failed', 'account'],
  [403, 'AccessDenied', 'provider_auth_failed', 'account'],
  [403, 'AccountOverdueError', 'provider_quota_exhausted', 'account'],
  [403, 'OperationDenied.ServiceOverdue', 'provider_quota_exhausted', 'account'],
  [403, 'OperationDenied.ServiceNotOpen', 'provider_auth_failed', 'account'],
  [403, 'OperationDenied.PermissionDenied', 'provider_auth_failed', 'account'],
  [403, 'OperationDenied.InvalidState', 'provider_rejected_request'],
  [404, 'InvalidEndpointOrModel.NotFound', 'model_unavailable'],
  [404, 'InvalidEndpointOrModel.ModelIDAccessDisabled', 'model_unavailable'],
  [404, 'ModelNotOpen', 'model_unavailable'],
  [404, 'NotFound.Resource', 'provider_rejected_request'],
  [404, 'UnsupportedModel', 'model_unavailable'],
  [429, 'RateLimitExceeded.EndpointRPMExceeded', 'provider_rate_limited', 'retryable'],
  [429, 'RateLimitExceeded.EndpointTPMExceeded', 'provider_rate_limited', 'retryable'],
  [429, 'ModelAccountRpmRateLimitExceeded', 'provider_rate_limited', 'retryable'],
  [429, 'ModelAccountTpmRateLimitExceeded', 'provider_rate_limited', 'retryable'],
  [429, 'ModelAccountIpmRateLimitExceeded', 'provider_rate_limited', 'retryable'],
  [429, 'APIAccountRpmRateLimitExceeded', 'provider_rate_limited', 'retryable'],
  [429, 'AccountRateLimitExceeded', 'provider_rate_limited', 'retryable'],
  [429, 'SetLimitExceeded', 'provider_quota_exhausted'],
  [429, 'InflightBatchsizeExceeded', 'provider_rate_limited', 'retryable'],
  [429, 'ServerOverloaded', 'provider_unavailable', 'retryable'],
  [429, 'RequestBurstTooFast', 'provider_rate_limited', 'retryable'],
  [500, 'InternalServiceError', 'provider_unavailable', 'retryable'],
  // Codes that no sheet knows go by their status.
  [400, 'SomethingNew', 'provider_rejected_request'],
  [401, 'SomethingNew', 'provider_auth_failed', 'account'],
  [403, 'SomethingNew', 'provider_auth_failed', 'account'],
  [429, 'SomethingNew', 'provider_rate_limited', 'retryable'],
  [503, 'SomethingNew', 'provider_unavailable', 'retryable'],
  [429, 'constructor', 'provider_rate_limited', 'retryable'],
];

describe('an error of Ark', () => {
  it.for(table)('%i %s is %s', ([status, code, expected, ...flags]) => {
    const failure = failureOf(status, code);
    expect(failure).toMatchObject({ code: expected, charged: 'no', upstream: { status, code } });
    expect(failure.retryable).toBe(flags.includes('retryable'));
    expect(failure.retryOnce ?? false).toBe(flags.includes('once'));
    expect(failure.account ?? false).toBe(flags.includes('account'));
  });

  it.each([
    ['Your free quota of the model is used up.', 'provider_quota_exhausted', false],
    ['The number of queued tasks exceeds the limit.', 'provider_rate_limited', true],
    ['You have exceeded the 5-hour usage quota of your plan.', 'provider_quota_exhausted', false],
    ['The weekly quota is used up.', 'provider_quota_exhausted', false],
    ['Something else.', 'provider_quota_exhausted', false],
  ])('QuotaExceeded means what its text says: %s', (message, code, retryable) => {
    expect(failureOf(429, 'QuotaExceeded', message)).toMatchObject({ code, retryable });
    expect(failureOf(429, 'AccountQuotaExceeded', message)).toMatchObject({ code, retryable });
  });

  it('names the reference when its picture is at fault', () => {
    const message = 'expected the width to be at least 14px, but received a 1x1px image';
    expect(failureOf(400, 'InvalidParameter', message).code).toBe('reference_invalid');
    const size =
      'The parameter `size` specified in the request is not valid: image size must be at least 1 pixels.';
    expect(failureOf(400, 'InvalidParameter', size).code).toBe('provider_rejected_request');
  });

  it('takes the request id from the header, else from the end of the message, in any spelling', () => {
    expect(failureOf(500, 'InternalServiceError', 'x', { 'x-request-id': 'abc' }).upstream?.requestId).toBe(
      'abc',
    );
    for (const spelling of ['Request id', 'Request ID', 'request id']) {
      const failure = failureOf(500, 'InternalServiceError', `Broken. ${spelling}: ${requestId}`);
      expect(failure.upstream?.requestId).toBe(requestId);
    }
  });

  it('quotes what helps, without request id, account numbers or keys', () => {
    const key = '0aa00b1c-2222-4444-8888-123456789abc';
    const failure = failureOf(
      400,
      'InvalidParameter',
      `The parameter \`size\` of 2100123456 ${key} short-key is not valid.\n Request id: ${requestId}`,
    );
    expect(failure.message).toContain('The parameter `size` of … … … is not valid.');
    expect(failure.message).not.toMatch(/2100123456|0aa00b1c|c2dd50d1|short-key/);
    const notOpen = 'Your account 2100123456 has not activated the model m.';
    expect(failureOf(404, 'ModelNotOpen', notOpen).message).not.toContain('2100123456');
  });

  it('follows a Retry-After, and waits long by itself where the load has to fall', () => {
    const after = (headers: Record<string, string>): number | undefined =>
      failureOf(429, 'ModelAccountIpmRateLimitExceeded', 'x', headers).retryAfterMs;
    expect(after({ 'retry-after': '7' })).toBe(7000);
    expect(after({ 'retry-after': new Date(nowMs + 9000).toUTCString() })).toBe(9000);
    expect(after({ 'retry-after': 'soon' })).toBeUndefined();
    expect(after({})).toBeUndefined();
    expect(failureOf(429, 'RequestBurstTooFast').retryAfterMs).toBe(30_000);
  });
});
