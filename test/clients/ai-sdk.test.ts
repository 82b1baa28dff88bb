/** Vercel's AI SDK, over both packages that speak like OpenAI. */
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { APICallError, generateImage } from 'ai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { drawReference, measure } from '../support/pictures.ts';
import { type SandboxedLimner, startSandboxedLimner } from './limner-in-sandbox.ts';

let running: SandboxedLimner;
let reference: Buffer;
beforeAll(async () => {
  running = await startSandboxedLimner();
  reference = await drawReference();
});
afterAll(() => running[Symbol.asyncDispose]());

describe.each([
  ['@ai-sdk/openai', () => createOpenAI(running).image('seedream-3.0')],
  [
    '@ai-sdk/openai-compatible',
    () => createOpenAICompatible({ ...running, name: 'limner' }).imageModel('seedream-3.0'),
  ],
])('%s', (_name, connect) => {
  const once = { maxRetries: 0 } as const;

  test('generates two pictures', async () => {
    const { images } = await generateImage({
      ...once,
      model: connect(),
      prompt: 'A red fox',
      n: 2,
      size: '1024x1792',
    });
    const pictures = await Promise.all(images.map((image) => measure(image.uint8Array)));
    expect(pictures).toEqual(Array(2).fill({ size: '1024x1792', format: 'png' }));
  });

  test('edits a picture', async () => {
    const { image } = await generateImage({
      ...once,
      model: connect(),
      prompt: { text: 'A red fox', images: [reference] },
      size: '1024x1024',
    });
    expect(await measure(image.uint8Array)).toEqual({ size: '1024x1024', format: 'png' });
  });

  test('raises its own errors', async () => {
    const call = (prompt: string) => generateImage({ ...once, model: connect(), prompt });
    const refusal = await call('[sandbox:fail=content_policy_violation]').catch((fault: unknown) => fault);
    expect(APICallError.isInstance(refusal)).toBe(true);
    expect(refusal).toMatchObject({
      statusCode: 400,
      isRetryable: false,
      message: 'The prompt asked the sandbox for this error.',
      data: { error: { code: 'content_policy_violation' } },
    });
  });
});
