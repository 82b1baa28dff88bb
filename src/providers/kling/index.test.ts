import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startKlingEmulator } from '../../../upstreams/kling/index.ts';
import type { KlingEmulator } from '../../../upstreams/kling/index.ts';
import { Secret } from '../../core/secret.ts';
import { createSpool } from '../../images/spool.ts';
import { describeProvider } from '../contract/provider.contract.ts';
import { callOf } from '../contract/samples.ts';
import { AnswerLost, ProviderError } from '../provider.ts';
import type { AdapterContext } from '../provider.ts';
import { createUpstreamClient, createUpstreamDispatcher } from '../upstream-client.ts';
import { kling } from './index.ts';
import type { KlingSettings } from './settings.ts';

const apiKey = 'a-key-that-nobody-may-see';
const pair = { access_key: 'an-access-key-to-hide', secret_key: 'a-secret-key-to-hide' };
const quick = {
  apiKey,
  accessKey: pair.access_key,
  secretKey: pair.secret_key,
  queueMs: 0,
  latencyMs: 0,
} as const;

/** Large enough for Kling, and small enough for the emulator's log to show it whole. */
const picture = await sharp({ create: { width: 300, height: 300, channels: 3, background: '#4682b4' } })
  .png({ palette: true, colours: 2, compressionLevel: 9 })
  .toBuffer();
const reference = { format: 'png', width: 300, height: 300, bytes: async () => picture } as const;

const sent = (body: Record<string, unknown>) => ({
  method: 'POST',
  path: '/v1/images/generations',
  headers: { authorization: 'Bearer [secret]', 'content-type': 'application/json' },
  body: {
    model_name: 'kling-v3',
    prompt: 'A lighthouse at dusk',
    resolution: '1k',
    n: 1,
    aspect_ratio: '1:1',
    watermark_info: { enabled: false },
    external_task_id: 'call_01jdzx8w4r0000000000000000',
    ...body,
  },
});

const modes = [
  ['kling', { api_key: new Secret(apiKey) }, [apiKey], {}],
  [
    'kling with a key pair',
    { access_key: new Secret(pair.access_key), secret_key: new Secret(pair.secret_key) },
    Object.values(pair),
    { 'takes no empty success for a picture': 'the clock of the case runs ahead of what a signed token may' },
  ],
] as const;

for (const [name, settings, secrets, skips] of modes) {
  describeProvider(name, {
    createAdapter: () => kling,
    settings,
    secrets,
    upstream: {
      start: () => startKlingEmulator(quick),
      refusal: { fault: 'mod_in' },
      rateLimit: { fault: 'rate_limited', retryAfter: 7 },
      failure: { fault: 'internal_error' },
      empty: { fault: 'no_result' },
      fewer: { fault: 'fewer_images' },
      unknownStatus: { fault: 'unknown_status', match: 'query' },
    },
    models: ['kling-v3', 'kling-v2-1'],
    exchanges: [
      { name: 'Image 3.0', model: 'kling-v3', sent: sent({}) },
      {
        name: 'Image 3.0 with everything that it knows',
        model: 'kling-v3',
        request: {
          size: { width: 1024, height: 1792 },
          n: 4,
          negativePrompt: 'dogs',
          watermark: true,
          outputFormat: 'jpeg',
          seed: 7,
        },
        sent: sent({
          resolution: '2k',
          aspect_ratio: '9:16',
          n: 4,
          negative_prompt: 'dogs',
          watermark_info: { enabled: true },
        }),
      },
      {
        name: 'Image 3.0 with a reference',
        model: 'kling-v3',
        request: { negativePrompt: 'dogs' },
        reference,
        sent: sent({ image: picture.toString('base64') }),
      },
      { name: 'Image 2.1', model: 'kling-v2-1', sent: sent({ model_name: 'kling-v2-1' }) },
    ],
    skips: {
      'keeps a seed of 0': 'no model of Kling has a seed',
      'spools a picture that comes inside the answer': 'Kling delivers links and nothing else',
      ...skips,
    },
  });
}

