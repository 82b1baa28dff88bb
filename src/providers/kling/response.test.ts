import { describe, expect, it } from 'vitest';
import { Secret } from '../../core/secret.ts';
import { AnswerLost, ProviderError } from '../provider.ts';
import type { Progress, UpstreamAnswer } from '../provider.ts';
import { isDuplicate, isUnknownTask, readEnvelope, readProgress, taskIdOf } from './response.ts';

const nowMs = 1_758_370_010_000;
const circumstances = { nowMs, settings: { api_key: new Secret('the-key') } };
const answerOf = (status: number, json: unknown): UpstreamAnswer => ({ status, headers: {}, json });
const envelope = (data: unknown) => ({ code: 0, message: 'SUCCEED', request_id: 'uuid-1', data });

const told = (task: Record<string, unknown>): Progress =>
  readProgress(answerOf(200, envelope({ task_id: '930810057590833241', ...task })), circumstances);
const refused = (status: number, code: number, message = 'x'): Progress =>
  readProgress(answerOf(status, { code, message, request_id: 'uuid-1' }), circumstances);

const images = [
  { index: 1, url: 'https://h1.inkwai.test/b.png' },
  { index: 0, url: 'https://h1.inkwai.test/a.png' },
];

describe('an envelope of Kling', () => {
  it('holds a task, whose id is a text and stays one', () => {
    const answer = answerOf(
      200,
      envelope({ task_id: '930810057590833241', element_id: 829836802793406551n }),
    );
    const read = readEnvelope(answer);
    if (read.kind !== 'task') throw new Error('no task');
    expect(taskIdOf(read.task, answer)).toBe('930810057590833241');
  });

  it('may hold an id of the older form', () => {
    expect(taskIdOf({ task_id: 'CjMT7WdSwWcAAAAAALvB3g' }, answerOf(200, {}))).toBe('CjMT7WdSwWcAAAAAALvB3g');
  });

  it('holds an error with or without data, whatever the status', () => {
    for (const json of [
      { code: 1301, message: 'x' },
      { code: 1301, message: 'x', data: null },
    ]) {
      expect(readEnvelope(answerOf(400, json))).toMatchObject({ kind: 'error', error: { code: 1301 } });
      expect(readEnvelope(answerOf(200, json))).toMatchObject({ kind: 'error', error: { code: 1301 } });
    }
  });

  it.each([
    ['an empty 200', 200, undefined],
    ['foreign JSON', 200, { hello: 'world' }],
    ['a list', 200, [1]],
    ['a success without data', 200, { code: 0, message: 'SUCCEED', data: null }],
    ['a code that is a text', 400, { code: '1201', message: 'x' }],
    ['a 500 without JSON', 500, undefined],
    ['a 502', 502, undefined],
    ["a 502 in Kling's words", 502, { code: 5000, message: 'x' }],
    ['a foreign 503', 503, undefined],
    ["a time-out in Kling's words, after which the task may exist", 504, { code: 5002, message: 'x' }],
    ['the same with another status', 500, { code: 5002, message: 'x' }],
    ['a redirect', 302, undefined],
  ])('is lost when it is %s', (_name, status, json) => {
    expect(() => readEnvelope(answerOf(status, json))).toThrow(AnswerLost);
  });

  it('is lost when the task has no id, or one that lost digits as a number', () => {
    expect(() => taskIdOf({}, answerOf(200, {}))).toThrow(AnswerLost);
    expect(() => taskIdOf({ task_id: 930810057590833241n }, answerOf(200, {}))).toThrow(AnswerLost);
  });

  it('says that the address is wrong when there is nothing at the path', () => {
    expect(() => readEnvelope(answerOf(404, undefined))).toThrow(ProviderError);
  });

  it('of a duplicate external_task_id is a 400/1201 that ends in "already exists"', () => {
    const error = { code: 1201, message: 'External_task_id call_1 already exists', requestId: undefined };
    expect(isDuplicate(error)).toBe(true);
    expect(isDuplicate({ ...error, message: 'Element already exists' })).toBe(false);
    expect(isDuplicate({ ...error, code: 1301 })).toBe(false);
  });

  it('of an unknown task is a 400/1201, not a 404/1203, which would do as well', () => {
    const error = { code: 1201, message: 'Task not found by id/external id: call_1', requestId: undefined };
    expect(isUnknownTask(error)).toBe(true);
    expect(isUnknownTask({ ...error, code: 1203, message: '' })).toBe(true);
    expect(isUnknownTask({ ...error, message: 'prompt cannot be empty' })).toBe(false);
  });
});

