import { describe, expect, it } from 'vitest';
import type { CallRequest } from '../../core/call.ts';
import { callOf } from '../contract/samples.ts';
import { AnswerLost } from '../provider.ts';
import { readAnswer } from './response.ts';

const read = (status: number, json: unknown, call: Partial<CallRequest> = {}) =>
  readAnswer({ status, headers: {}, json }, callOf('gpt-image-2.6-flare', call), { nowMs: 0, settings: {} });

const produced = (data: unknown[], call: Partial<CallRequest> = {}) => read(200, { created: 1, data }, call);

describe('an answer of OpenAI', () => {
  it('gives spooled pictures and links, in order', () => {
    const data = [
      { b64_json: { spooled: 'picture-1' } },
      { url: 'https://blob.example/private/a.png?se=x&sig=a%2Fb' },
      { url: { spooled: 'picture-2' } },
    ];
    expect(produced(data)).toEqual({
      state: 'produced',
      outputs: [
        { at: 'spool', name: 'picture-1' },
        { at: 'link', url: 'https://blob.example/private/a.png?se=x&sig=a%2Fb' },
        { at: 'spool', name: 'picture-2' },
      ],
    });
  });

  it('may lack its usage, and carry what Azure filtered and fields of tomorrow', () => {
    const item = {
      b64_json: { spooled: 'a' },
      url: null,
      content_filter_results: { hate: { filtered: false, severity: 'safe' } },
      prompt_filter_results: [],
    };
    expect(produced([item]).outputs).toEqual([{ at: 'spool', name: 'a' }]);
    const whole = { data: [item], usage: { output_tokens: 5 }, size: '1024x1024', tomorrow: [] };
    expect(read(200, whole).outputs).toHaveLength(1);
  });

  it('gives the pictures that there are when some are missing', () => {
    expect(produced([{}, { b64_json: { spooled: 'b' } }, null], { images: 3 }).outputs).toHaveLength(1);
  });

  it('says when the model rewrote the prompt', () => {
    const item = { url: 'https://a.example/a.png', revised_prompt: 'A cat, sitting.' };
    expect(produced([item]).adjustments).toEqual([
      {
        parameter: 'prompt',
        asked: 'a cat',
        used: 'A cat, sitting.',
        reason: 'The model rewrote the prompt.',
      },
    ]);
    for (const revised_prompt of ['a cat', '', null]) {
      expect(produced([{ ...item, revised_prompt }])).not.toHaveProperty('adjustments');
    }
  });

  it('says which word stood for the quality', () => {
    const item = { b64_json: { spooled: 'a' } };
    expect(produced([item], { quality: 'hd' }).adjustments).toEqual([
      { parameter: 'quality', asked: 'hd', used: 'high', reason: 'The model calls this quality `high`.' },
    ]);
    expect(produced([item], { quality: 'low' })).not.toHaveProperty('adjustments');
    expect(produced([item], { quality: 'hd', model: 'dall-e-3' })).not.toHaveProperty('adjustments');
  });

  it.each([
    ['a 200 without JSON', 200, undefined],
    ['a 200 with foreign JSON', 200, { hello: 'world' }],
    ['an empty list', 200, { created: 1, data: [], usage: { output_tokens: 100 } }],
    ['a text where the picture should be', 200, { data: [{ b64_json: 'abc' }] }],
    ['a link that is none', 200, { data: [{ url: '/images/a.png' }] }],
    ['a 202', 202, { id: 'x' }],
    ['a redirect', 302, undefined],
    ['a foreign 408', 408, undefined],
    ['a foreign 409', 409, undefined],
    ['a foreign 499', 499, undefined],
    ['a foreign 500', 500, undefined],
    ['a foreign 503', 503, undefined],
    ['a 502 in the words of OpenAI', 502, { error: { message: 'x', type: 'server_error' } }],
    ['a 504 in the words of OpenAI', 504, { error: { message: 'x', type: 'server_error' } }],
    ['a 524 of Cloudflare', 524, undefined],
  ])('is lost when it is %s', (_name, status, json) => {
    expect(() => read(status, json)).toThrow(AnswerLost);
    expect(() => read(status, json)).toThrow(expect.objectContaining({ status }));
  });
});
