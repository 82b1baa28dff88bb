/** OpenAI's own SDK, in two majors, as it comes from npm. */
import { createReadStream } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import OpenAI7, { AzureOpenAI as AzureOpenAI7, toFile } from 'openai';
import OpenAI6, { AzureOpenAI as AzureOpenAI6 } from 'openai-6';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { drawReference, measure } from '../support/pictures.ts';
import { type SandboxedLimner, startSandboxedLimner } from './limner-in-sandbox.ts';

let running: SandboxedLimner;
let reference: Buffer;
let folder: string;
beforeAll(async () => {
  running = await startSandboxedLimner();
  reference = await drawReference();
  folder = await mkdtemp(join(tmpdir(), 'limner-clients-'));
  await writeFile(join(folder, 'sketch.png'), reference);
});
afterAll(async () => {
  await running[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const fromBase64 = (text: string | undefined): Buffer => Buffer.from(text ?? '', 'base64');

describe.each([
  ['7', OpenAI7, AzureOpenAI7],
  // The part of the interface used here is the same in both.
  ['6', OpenAI6 as unknown as typeof OpenAI7, AzureOpenAI6 as unknown as typeof AzureOpenAI7],
] as const)('openai %s', (_major, OpenAI, AzureOpenAI) => {
  const connect = (options: object = {}) => new OpenAI({ ...running, maxRetries: 0, ...options });
  const wish = { model: 'dall-e-3', prompt: 'A red fox', size: '512x512' } as const;

  test('generates a picture and is given a link', async () => {
    const answer = await connect().images.generate({
      ...wish,
      size: '1792x1024',
      quality: 'hd',
      style: 'vivid',
    });
    expect(answer._request_id).toMatch(/^req_/);
    const link = answer.data?.[0]?.url ?? '';
    const picture = await fetch(link);
    expect(picture.headers.get('content-type')).toBe('image/png');
    expect(await measure(new Uint8Array(await picture.arrayBuffer()))).toEqual({
      size: '1792x1024',
      format: 'png',
    });
  });

  test('generates two pictures as base64', async () => {
    const answer = await connect().images.generate({ ...wish, n: 2, response_format: 'b64_json' });
    const pictures = await Promise.all((answer.data ?? []).map((each) => measure(fromBase64(each.b64_json))));
    expect(pictures).toEqual(Array(2).fill({ size: '512x512', format: 'png' }));
  });

  test.each([
    ['a file', async () => toFile(reference, 'sketch.png', { type: 'image/png' })],
    ['a list of files', async () => [await toFile(reference, 'sketch.png')]],
    ['a stream', async () => createReadStream(join(folder, 'sketch.png'))],
  ])('edits %s', async (_name, image) => {
    const answer = await connect().images.edit({ ...wish, image: await image(), n: 2, size: '256x256' });
    expect(answer.data).toHaveLength(2);
    expect(await measure(fromBase64(answer.data?.[1]?.b64_json))).toEqual({
      size: '256x256',
      format: 'png',
    });
  });

  test('streams', async () => {
    const stream = await connect().images.generate({ ...wish, stream: true, output_format: 'webp' });
    const events = await Array.fromAsync(stream);
    expect(events).toMatchObject([{ type: 'image_generation.completed', output_format: 'webp' }]);
    expect(await measure(fromBase64(events[0]?.b64_json))).toEqual({ size: '512x512', format: 'webp' });
  });

  test('raises its own errors', async () => {
    const { images } = connect();
    await expect(images.generate({ ...wish, n: 10 })).rejects.toMatchObject({
      constructor: OpenAI.BadRequestError,
      status: 400,
      code: 'invalid_parameter',
      param: 'n',
      type: 'invalid_request_error',
      requestID: expect.stringMatching(/^req_/),
    });
    await expect(
      images.generate({ ...wish, prompt: '[sandbox:fail=content_policy_violation]' }),
    ).rejects.toMatchObject({ constructor: OpenAI.BadRequestError, code: 'content_policy_violation' });
    await expect(images.generate({ ...wish, model: 'gpt-image-1' })).rejects.toMatchObject({
      constructor: OpenAI.NotFoundError,
      code: 'model_not_found',
      message: expect.stringContaining('dall-e-3'),
    });
    await expect(connect({ apiKey: 'wrong' }).images.generate(wish)).rejects.toMatchObject({
      constructor: OpenAI.AuthenticationError,
      code: 'invalid_api_key',
    });
    await expect(images.createVariation({ image: await toFile(reference, 'a.png') })).rejects.toMatchObject({
      constructor: OpenAI.NotFoundError,
      code: 'route_not_found',
    });
    const stream = await images.generate({ ...wish, prompt: '[sandbox:fail=prompt_rejected]', stream: true });
    await expect(Array.fromAsync(stream)).rejects.toMatchObject({
      constructor: OpenAI.APIError,
      code: 'prompt_rejected',
    });
  });

  test('does not pay again for a task that has failed', async () => {
    const prompt = `Major ${_major} [sandbox:fail=provider_unavailable]`;
    await expect(connect({ maxRetries: 2 }).images.generate({ ...wish, prompt })).rejects.toMatchObject({
      constructor: OpenAI.InternalServerError,
      status: 503,
    });
    const tasks = await running.limner.api<{ data: { prompt: string }[] }>(
      'GET',
      '/v1/images/generations?limit=100',
    );
    expect(tasks.body.data.filter((task) => task.prompt === prompt)).toHaveLength(1);
  });

  test('does not pay again when it gives an attempt up and tries once more', async () => {
    const prompt = `Patience ${_major} [sandbox:delay=3s]`;
    const client = connect({ maxRetries: 2, timeout: 2_000 });
    const answer = await client.images.generate({ ...wish, prompt });
    expect(answer.data).toHaveLength(1);
    const tasks = await running.limner.api<{ data: { prompt: string }[] }>(
      'GET',
      '/v1/images/generations?limit=100',
    );
    expect(tasks.body.data.filter((task) => task.prompt === prompt)).toHaveLength(1);
  });

  test('lists the models and reads one', async () => {
    const models = await Array.fromAsync(connect().models.list());
    expect(models.map(({ id }) => id)).toEqual(['seedream-3.0', 'jimeng', 'keling', 'dall-e-3', 'sandbox']);
    expect(await connect().models.retrieve('seedream-3.0')).toMatchObject({
      id: 'seedream-3.0',
      object: 'model',
    });
  });

  test('does the same as AzureOpenAI', async () => {
    const azure = new AzureOpenAI({
      endpoint: running.limner.url,
      apiKey: running.apiKey,
      apiVersion: '2025-04-01-preview',
      maxRetries: 0,
    });
    const made = await azure.images.generate({ model: 'seedream-3.0', prompt: 'A red fox' });
    expect(made.data?.[0]?.url).toMatch(/^http/);
    const image = await toFile(reference, 'sketch.png', { type: 'image/png' });
    const edited = await azure.images.edit({ model: 'seedream-3.0', prompt: 'A red fox', image });
    expect(edited.data?.[0]?.b64_json).toEqual(expect.any(String));
  });
});