describe('what Kling tells of a task', () => {
  it.each(['succeed', 'succeeded'])('%s gives its pictures in their order', (task_status) => {
    expect(told({ task_status, task_result: { images }, unknown: { field: [] } })).toEqual({
      state: 'produced',
      outputs: [
        { at: 'link', url: 'https://h1.inkwai.test/a.png' },
        { at: 'link', url: 'https://h1.inkwai.test/b.png' },
      ],
      adjustments: [],
    });
  });

  it('gives fewer pictures than were asked for as they are', () => {
    const task_result = { images: [images[1], { index: 1 }, null] };
    expect(told({ task_status: 'succeed', task_result })).toMatchObject({ outputs: [{ at: 'link' }] });
  });

  it('gives the marked picture where there is one, and tells when the mark is missing', () => {
    const marked = { ...images[1], watermark_url: 'https://h1.inkwai.test/marked.png' };
    const task = { task_status: 'succeed', watermark_info: { enabled: true } };
    expect(told({ ...task, task_result: { images: [marked] } })).toMatchObject({
      outputs: [{ url: 'https://h1.inkwai.test/marked.png' }],
      adjustments: [],
    });
    expect(told({ ...task, task_result: { images } })).toMatchObject({
      adjustments: [{ parameter: 'watermark', asked: true, used: false }],
    });
  });

  it.each([
    [0, 2_500],
    [60_000, 6_000],
    [3_600_000, 10_000],
    [-3_600_000, 2_500],
  ])('is asked again slower with its age: %i ms old, after %i', (ageMs, checkAfterMs) => {
    for (const task_status of ['submitted', 'processing']) {
      expect(told({ task_status, created_at: nowMs - ageMs })).toEqual({ state: 'running', checkAfterMs });
    }
  });

  it('is still running when its status is unknown or missing', () => {
    for (const task_status of ['queued_v2', undefined]) {
      expect(told({ task_status })).toMatchObject({ state: 'running', warning: expect.any(String) });
    }
  });

  it.each([{}, { task_result: {} }, { task_result: null }, { task_result: { images: [] } }])(
    'that succeeded and shows no picture is asked again for half a minute: %j',
    (fields) => {
      const empty = (endedAgoMs: number, deduction: string): Progress =>
        told({
          task_status: 'succeed',
          updated_at: nowMs - endedAgoMs,
          final_unit_deduction: deduction,
          ...fields,
        });
      expect(empty(29_999, '8')).toMatchObject({ state: 'running', warning: expect.any(String) });
      expect(empty(30_000, '8')).toMatchObject({
        failure: { code: 'provider_bad_response', charged: 'yes', retryable: false },
      });
      expect(empty(0, '0')).toMatchObject({
        failure: { code: 'provider_bad_response', charged: 'no', retryable: true },
      });
    },
  );

  it.each([
    ['Failure to pass the risk control system', 'content_policy_violation'],
    ['The resolution or aspect ratio of the input image is invalid', 'reference_invalid'],
    ['Something went wrong', 'provider_rejected_request'],
    ['', 'provider_rejected_request'],
    [undefined, 'provider_rejected_request'],
  ])('that failed has no code, only a text: %s', (task_status_msg, code) => {
    expect(told({ task_status: 'failed', task_status_msg })).toMatchObject({
      state: 'failed',
      failure: { code, charged: 'no', retryable: false, upstream: { code: 'failed', requestId: 'uuid-1' } },
    });
  });

  it('that failed and took units says so', () => {
    expect(told({ task_status: 'failed', final_unit_deduction: '8' })).toMatchObject({
      failure: { charged: 'yes' },
    });
  });

  it('that Kling no longer knows may have been paid', () => {
    expect(refused(400, 1201, 'Task not found by id/external id: 1')).toMatchObject({
      state: 'failed',
      failure: { code: 'provider_bad_response', charged: 'unknown', retryable: false },
    });
  });

  it.each([
    [401, 1002],
    [429, 1102],
    [429, 1304],
  ])('is not lost with the account: %i/%i', (status, code) => {
    expect(refused(status, code)).toMatchObject({ state: 'running', warning: expect.any(String) });
  });

  it.each([
    [429, 1302],
    [500, 5000],
    [401, 1004],
  ])('is asked again after %i/%i', (status, code) => {
    expect(() => refused(status, code)).toThrow(ProviderError);
  });

  it('that is refused for content when it is asked for costs nothing', () => {
    expect(refused(400, 1301)).toMatchObject({
      failure: { code: 'content_policy_violation', charged: 'no' },
    });
    expect(refused(400, 1200)).toMatchObject({
      failure: { code: 'provider_rejected_request', charged: 'unknown' },
    });
  });
});
