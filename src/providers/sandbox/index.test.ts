import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import type { CallRequest } from '../../core/call.ts';
import { planCalls } from '../../core/plan.ts';
import { ProviderError } from '../provider.ts';
import type { AdapterContext } from '../provider.ts';
import { describeProvider } from '../contract/provider.contract.ts';
import { callOf } from '../contract/samples.ts';
import { createSandbox } from './index.ts';
import { createPainter } from './painter.ts';

const painter = createPainter();

const offline = 'the sandbox has no upstream';

describeProvider('sandbox', {
  createAdapter: () => createSandbox(painter),
  settings: {},
  secrets: [],
  models: ['sandbox'],
  exchanges: [],
  skips: {
    'sends exactly the documented request': offline,
    'sends or reports every parameter': offline,
    'keeps a seed of 0': 'proved below by the picture, for there is no request',
    'spools a picture that comes inside the answer': offline,
    'takes an unknown upstream status for running': offline,
    'takes no empty success for a picture': offline,
    'delivers what there is of a call that made fewer pictures': offline,
    'calls a refusal for content a content_policy_violation': 'proved below by a directive',
    'waits as long as a 429 asks': offline,
    'may try again after a 500 in the words of the vendor': offline,
    'loses the answer of a gateway, a cut line or an empty body': offline,
    'says that a closed port was not reached': offline,
    'stops promptly when it is aborted': 'proved below, without a request to wait for',
    'never shows a credential': 'the sandbox has no credentials',
    'never follows to another origin': offline,
    'makes a call once for one call id': 'nothing is charged',
  },
});

const call = callOf('sandbox', { prompt: 'A lighthouse', size: { width: 128, height: 96 } });

/** A context that keeps pictures in memory. */
const contextAt = (nowMs: number, callId = 'call_1') => {
  const kept: Buffer[] = [];
  const context: AdapterContext<never> = {
    settings: {} as never,
    http: { baseUrl: '', exchange: () => Promise.reject(new Error(offline)) },
    callId,
    keep: async (picture) => ({ at: 'spool', name: `kept-${kept.push(Buffer.from(picture))}` }),
    nowMs,
    signal: new AbortController().signal,
  };
  return { context, kept };
};

const drawn = async (request: Partial<CallRequest>, callId?: string): Promise<Buffer> => {
  const { context, kept } = contextAt(0, callId);
  await createSandbox(painter).send({ ...call, ...request }, context);
  const [picture] = kept;
  if (!picture) throw new Error('nothing was drawn');
  return picture;
};

const failureOf = async (prompt: string) => {
  const ending = await createSandbox(painter)
    .send({ ...call, prompt }, contextAt(0).context)
    .catch((error: unknown) => error);
  if (!(ending instanceof ProviderError)) throw new Error('the call did not fail');
  return ending.failure;
};

