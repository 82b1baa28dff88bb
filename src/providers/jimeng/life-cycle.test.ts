import { afterAll, afterEach, beforeEach, expect, it } from 'vitest';
import sharp from 'sharp';
import { startJimengEmulator } from '../../../upstreams/jimeng/index.ts';
import type { JimengEmulator } from '../../../upstreams/jimeng/index.ts';
import type { CallRequest } from '../../core/call.ts';
import { Secret } from '../../core/secret.ts';
import { callOf } from '../contract/samples.ts';
import { AnswerLost, ProviderError } from '../provider.ts';
import type { AdapterContext, Progress } from '../provider.ts';
import { createUpstreamClient, createUpstreamDispatcher } from '../upstream-client.ts';
import { jimeng } from './index.ts';
import type { JimengHandle } from './request.ts';
import type { JimengSettings } from './settings.ts';

const dispatcher = createUpstreamDispatcher();
let upstream: JimengEmulator;
/** The vendor's clock and ours. */
let now: number;

beforeEach(async () => {
  now = Date.UTC(2026, 10, 22);
  upstream = await startJimengEmulator({ now: () => now, latencyMs: 20_000 });
});
afterEach(() => upstream.close());
afterAll(() => dispatcher.close());

const context = (nowMs = now): AdapterContext<JimengSettings> => {
  const { signal } = new AbortController();
  const sink = {
    create: () => Promise.reject(new Error('no picture comes inside an answer')),
    remove: () => Promise.resolve(),
  };
  return {
    settings: {
      access_key_id: new Secret(upstream.account.accessKeyId),
      secret_access_key: new Secret(upstream.account.secretAccessKey),
    },
    http: createUpstreamClient({ baseUrl: upstream.baseUrl, dispatcher, sink }).forCall({
      callId: 'call_1',
      signal,
    }),
    callId: 'call_1',
    keep: () => Promise.reject(new Error('nothing is kept')),
    nowMs,
    signal,
  };
};

const send = async (request: Partial<CallRequest> = {}): Promise<JimengHandle> => {
  const size = { width: 1024, height: 1792 };
  const call = callOf('jimeng_t2i_v40', { prompt: 'A lighthouse at dusk', size, ...request });
  const answer = await jimeng.send(call, context());
  if (answer.state !== 'accepted') throw new Error('the call was not accepted');
  return answer.handle;
};

const check = async (handle: JimengHandle): Promise<Progress> => {
  const progress = await jimeng.check?.(handle, context());
  if (!progress) throw new Error('there is no check');
  return progress;
};

const picture = async (progress: Progress): Promise<Buffer> => {
  const [output] = progress.state === 'produced' ? progress.outputs : [];
  if (output?.at !== 'link') throw new Error(`no link in ${JSON.stringify(progress)}`);
  return Buffer.from(await (await fetch(output.url)).arrayBuffer());
};

it('goes from the queue through the work to a picture of the asked pixels, charged once', async () => {
  const handle = await send();
  expect(await check(handle)).toMatchObject({ state: 'running' });
  now += 10_000;
  expect(await check(handle)).toEqual({ state: 'running', checkAfterMs: 0 });
  now += 10_000;
  const { width, height } = await sharp(await picture(await check(handle))).metadata();
  expect([width, height]).toEqual([1024, 1792]);
  expect(upstream.ledger.charges).toMatchObject([{ id: handle.task_id, images: 1 }]);
});

it('asks for the visible mark only when it was wanted', async () => {
  const drawn = async (watermark: boolean): Promise<Buffer> => {
    const handle = await send({ watermark });
    now += 20_000;
    return picture(await check(handle));
  };
  expect((await drawn(true)).equals(await drawn(false))).toBe(false);
  expect((await drawn(false)).equals(await drawn(false))).toBe(true);
});

it('is told to wait while the one slot of a model is taken, and other models are not', async () => {
  const handle = await send();
  const refusal = await send().catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(ProviderError);
  expect(refusal).toMatchObject({
    failure: {
      code: 'provider_rate_limited',
      retryAfterMs: 10_000,
      upstream: { code: '50430', status: 429 },
    },
  });
  expect((await send({ model: 'jimeng_t2i_v30' })).task_id).not.toBe(handle.task_id);
  now += 20_000;
  expect((await send()).task_id).not.toBe(handle.task_id);
});

it('survives a query that the vendor fails, and the call is charged once', async () => {
  const handle = await send();
  now += 20_000;
  upstream.faults.set([
    { fault: '50500', match: 'query' },
    { fault: '50429', match: 'query' },
    { fault: 'error', match: 'query', status: 500 },
    { fault: 'html_502', match: 'query' },
  ]);
  for (let asked = 0; asked < 3; asked += 1) {
    expect(await check(handle)).toMatchObject({ state: 'running', warning: expect.any(String) });
  }
  await expect(check(handle)).rejects.toBeInstanceOf(AnswerLost);
  expect(await check(handle)).toMatchObject({ state: 'produced' });
  expect(upstream.ledger.images).toBe(1);
});

it.each([
  ['50511', { code: 'content_policy_violation', charged: 'no', retryOnce: true }],
  ['50519', { code: 'content_policy_violation', charged: 'no', retryOnce: true }],
  ['50512', { code: 'content_policy_violation', charged: 'no', retryable: false }],
  ['run_50215', { code: 'provider_rejected_request', charged: 'no', retryable: false }],
  ['run_50520', { code: 'provider_unavailable', charged: 'no', retryOnce: true }],
  ['empty_done', { code: 'provider_bad_response', charged: 'no', retryOnce: true }],
  ['expired', { code: 'output_lost', charged: 'unknown', retryable: false }],
])('a task that ends with %s fails at the query', async (fault, failure) => {
  upstream.faults.set([{ fault }]);
  const handle = await send();
  now += 20_000;
  expect(await check(handle)).toMatchObject({ state: 'failed', failure });
});

it('gives up a task that ends with an internal error after a minute, without paying again', async () => {
  upstream.faults.set([{ fault: 'run_50500' }]);
  const handle = await send();
  now += 59_000;
  expect(await check(handle)).toMatchObject({ state: 'running' });
  now += 1_000;
  expect(await check(handle)).toMatchObject({
    state: 'failed',
    failure: { code: 'provider_unavailable', charged: 'unknown', retryable: false },
  });
});

it('has lost a task that the vendor remembers no more', async () => {
  const handle = await send();
  now += 13 * 3_600_000;
  expect(await check(handle)).toMatchObject({ state: 'failed', failure: { code: 'output_lost' } });
});

it('says that a clock is off when the vendor finds the signature expired', async () => {
  const request = jimeng.send(callOf('jimeng_t2i_v40'), context(now - 901_000));
  await expect(request).rejects.toMatchObject({
    failure: { code: 'provider_auth_failed', retryOnce: true, upstream: { code: 'InvalidTimestamp' } },
  });
});

it('says that a model is not activated, and leaves the rest of the account alone', async () => {
  upstream.account.notActivated.add('jimeng_t2i_v40');
  const refusal: unknown = await send().catch((error: unknown) => error);
  expect(refusal).toMatchObject({ failure: { code: 'provider_auth_failed', account: false } });
  expect((await send({ model: 'jimeng_t2i_v31' })).req_key).toBe('jimeng_t2i_v31');
});
