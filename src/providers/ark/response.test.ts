import { describe, expect, it } from 'vitest';
import { Secret } from '../../core/secret.ts';
import { AnswerLost, ProviderError } from '../provider.ts';
import type { UpstreamAnswer } from '../provider.ts';
import { readAnswer } from './response.ts';

const read = (status: number, json: unknown, headers: UpstreamAnswer['headers'] = {}) =>
  readAnswer({ status, headers, json }, { nowMs: 0, settings: { api_key: new Secret('a-key') } });

const thrownBy = (status: number, json: unknown): unknown => {
  try {
    read(status, json);
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
};

const failureOf = (status: number, json: unknown) => {
  const error = thrownBy(status, json);
  if (!(error instanceof ProviderError)) throw error;
  return error.failure;
};

const refused = { code: 'OutputImageSensitiveContentDetected', message: 'The output may be sensitive.' };

describe('an answer of Ark', () => {
  it('gives links and spooled pictures, in order', () => {
    const data = [
      { url: 'https://tos.example/a?b=c' },
      { error: refused },
      { b64_json: { spooled: 'picture-1' } },
    ];
    expect(read(200, { data })).toEqual({
      state: 'produced',
      outputs: [
        { at: 'link', url: 'https://tos.example/a?b=c' },
        { at: 'spool', name: 'picture-1' },
      ],
    });
  });

  it('is a refusal when every item failed', () => {
    expect(failureOf(200, { data: [{ error: refused }] })).toMatchObject({
      code: 'content_policy_violation',
      charged: 'no',
      retryOnce: true,
    });
  });

  it('is a refusal when a 200 holds an error only', () => {
    const error = { code: 'InternalServiceError', message: 'x' };
    expect(failureOf(200, { model: 'm', created: 1, error })).toMatchObject({
      code: 'provider_unavailable',
      charged: 'no',
      retryable: true,
    });
    expect(failureOf(200, { error: { code: 'New', message: 'x' } })).toMatchObject({
      code: 'provider_unavailable',
    });
  });

  it('was free when Ark counts no picture', () => {
    expect(failureOf(200, { data: [], usage: { generated_images: 0 } })).toMatchObject({
      code: 'provider_bad_response',
      charged: 'no',
      retryable: true,
    });
  });

  it('is a refusal in the words of the layer before Ark too', () => {
    const json = { ResponseMetadata: { Error: { Code: 'AccessDenied', Message: 'no' } } };
    expect(failureOf(403, json)).toMatchObject({ code: 'provider_auth_failed', account: true });
  });

  it('says that the address is wrong when Ark does not have the path', () => {
    expect(failureOf(404, undefined)).toMatchObject({ code: 'provider_rejected_request', charged: 'no' });
  });

  it.each([
    ['a 200 without JSON', 200, undefined],
    ['a 200 with foreign JSON', 200, { hello: 'world' }],
    ['a 200 with a list', 200, [1]],
    ['a 200 that charged and shows nothing', 200, { data: [{}], usage: { generated_images: 1 } }],
    ['a 200 with an empty link', 200, { data: [{ url: '' }] }],
    ['a 500 without JSON', 500, undefined],
    ['a 502', 502, undefined],
    ['a 502 in the words of Ark', 502, { error: { code: 'InternalServiceError', message: 'x' } }],
    ['a foreign 503', 503, undefined],
    ['a foreign 503 with JSON', 503, { message: 'no healthy upstream' }],
    ['a 504', 504, undefined],
    ['a redirect', 302, undefined],
  ])('is lost when it is %s', (_name, status, json) => {
    const error = thrownBy(status, json);
    expect(error).toBeInstanceOf(AnswerLost);
    expect(error).toMatchObject({ status });
  });

  it('was refused when Ark itself says 503', () => {
    expect(failureOf(503, { error: { code: 'ServiceUnavailable', message: 'later' } })).toMatchObject({
      code: 'provider_unavailable',
      retryable: true,
      charged: 'no',
    });
  });
});