describe('a call to Kling', () => {
  const dispatcher = createUpstreamDispatcher();
  const folder = mkdtempSync(join(tmpdir(), 'limner-kling-'));
  let emulator: KlingEmulator;

  beforeEach(async () => {
    emulator = await startKlingEmulator(quick);
  });
  afterEach(() => emulator.close());
  afterAll(async () => {
    await dispatcher.close();
    rmSync(folder, { recursive: true });
  });

  const contextFor = async (
    callId = 'call_1',
    nowMs = Date.now(),
    settings: KlingSettings = modes[1][1],
  ): Promise<AdapterContext<KlingSettings>> => {
    const { signal } = new AbortController();
    const sink = await createSpool({ folder });
    return {
      settings,
      http: createUpstreamClient({ baseUrl: emulator.baseUrl, dispatcher, sink }).forCall({ callId, signal }),
      callId,
      keep: () => Promise.reject(new Error('Kling has nothing to keep')),
      nowMs,
      signal,
    };
  };

  const call = (prompt: string, images = 1) => callOf('kling-v3', { prompt, images });

  const send = async (prompt: string, callId?: string): Promise<unknown> =>
    kling.send(call(prompt), await contextFor(callId)).catch((error: unknown) => error);

  const paidOnce = async (task: string): Promise<void> => {
    await expect
      .poll(async () => kling.check?.({ task }, await contextFor()))
      .toMatchObject({ state: 'produced', outputs: [{ at: 'link' }] });
    expect(emulator.ledger.charges).toMatchObject([{ callerId: 'call_1', images: 1 }]);
  };

  it.each(['timeout_with_task', 'drop_after', 'data_null'])(
    'that was made although its answer was lost is found, and made once when it is sent again: %s',
    async (fault) => {
      emulator.faults.set([{ fault }]);
      expect(await send('a cat')).toBeInstanceOf(AnswerLost);
      const found = await kling.find?.(await contextFor());
      expect(found).toMatchObject({ state: 'accepted', handle: { task: expect.stringMatching(/^\d{18}$/) } });
      // The duplicate is refused, which tells that the first one is there: it goes by our own id from here.
      expect(await send('a cat')).toEqual({ state: 'accepted', handle: { task: 'call_1' }, checkAfterMs: 0 });
      await paidOnce('call_1');
    },
  );

  it.each(['timeout', 'drop_before', 'html_502', 'html_504'])(
    'that was not made is absent, and made once when it is sent again: %s',
    async (fault) => {
      emulator.faults.set([{ fault }]);
      expect(await send('a cat')).toBeInstanceOf(AnswerLost);
      expect(await kling.find?.(await contextFor())).toBe('absent');
      expect(await send('a cat')).toMatchObject({ state: 'accepted', checkAfterMs: 5000 });
      await paidOnce('call_1');
    },
  );

  it('is neither found nor absent while the question is refused or lost', async () => {
    emulator.faults.set([
      { match: 'query', fault: 'auth_invalid' },
      { match: 'query', fault: 'html_503' },
    ]);
    const context = await contextFor();
    await expect(kling.find?.(context)).rejects.toBeInstanceOf(ProviderError);
    await expect(kling.find?.(context)).rejects.toBeInstanceOf(AnswerLost);
  });

  it('whose answer is a task under another id is none of ours', async () => {
    await send('a cat', 'call_1');
    expect(await kling.find?.(await contextFor('call_2'))).toBe('absent');
  });

  const endingOf = async (prompt: string, nowMs?: number): Promise<unknown> => {
    const accepted = await kling.send(call(prompt, 3), await contextFor());
    if (accepted.state !== 'accepted') throw new Error('Kling answers with tasks');
    let ending: unknown;
    await expect
      .poll(async () => {
        const progress = await kling.check?.(accepted.handle, await contextFor('call_1', nowMs, modes[0][1]));
        ending = progress;
        return progress?.state;
      })
      .not.toBe('running');
    return ending;
  };

  it.each([
    ['__mod_run__', 'content_policy_violation', 'no'],
    ['__failed_ratio__', 'reference_invalid', 'no'],
    ['__failed__', 'provider_rejected_request', 'no'],
    ['__lost__', 'provider_bad_response', 'unknown'],
  ])('that fails on the way is told by its text: %s', async (prompt, code, charged) => {
    expect(await endingOf(prompt)).toMatchObject({ state: 'failed', failure: { code, charged } });
  });

  it('that succeeds without a result was paid', async () => {
    expect(await endingOf('__no_result__', Date.now() + 60_000)).toMatchObject({
      failure: { code: 'provider_bad_response', charged: 'yes' },
    });
  });

  it.each([
    ['__succeeded_word__', 3],
    ['__legacy_task_id__', 3],
    ['__no_deduction__', 3],
    ['__partial__', 2],
  ])('%s delivers %i pictures', async (prompt, count) => {
    expect(await endingOf(prompt)).toMatchObject({ state: 'produced', outputs: { length: count } });
    expect(emulator.ledger.images).toBe(count);
  });

  it.each([
    ['__no_balance__', 'provider_quota_exhausted'],
    ['__concurrency__', 'provider_rate_limited'],
    ['__1304__', 'provider_auth_failed'],
  ])('of the three meanings of 429, %s is %s', async (prompt, code) => {
    const refusal = await send(prompt);
    expect(refusal).toBeInstanceOf(ProviderError);
    expect(refusal).toMatchObject({ failure: { code, charged: 'no', upstream: { status: 429 } } });
  });

  it('holds a slot for each of its pictures', async () => {
    await emulator.close();
    emulator = await startKlingEmulator({ ...quick, latencyMs: 60_000, concurrency: 5 });
    await kling.send(call('a cat', 4), await contextFor('call_1'));
    await expect(kling.send(call('a cat', 2), await contextFor('call_2'))).rejects.toMatchObject({
      failure: { code: 'provider_rate_limited', retryable: true },
    });
    await kling.send(call('a cat', 1), await contextFor('call_3'));
  });

  it('with a clock that is ahead is refused for its token', async () => {
    const ahead = await contextFor('call_1', Date.now() + 3_600_000);
    await expect(kling.send(call('a cat'), ahead)).rejects.toMatchObject({
      failure: { code: 'provider_auth_failed', upstream: { code: '1003' } },
    });
    const behind = await contextFor('call_1', Date.now() - 3_600_000);
    await expect(kling.send(call('a cat'), behind)).rejects.toMatchObject({
      failure: { code: 'provider_auth_failed', retryOnce: true, upstream: { code: '1004' } },
    });
  });
});
