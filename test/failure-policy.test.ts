import { afterEach, describe, expect, it } from 'vitest';
import type { Clock } from '../src/core/clock.ts';
import type { TaskView } from '../src/http/routes/generations/schema.ts';
import { type ArkEmulator, startArkEmulator } from '../upstreams/ark/index.ts';
import { startJimengEmulator } from '../upstreams/jimeng/index.ts';
import { startOpenAiEmulator } from '../upstreams/openai/index.ts';
import { type RunningApp, startApp } from './support/app.ts';
import { eventually } from './support/eventually.ts';
import { createHurriedClock } from './support/hurried-clock.ts';

describe('when a call fails', () => {
  const closing: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0).toReversed()) await close();
  });

  const ark = async (settings: Parameters<typeof startArkEmulator>[0] = {}): Promise<ArkEmulator> => {
    const emulator = await startArkEmulator({ ...settings });
    closing.push(() => emulator.close());
    return emulator;
  };

  const start = async (yaml: string, clock?: Clock): Promise<RunningApp> => {
    const program = await startApp(yaml, clock);
    closing.push(async () => program[Symbol.asyncDispose]());
    return program;
  };
  const generate = (program: RunningApp, body: object): Promise<TaskView> => program.generate(body);

  const twoArks = (first: ArkEmulator, second: ArkEmulator): string => `
providers:
  ark-beijing: { adapter: ark, base_url: "${first.baseUrl}", api_key: "${first.apiKey}" }
  ark-backup: { adapter: ark, base_url: "${second.baseUrl}", api_key: "${second.apiKey}" }
models:
  seedream-3.0:
    routes:
      - { provider: ark-beijing, upstream_model: doubao-seedream-5-0-pro-260628, priority: 0 }
      - { provider: ark-backup, upstream_model: doubao-seedream-4-0-20260415, priority: 1 }
`;

  it.each(['overdue', 'authentication_error', 'model_not_found', 'overloaded', 'internal_error'])(
    'the next route makes the picture after %s, and the first one is charged nothing',
    async (fault) => {
      const [first, second] = [await ark(), await ark()];
      first.faults.set([{ fault, times: 'always' }]);
      const app = await start(twoArks(first, second));
      const task = await generate(app, { n: 2 });
      expect(task).toMatchObject({ status: 'completed' });
      expect(task.images).toHaveLength(2);
      expect([first.ledger.images, second.ledger.images]).toEqual([0, 2]);
    },
  );

  it.each([
    ['mod_in', 'content_policy_violation'],
    ['invalid_parameter', 'provider_rejected_request'],
  ])('nobody else is asked after %s', async (fault, code) => {
    const [first, second] = [await ark(), await ark()];
    first.faults.set([{ fault, times: 'always' }]);
    const app = await start(twoArks(first, second));
    expect(await generate(app, {})).toMatchObject({ status: 'failed', error: { code } });
    expect([first.ledger.images, second.ledger.images]).toEqual([0, 0]);
  });

  it.each(['drop_after', 'charge_then_502', 'truncated_json', 'empty_200'])(
    'an answer lost by %s is never paid for twice, on no route',
    async (fault) => {
      const [first, second] = [await ark(), await ark()];
      first.faults.set([{ fault }]);
      const app = await start(twoArks(first, second));
      expect(await generate(app, {})).toMatchObject({
        status: 'failed',
        error: { code: 'submission_unconfirmed' },
      });
      expect(first.ledger.images + second.ledger.images).toBeLessThanOrEqual(1);
      expect(second.requests.all).toEqual([]);
    },
  );

  it('what was made is delivered when another call of the task fails, and the rest is told', async () => {
    const upstream = await ark();
    upstream.faults.set([{ fault: 'mod_in' }]);
    const app = await start(
      `providers: { ark: { base_url: "${upstream.baseUrl}", api_key: "${upstream.apiKey}" } }`,
    );
    const task = await generate(app, { n: 3 });
    expect(task).toMatchObject({ status: 'completed' });
    expect(task.images).toHaveLength(2);
    expect(task.adjustments).toContainEqual(expect.objectContaining({ parameter: 'n', asked: 3, used: 2 }));
  });

  it('a failed download is repeated and the generation is not', async () => {
    const upstream = await ark();
    upstream.faults.set([{ match: 'file', fault: 'link_500_once' }]);
    const app = await start(
      `providers: { ark: { base_url: "${upstream.baseUrl}", api_key: "${upstream.apiKey}" } }`,
    );
    expect(await generate(app, {})).toMatchObject({ status: 'completed' });
    expect(upstream.ledger.images).toBe(1);
  });

  it('missing pictures of a call are asked for once', async () => {
    const upstream = await startOpenAiEmulator();
    closing.push(() => upstream.close());
    upstream.faults.set([{ fault: 'fewer_images' }]);
    const app = await start(
      `providers: { openai: { base_url: "${upstream.baseUrl}", api_key: "${upstream.apiKey}" } }`,
    );
    const task = await generate(app, { model: 'dall-e-3', n: 3 });
    expect(task).toMatchObject({ status: 'completed' });
    expect(task.images).toHaveLength(3);
    expect(upstream.ledger.charges).toHaveLength(2);
  });

  it('pictures that stay missing are told and not asked for again', async () => {
    const upstream = await startOpenAiEmulator();
    closing.push(() => upstream.close());
    upstream.faults.set([{ fault: 'fewer_images', times: 'always' }]);
    const app = await start(
      `providers: { openai: { base_url: "${upstream.baseUrl}", api_key: "${upstream.apiKey}" } }`,
    );
    const task = await generate(app, { model: 'dall-e-3', n: 4 });
    expect(task).toMatchObject({ status: 'completed' });
    expect(task.images).toHaveLength(3);
    expect(upstream.requests.all.filter(({ method }) => method === 'POST')).toHaveLength(2);
    expect(task.adjustments).toContainEqual(expect.objectContaining({ parameter: 'n', asked: 4, used: 3 }));
  });

  it('no call of a task waits for the others, however the clock ticks meanwhile', async () => {
    const upstream = await ark({ latencyMs: 1_500 });
    const system = createHurriedClock(1);
    let ticks = 0;
    const app = await start(oneArk(upstream), { ...system, nowMs: () => system.nowMs() + (ticks += 1) });
    expect(await generate(app, { n: 4 })).toMatchObject({ status: 'completed' });
    const sentAt = upstream.requests.all.filter(({ method }) => method === 'POST').map(({ at }) => at);
    expect(sentAt).toHaveLength(4);
    expect(Math.max(...sentAt) - Math.min(...sentAt)).toBeLessThan(1_500);
  });

  it('no pause of a call waits for the answers to others', async () => {
    const upstream = await ark({ latencyMs: 4_000 });
    upstream.faults.set([{ fault: 'overloaded' }]);
    const app = await start(oneArk(upstream));
    expect(await generate(app, { n: 2 })).toMatchObject({ status: 'completed' });
    const sentAt = upstream.requests.all.filter(({ method }) => method === 'POST').map(({ at }) => at);
    expect(sentAt).toHaveLength(3);
    expect(Math.max(...sentAt) - Math.min(...sentAt)).toBeLessThan(3_000);
  });

  it('tasks queue for an account whose one place others use too, and none fails', async () => {
    const upstream = await startJimengEmulator({ concurrency: 1, latencyMs: 150 });
    closing.push(() => upstream.close());
    const { accessKeyId, secretAccessKey } = upstream.account;
    const app = await start(
      `
providers:
  jimeng:
    base_url: "${upstream.baseUrl}"
    access_key_id: "${accessKeyId}"
    secret_access_key: "${secretAccessKey}"
    concurrency: 4
`,
      createHurriedClock(20),
    );
    const tasks = await Promise.all(
      Array.from({ length: 8 }, () => generate(app, { model: 'jimeng', prompt: 'a boat' })),
    );
    expect(tasks.filter(({ status }) => status !== 'completed')).toEqual([]);
    expect(upstream.ledger.images).toBe(8);
    // Told "too many" it waits, and everybody with it: no more than a few submissions for each picture.
    const submissions = upstream.requests.all.filter(({ path }) => path.includes('SubmitTask'));
    expect(submissions.length).toBeGreaterThan(8);
    expect(submissions.length).toBeLessThan(8 * 5);
  });

  const readiness = (program: RunningApp) => program.get('/readyz');
  const isAvailable = async (program: RunningApp) =>
    (await program.get<{ available: boolean }>('/v1/models/seedream-3.0')).available;
  const oneArk = (upstream: ArkEmulator): string =>
    `providers: { ark: { base_url: "${upstream.baseUrl}", api_key: "${upstream.apiKey}" } }`;

  it('a provider that refuses the account is passed over, told of, and tried again', async () => {
    const [first, second] = [await ark(), await ark()];
    first.account.overdue = true;
    const app = await start(twoArks(first, second), createHurriedClock(100));
    await generate(app, {});
    expect(await readiness(app)).toMatchObject({
      status: 'degraded',
      providers: [
        { name: 'ark-beijing', state: 'refused', reason: 'provider_quota_exhausted' },
        { name: 'ark-backup', state: 'ok' },
      ],
    });
    expect(await isAvailable(app)).toBe(true);
    const asked = first.requests.all.length;
    await generate(app, {});
    expect([first.requests.all.length, second.ledger.images]).toEqual([asked, 2]);
    first.account.overdue = false;
    await eventually(async () => {
      await generate(app, {});
      return first.ledger.images > 0 || undefined;
    }, 'the first provider is tried again');
    expect(await readiness(app)).toMatchObject({ status: 'ok' });
  });

  it('the only provider is tried again soon after it refused the account', async () => {
    const upstream = await ark();
    upstream.account.overdue = true;
    const app = await start(oneArk(upstream));
    expect(await generate(app, {})).toMatchObject({ error: { code: 'provider_quota_exhausted' } });
    expect(await isAvailable(app)).toBe(false);
    upstream.account.overdue = false;
    expect(await generate(app, {})).toMatchObject({ status: 'completed' });
    expect(await isAvailable(app)).toBe(true);
  });

  it.each([
    [(upstream: ArkEmulator) => void (upstream.account.overdue = true), 'provider_quota_exhausted'],
    [
      (upstream: ArkEmulator) => upstream.faults.set([{ fault: 'overloaded', times: 'always' }]),
      'provider_unavailable',
    ],
  ])('tasks whose time is over while their provider is out are told why: %#', async (breakDown, code) => {
    const upstream = await ark();
    breakDown(upstream);
    const yaml = oneArk(upstream).replace(' }', ', concurrency: 1 }');
    const app = await start(`task_deadline: 60s\n${yaml}`, createHurriedClock(40));
    const tasks = await Promise.all(Array.from({ length: 12 }, () => generate(app, {})));
    expect(tasks.map(({ error }) => error?.code)).toEqual(tasks.map(() => code));
    expect(upstream.ledger.images).toBe(0);
  });

  it('tasks wait for a provider that does not answer, and are made when it is back', async () => {
    const upstream = await ark();
    upstream.faults.set([{ fault: 'overloaded', times: 7 }]);
    const app = await start(oneArk(upstream), createHurriedClock(20));
    const tasks = await Promise.all(Array.from({ length: 6 }, () => generate(app, {})));
    expect(tasks.filter(({ status }) => status !== 'completed')).toEqual([]);
    expect(upstream.ledger.images).toBe(6);
    expect(upstream.requests.all.filter(({ method }) => method === 'POST')).toHaveLength(7 + 6);
    expect(await readiness(app)).toMatchObject({ status: 'ok', providers: [{ name: 'ark', state: 'ok' }] });
  });
});
