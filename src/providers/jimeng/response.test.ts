import { describe, expect, it } from 'vitest';
import { Secret } from '../../core/secret.ts';
import { AnswerLost, ProviderError } from '../provider.ts';
import type { UpstreamAnswer } from '../provider.ts';
import { readQuery, readSubmit } from './response.ts';

const acceptedAt = Date.UTC(2026, 10, 22);
const settings = { access_key_id: new Secret('AKLTx'), secret_access_key: new Secret('x') };
const at = (afterMs: number) => ({ nowMs: acceptedAt + afterMs, settings });
const handle = {
  req_key: 'jimeng_t2i_v40',
  task_id: '7392616336519610409',
  watermark: true,
  accepted_at_ms: acceptedAt,
};
const answerOf = (status: number, json: unknown, headers: Record<string, string> = {}): UpstreamAnswer => ({
  status,
  headers,
  json,
});
const success = (data: unknown) =>
  answerOf(200, {
    code: 10000,
    data,
    message: 'Success',
    request_id: '20240720103939AF0029465CF6A74E51EC',
    status: 10000,
    time_elapsed: '104.852309ms',
    more: { than: 'we know' },
  });
const refused = (status: number, code: number) =>
  answerOf(status, { code, data: null, message: 'No', request_id: 'r', status: code, time_elapsed: '103µs' });
const gateway = (status: number, code: string) =>
  answerOf(status, { ResponseMetadata: { RequestId: 'g', Error: { CodeN: 1, Code: code, Message: 'No' } } });

const submit = (answer: UpstreamAnswer) => readSubmit(answer, handle, at(0));
const query = (answer: UpstreamAnswer, afterMs = 2_000) => readQuery(answer, handle, at(afterMs));
const thrownBy = (run: () => unknown): unknown => {
  try {
    return run();
  } catch (error) {
    return error;
  }
};

describe('the answer to a submit', () => {
  it('gives a handle that says all that a query needs', () => {
    expect(submit(success({ task_id: handle.task_id }))).toEqual({
      state: 'accepted',
      handle,
      checkAfterMs: 2_000,
    });
  });

  it('keeps an id beyond 2^63 as the text it is', () => {
    expect(submit(success({ task_id: '18446744073709551615' })).handle.task_id).toBe('18446744073709551615');
  });

  it('is judged by code before data and before the HTTP status', () => {
    const json = { code: 50412, data: { task_id: '1' }, message: 'Text Risk Not Pass' };
    expect(thrownBy(() => submit(answerOf(200, json)))).toMatchObject({
      failure: { code: 'content_policy_violation', charged: 'no', upstream: { status: 200, code: '50412' } },
    });
  });

  it('is judged by the gateway before everything else', () => {
    const json = {
      code: 10000,
      data: { task_id: '1' },
      ResponseMetadata: { RequestId: 'g', Error: { Code: 'SignatureDoesNotMatch' } },
    };
    const error = thrownBy(() => submit(answerOf(401, json)));
    expect(error).toBeInstanceOf(ProviderError);
    expect(error).toMatchObject({ failure: { account: true, upstream: { requestId: 'g' } } });
  });

  it.each([
    ['a 504 of the gateway, although it says a code', gateway(504, 'InternalServiceTimeout')],
    ['InternalServiceTimeout with any status', gateway(500, 'InternalServiceTimeout')],
    ['FailToConnect', gateway(502, 'FailToConnect')],
    ['InternalServiceError', gateway(502, 'InternalServiceError')],
    ['a 502 in the words of the service', refused(502, 50500)],
    ['an empty 200', answerOf(200, undefined)],
    ['foreign JSON', answerOf(200, { hello: 'world' })],
    ['a foreign 503', answerOf(503, { message: 'no healthy upstream' })],
    ['an empty 500', answerOf(500, undefined)],
    ['a redirect', answerOf(302, undefined)],
    ['a success without an id', success({})],
    ['a success with null', success(null)],
    ['an id that is a number, and so perhaps another', success({ task_id: 7_392_616_336 })],
  ])('is lost when it is %s', (_name, answer) => {
    expect(thrownBy(() => submit(answer))).toBeInstanceOf(AnswerLost);
  });
});