describe('the sandbox', () => {
  it.each(['png', 'jpeg', 'webp'] as const)('draws the asked pixels as %s', async (format) => {
    const { width, height, format: drawnFormat } = await sharp(await drawn({ format })).metadata();
    expect({ width, height, drawnFormat }).toEqual({ width: 128, height: 96, drawnFormat: format });
  });

  it('draws PNG when no format is asked, and nothing but the background without words', async () => {
    expect((await sharp(await drawn({ prompt: '[sandbox:delay=0s]' })).metadata()).format).toBe('png');
  });

  it('shows the reference picture', async () => {
    const bytes = await sharp({ create: { width: 32, height: 32, channels: 3, background: '#ff0000' } })
      .png()
      .toBuffer();
    const { context, kept } = contextAt(0);
    const reference = { format: 'png', width: 32, height: 32, bytes: async () => bytes } as const;
    await createSandbox(painter).send({ ...call, seed: 5, hasReference: true }, { ...context, reference });
    expect(kept[0]?.equals(await drawn({ seed: 5 }))).toBe(false);
  });

  it('takes every parameter, and says that it is no AI', () => {
    const { adjustments } = planCalls({
      request: {
        model: 'seedream-3.0',
        prompt: 'A cat',
        n: 4,
        size: { width: 4096, height: 64 },
        responseFormat: 'url',
        outputFormat: 'webp',
        watermark: true,
        negativePrompt: 'dogs',
        seed: 0,
        guidanceScale: 20,
        quality: 'any',
        style: 'any',
      },
      card: createSandbox(painter).card('sandbox'),
      hasReference: true,
    });
    expect(adjustments).toMatchObject([
      {
        parameter: 'model',
        asked: 'seedream-3.0',
        used: 'sandbox',
        reason: expect.stringContaining('not an AI'),
      },
    ]);
  });

  it('stops when it is aborted', async () => {
    const stop = new AbortController();
    const { context } = contextAt(0);
    const drawing = createSandbox(painter).send(call, { ...context, signal: stop.signal });
    stop.abort(new Error('stopped'));
    await expect(drawing).rejects.toThrow('stopped');
  });

  it('draws the same picture for the same seed, whatever the call', async () => {
    const [one, other] = [await drawn({ seed: 0 }, 'call_1'), await drawn({ seed: 0 }, 'call_2')];
    expect(one.equals(other)).toBe(true);
    expect(one.equals(await drawn({ seed: 1 }))).toBe(false);
  });

  it('draws another picture for each call without a seed, and the same one when a call is sent again', async () => {
    const [one, again, other] = [
      await drawn({}, 'call_1'),
      await drawn({}, 'call_1'),
      await drawn({}, 'call_2'),
    ];
    expect(one.equals(again)).toBe(true);
    expect(one.equals(other)).toBe(false);
  });

  it('leaves its directives out of the picture', async () => {
    const plain = await drawn({ seed: 5 });
    const { context, kept } = contextAt(0);
    const sandbox = createSandbox(painter);
    const answer = await sandbox.send(
      { ...call, seed: 5, prompt: 'A lighthouse [sandbox:delay=2s]' },
      context,
    );
    if (answer.state !== 'accepted') throw new Error('it did not wait');
    await sandbox.check?.(answer.handle, { ...context, nowMs: 2000 });
    expect(kept[0]?.equals(plain)).toBe(true);
  });

  it('is at work until the delay is over', async () => {
    const sandbox = createSandbox(painter);
    const answer = await sandbox.send(
      { ...call, prompt: '[sandbox:delay=2s] A cat' },
      contextAt(1000).context,
    );
    expect(answer).toMatchObject({ state: 'accepted', checkAfterMs: 2000, handle: { readyAtMs: 3000 } });
    if (answer.state !== 'accepted') throw new Error('it did not wait');
    expect(await sandbox.check?.(answer.handle, contextAt(2500).context)).toEqual({
      state: 'running',
      checkAfterMs: 500,
    });
    expect(await sandbox.check?.(answer.handle, contextAt(3000).context)).toMatchObject({
      state: 'produced',
    });
  });

  it('fails as it is told', async () => {
    expect(await failureOf('[sandbox:fail=content_policy_violation]')).toMatchObject({
      code: 'content_policy_violation',
      charged: 'no',
      retryable: false,
    });
    expect(await failureOf('[sandbox:fail=provider_rate_limited]')).toMatchObject({
      code: 'provider_rate_limited',
      retryable: true,
      retryOnce: true,
    });
    expect(await failureOf('[sandbox:fail=submission_unconfirmed]')).toMatchObject({ charged: 'unknown' });
    expect(await failureOf('[sandbox:fail=teapot]')).toMatchObject({
      code: 'prompt_rejected',
      retryable: false,
    });
  });

  it('fails after the delay when it is told both', async () => {
    const sandbox = createSandbox(painter);
    const prompt = '[sandbox:delay=1s][sandbox:fail=provider_timeout]';
    const answer = await sandbox.send({ ...call, prompt }, contextAt(0).context);
    if (answer.state !== 'accepted') throw new Error('it did not wait');
    expect(await sandbox.check?.(answer.handle, contextAt(1000).context)).toMatchObject({
      state: 'failed',
      failure: { code: 'provider_timeout' },
    });
  });
});
