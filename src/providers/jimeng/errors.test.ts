import { describe, expect, it } from 'vitest';
import type { CallFailure } from '../../core/failure.ts';
import { Secret } from '../../core/secret.ts';
import { toFailure } from './errors.ts';
import type { JimengError } from './errors.ts';

const requestId = '202511281418218670D408837A9B0EB58F';
const settings = {
  access_key_id: new Secret('AKLTnobodymaysee'),
  secret_access_key: new Secret('c2VjcmV0'),
};

const failureOf = (
  from: JimengError['from'],
  status: number,
  code: string,
  message = 'Failed.',
  headers: Record<string, string> = {},
): CallFailure =>
  toFailure({ from, code, message, requestId }, { status, headers, json: undefined }, { nowMs: 0, settings });

type Flag = 'retryable' | 'once' | 'account';
type Row = readonly [status: number, code: string, meaning: CallFailure['code'], ...flags: Flag[]];

/** Sheet sections 8.1 and 8.2. */
const service: readonly Row[] = [
  [400, '50411', 'content_policy_violation'],
  [400, '50412', 'content_policy_violation'],
  [400, '50413', 'content_policy_violation'],
  [400, '50511', 'content_policy_violation', 'retryable', 'once'],
  [400, '50512', 'content_policy_violation'],
  [400, '50516', 'content_policy_violation'],
  [400, '50517', 'content_policy_violation'],
  [400, '50518', 'content_policy_violation'],
  [400, '50519', 'content_policy_violation', 'retryable', 'once'],
  [400, '50520', 'provider_unavailable', 'retryable', 'once'],
  [400, '50521', 'provider_unavailable', 'retryable', 'once'],
  [400, '50522', 'provider_unavailable', 'retryable', 'once'],
  [429, '50429', 'provider_rate_limited', 'retryable'],
  [429, '50430', 'provider_rate_limited', 'retryable'],
  [404, '50429', 'provider_rate_limited', 'retryable'],
  [500, '50500', 'provider_unavailable', 'retryable', 'once'],
  [500, '50501', 'provider_unavailable', 'retryable', 'once'],
  [400, '50218', 'content_policy_violation'],
  [400, '50200', 'provider_rejected_request'],
  [400, '50201', 'provider_rejected_request'],
  [400, '50204', 'provider_rejected_request'],
  [400, '50205', 'reference_invalid'],
  [400, '50206', 'reference_invalid'],
  [400, '50207', 'reference_invalid'],
  [400, '50209', 'provider_rejected_request'],
  [400, '50210', 'provider_rejected_request'],
  [400, '50211', 'provider_rejected_request'],
  [400, '50213', 'provider_rejected_request'],
  [400, '50214', 'provider_rejected_request'],
  [400, '50215', 'provider_rejected_request'],
  [400, '60102', 'reference_invalid'],
  [400, '60208', 'content_policy_violation'],
  [401, '50400', 'provider_auth_failed'],
  [404, '50402', 'provider_rejected_request'],
  [400, '59999', 'provider_rejected_request'],
  [401, '59999', 'provider_auth_failed', 'account'],
  [429, '59999', 'provider_rate_limited', 'retryable'],
  [500, '59999', 'provider_unavailable', 'retryable', 'once'],
];

/** Sheet section 8.3; the three that leave open what happened are lost answers. */
const gateway: readonly Row[] = [
  [400, 'MissingParameter', 'provider_rejected_request'],
  [401, 'MissingAuthenticationToken', 'provider_auth_failed', 'account'],
  [400, 'MissingRequestInfo', 'provider_rejected_request'],
  [401, 'MissingSignature', 'provider_auth_failed', 'account'],
  [400, 'InvalidTimestamp', 'provider_auth_failed', 'retryable', 'once'],
  [403, 'InvalidTimestamp', 'provider_auth_failed', 'retryable', 'once'],
  [404, 'ServiceNotFound', 'provider_rejected_request'],
  [404, 'InvalidActionOrVersion', 'provider_rejected_request'],
  [401, 'InvalidAccessKey', 'provider_auth_failed', 'account'],
  [401, 'SignatureDoesNotMatch', 'provider_auth_failed', 'account'],
  [403, 'LackPolicy', 'provider_auth_failed', 'account'],
  [403, 'AccessDenied', 'provider_auth_failed', 'account'],
  [500, 'InternalError', 'provider_unavailable', 'retryable', 'once'],
  [429, 'FlowLimitExceeded', 'provider_rate_limited', 'retryable'],
  [429, 'AccountFlowLimitExceeded', 'provider_rate_limited', 'retryable'],
  [503, 'ServiceUnavailableTemp', 'provider_unavailable', 'retryable'],
  [400, 'InvalidAuthorization', 'provider_auth_failed', 'account'],
  [400, 'InvalidCredential', 'provider_auth_failed', 'account'],
  [400, 'InvalidSecretToken', 'provider_auth_failed', 'account'],
  [400, 'SomethingNew', 'provider_rejected_request'],
  [403, 'SomethingNew', 'provider_auth_failed', 'account'],
];

/** A failure as the tables write it. */
const told = (failure: CallFailure): Row => [
  failure.upstream?.status ?? 0,
  failure.upstream?.code ?? '',
  failure.code,
  ...(failure.retryable ? (['retryable'] as const) : []),
  ...(failure.retryOnce ? (['once'] as const) : []),
  ...(failure.account ? (['account'] as const) : []),
];

describe('an error of Jimeng', () => {
  it.each(service.map((row) => ({ row })))('is $row', ({ row }) => {
    const failure = failureOf('service', row[0], row[1]);
    expect(told(failure)).toEqual(row);
    expect(failure).toMatchObject({ charged: 'no', upstream: { requestId } });
  });

  it.each(gateway.map((row) => ({ row })))('is of the gateway: $row', ({ row }) => {
    const failure = failureOf('gateway', row[0], row[1]);
    expect(told(failure)).toEqual(row);
    expect(failure).toMatchObject({ charged: 'no', upstream: { requestId } });
  });

  it('tells three kinds of 429 apart: rate, concurrency, and what a header says', () => {
    expect(failureOf('service', 429, '50429').retryAfterMs).toBe(2_000);
    expect(failureOf('service', 429, '50430').retryAfterMs).toBe(10_000);
    expect(failureOf('service', 429, '50430', '', { 'retry-after': '31' }).retryAfterMs).toBe(31_000);
    expect(failureOf('gateway', 429, 'FlowLimitExceeded').retryAfterMs).toBe(2_000);
    const messages = ['50429', '50430'].map((code) => failureOf('service', 429, code).message);
    expect(new Set(messages).size).toBe(2);
  });

  it('quotes the vendor where that helps, without keys and ids', () => {
    const { message } = failureOf(
      'service',
      400,
      '50200',
      'bad width for AKLTnobodymaysee or AKLTanother, c2VjcmV0, 7392616336519610409',
    );
    expect(message).toBe('The provider rejected the request. It said: “bad width for … or …, …, …”');
    expect(
      failureOf('gateway', 401, 'InvalidAccessKey', 'The accesskey [AKLTother] is invalid.').message,
    ).toBe('The provider refused the credentials that are configured for it.');
  });
});