describe('the answer to a query', () => {
  it('is running while the task is in the queue or at work, and asks less often after half a minute', () => {
    for (const status of ['in_queue', 'generating']) {
      const data = { status, image_urls: null, binary_data_base64: [] };
      expect(query(success(data))).toEqual({ state: 'running', checkAfterMs: 0 });
      expect(query(success(data), 30_000)).toEqual({ state: 'running', checkAfterMs: 5_000 });
    }
  });

  it('is running with a warning for a status that no sheet knows', () => {
    expect(query(success({ status: 'post_processing' }))).toMatchObject({
      state: 'running',
      warning: expect.stringContaining('post_processing'),
    });
    expect(query(success({}))).toMatchObject({ state: 'running', warning: expect.any(String) });
  });

  it('is produced when it is done and shows links', () => {
    const data = { status: 'done', image_urls: ['https://a.test/1?x=1&y=2'], binary_data_base64: null };
    expect(query(success(data))).toEqual({
      state: 'produced',
      outputs: [{ at: 'link', url: 'https://a.test/1?x=1&y=2' }],
    });
  });

  it('is produced when the pictures came inside it, although links were asked for', () => {
    const data = { status: 'done', image_urls: null, binary_data_base64: [{ spooled: 'p-0' }] };
    expect(query(success(data))).toEqual({ state: 'produced', outputs: [{ at: 'spool', name: 'p-0' }] });
  });

  it.each([
    ['null', null],
    ['an empty list', []],
    ['a list of empty texts', ['']],
  ])('is a failure that was not charged when it is done with %s for pictures', (_name, image_urls) => {
    expect(query(success({ status: 'done', image_urls, binary_data_base64: [] }))).toMatchObject({
      state: 'failed',
      failure: { code: 'provider_bad_response', charged: 'no', retryable: true, retryOnce: true },
    });
  });

  it.each(['not_found', 'expired'])('is never paid for again when the task is %s', (status) => {
    expect(query(success({ status }))).toMatchObject({
      state: 'failed',
      failure: { code: 'output_lost', charged: 'unknown', retryable: false },
    });
  });

  it('is a failure of the call when the output was refused, which the vendor does not charge', () => {
    for (const code of [50511, 50519]) {
      expect(query(refused(400, code))).toMatchObject({
        state: 'failed',
        failure: { code: 'content_policy_violation', charged: 'no', retryable: true, retryOnce: true },
      });
    }
    expect(query(refused(400, 50413))).toMatchObject({ state: 'failed', failure: { retryable: false } });
  });

  it.each([
    ['a limit', refused(429, 50429)],
    ['a lost permission', refused(401, 50400)],
    ['a wrong signature', gateway(401, 'SignatureDoesNotMatch')],
    ['an expired timestamp', gateway(400, 'InvalidTimestamp')],
    ['a gateway that is down', gateway(503, 'ServiceUnavailableTemp')],
  ])('says nothing of the call when it is %s: the call goes on', (_name, answer) => {
    expect(query(answer, 500_000)).toMatchObject({ state: 'running', warning: expect.any(String) });
  });

  it('waits as long as a 429 asks', () => {
    const json = { code: 50429, data: null };
    expect(query(answerOf(429, json, { 'retry-after': '9' }))).toMatchObject({ checkAfterMs: 9_000 });
  });

  it('takes an internal error for the query itself at first, and then gives up without paying again', () => {
    for (const code of [50500, 50501, 59999]) {
      expect(query(refused(500, code), 59_999)).toMatchObject({
        state: 'running',
        warning: expect.any(String),
      });
      const late = query(refused(500, code), 60_000);
      expect(late).toMatchObject({ state: 'failed', failure: { charged: 'unknown', retryable: false } });
    }
  });

  it('is lost when a gateway on the way spoke', () => {
    expect(thrownBy(() => query(answerOf(502, undefined)))).toBeInstanceOf(AnswerLost);
    expect(thrownBy(() => query(gateway(504, 'InternalServiceTimeout')))).toBeInstanceOf(AnswerLost);
    expect(thrownBy(() => query(success(null)))).toBeInstanceOf(AnswerLost);
  });
});
