import { describe, expect, it } from 'vitest';
import type { CallRequest } from '../../core/call.ts';
import { Secret } from '../../core/secret.ts';
import { callOf } from '../contract/samples.ts';
import { toUpstreamRequest } from './request.ts';
import type { OpenAiSettings } from './settings.ts';

const callId = 'call_1';
const bytes = Buffer.from('\r\n--limner\r\nnot really a picture\0\xff', 'latin1');
const reference = { format: 'webp', width: 8, height: 8, bytes: async () => bytes } as const;

const requestFor = (
  call: Partial<CallRequest> = {},
  settings: OpenAiSettings = { api_key: new Secret('k') },
  baseUrl = 'https://api.openai.com/v1',
) =>
  toUpstreamRequest(callOf('gpt-image-2.6-flare', call), {
    callId,
    settings,
    http: { baseUrl },
    ...(call.hasReference && { reference }),
  });

const bodyFor = async (call: Partial<CallRequest>, settings?: OpenAiSettings): Promise<unknown> =>
  JSON.parse(String((await requestFor(call, settings)).body));

/** The form as a parser of somebody else reads it. */
const formFor = async (call: Partial<CallRequest>, settings?: OpenAiSettings): Promise<FormData> => {
  const { headers, body } = await requestFor({ ...call, hasReference: true }, settings);
  return new Response(Buffer.from(body ?? ''), { headers }).formData();
};

describe('a request to OpenAI', () => {
  it('never asks a GPT model for a response format, which it refuses', async () => {
    for (const model of ['gpt-image-2.6-flare', 'gpt-image-1-mini', 'chatgpt-image-latest', 'gpt-image-9']) {
      expect(await bodyFor({ model })).not.toHaveProperty('response_format');
    }
    expect((await formFor({})).has('response_format')).toBe(false);
  });

  it('asks DALL·E for a link, and a compatible server for the picture itself', async () => {
    expect(await bodyFor({ model: 'dall-e-3' })).toMatchObject({ response_format: 'url' });
    expect(await bodyFor({ model: 'stable-diffusion-xl' })).toMatchObject({ response_format: 'b64_json' });
  });

  it('never leaves the quality of a GPT model to chance, and words it as the model does', async () => {
    const words = async (quality?: string): Promise<unknown> =>
      ((await bodyFor(quality === undefined ? {} : { quality })) as { quality: unknown }).quality;
    expect(await Promise.all([undefined, 'standard', 'hd', 'max', 'auto'].map(words))).toEqual([
      'medium',
      'medium',
      'high',
      'max',
      'auto',
    ]);
    expect(await bodyFor({ model: 'dall-e-3' })).not.toHaveProperty('quality');
  });

  it('sends a reference as a form of the fields and one typed file, bit by bit', async () => {
    const form = await formFor({ images: 3, prompt: 'a "cat"\r\nand 猫', format: 'jpeg' });
    const file = form.get('image');
    if (!(file instanceof File)) throw new Error('there is no file');
    form.delete('image');
    expect(Object.fromEntries(form)).toEqual({
      model: 'gpt-image-2.6-flare',
      prompt: 'a "cat"\r\nand 猫',
      n: '3',
      size: '1024x1024',
      quality: 'medium',
      output_format: 'jpeg',
    });
    expect([file.name, file.type]).toEqual(['reference.webp', 'image/webp']);
    expect(Buffer.from(await file.arrayBuffer()).equals(bytes)).toBe(true);
  });

  it('never sends input_fidelity, and the same call gives the same bytes', async () => {
    expect((await formFor({})).has('input_fidelity')).toBe(false);
    const [one, two] = await Promise.all([
      requestFor({ hasReference: true }),
      requestFor({ hasReference: true }),
    ]);
    expect(one).toEqual(two);
  });

  it('does without a key where none is configured', async () => {
    const { headers } = await requestFor({}, {}, 'http://127.0.0.1:8080/v1');
    expect(headers).toEqual({ 'content-type': 'application/json', 'x-client-request-id': callId });
  });

  it.each([
    ['https://r.openai.azure.com', '/openai/deployments/my%20gpt/images/generations'],
    ['https://r.openai.azure.com/openai', '/deployments/my%20gpt/images/generations'],
  ])('speaks to a deployment of Azure under %s', async (baseUrl, path) => {
    const settings = { api_key: new Secret('k'), api_version: '2024-10-21' };
    const request = await requestFor({ model: 'my gpt' }, settings, baseUrl);
    expect(request).toMatchObject({ path, query: { 'api-version': '2024-10-21' } });
    expect(request.headers).toMatchObject({ 'api-key': 'k' });
    expect(request.headers).not.toHaveProperty('authorization');
    expect(JSON.parse(String(request.body))).not.toHaveProperty('model');
  });

  it('speaks to the newer surface of Azure as to OpenAI, with its header for keys', async () => {
    const request = await requestFor(
      {},
      { api_key: new Secret('k') },
      'https://r.openai.azure.com/openai/v1',
    );
    expect(request.path).toBe('/images/generations');
    expect(request).not.toHaveProperty('query');
    expect(request.headers).toMatchObject({ 'api-key': 'k' });
    expect(JSON.parse(String(request.body))).toMatchObject({ model: 'gpt-image-2.6-flare' });
  });

  it('does not ask Azure for WebP, which it refuses', async () => {
    const azure = { api_version: '2025-04-01-preview' };
    expect(await bodyFor({ format: 'webp' }, azure)).not.toHaveProperty('output_format');
    expect(await bodyFor({ format: 'jpeg' }, azure)).toMatchObject({ output_format: 'jpeg' });
    expect((await formFor({ format: 'webp' }, azure)).has('output_format')).toBe(false);
  });
});
