/** LangChain's tool for pictures. */
import { DallEAPIWrapper } from '@langchain/openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { measure } from '../support/pictures.ts';
import { type SandboxedLimner, startSandboxedLimner } from './limner-in-sandbox.ts';

let running: SandboxedLimner;
beforeAll(async () => {
  running = await startSandboxedLimner();
});
afterAll(() => running[Symbol.asyncDispose]());

const connect = (options: ConstructorParameters<typeof DallEAPIWrapper>[0] = {}) =>
  new DallEAPIWrapper({ apiKey: running.apiKey, baseUrl: running.baseURL, ...options });

test('generates a picture and is given a link', async () => {
  const link = String(await connect().invoke('A red fox'));
  const picture = await fetch(link);
  expect(await measure(new Uint8Array(await picture.arrayBuffer()))).toEqual({
    size: '1024x1024',
    format: 'png',
  });
});

test('generates a picture as base64', async () => {
  const text = String(
    await connect({ dallEResponseFormat: 'b64_json', model: 'jimeng' }).invoke('A red fox'),
  );
  expect(await measure(Buffer.from(text, 'base64'))).toEqual({ size: '1024x1024', format: 'png' });
});

test('generates two pictures', async () => {
  const parts = (await connect({ n: 2 }).invoke('A red fox')) as unknown as readonly {
    readonly image_url: string;
  }[];
  expect(parts).toEqual(Array(2).fill({ type: 'image_url', image_url: expect.stringMatching(/^http/) }));
});

test('raises the error of the SDK below it', async () => {
  await expect(connect().invoke('[sandbox:fail=content_policy_violation]')).rejects.toMatchObject({
    status: 400,
    code: 'content_policy_violation',
  });
});
