/** What an upstream has when its task is cancelled is followed to its end and accounted, and nothing more is sent. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'vitest';
import type { TaskView } from '../src/http/routes/generations/schema.ts';
import { startArkEmulator } from '../upstreams/ark/index.ts';
import type { Emulator } from '../upstreams/emulator.ts';
import { startKlingEmulator } from '../upstreams/kling/index.ts';
import { startOpenAiEmulator } from '../upstreams/openai/index.ts';
import { createDataFolder, type DataFolder } from './support/data-folder.ts';
import { eventually } from './support/eventually.ts';
import { type LimnerProcess, startLimner } from './support/limner-process.ts';
import { startWebhookReceiver } from './support/webhook-receiver.ts';

const path = '/v1/images/generations';

/** How to start the program with one provider. */
const settingsFor = async (folder: DataFolder, provider: string, env: Record<string, string> = {}) => {
  const config = join(folder.path, 'limner.yaml');
  await writeFile(config, `providers:\n  ${provider}\n`);
  return { dataDir: folder.path, env: { LIMNER_CONFIG: config, ...env } };
};

const posts = ({ requests }: Emulator) => requests.all.filter(({ method }) => method === 'POST');

const isSent = (emulator: Emulator) =>
  eventually(async () => posts(emulator).length > 0 || undefined, 'a call is sent');

const cancel = async (limner: LimnerProcess, taskId: string): Promise<TaskView> =>
  (await limner.api('POST', `${path}/${taskId}/cancel`)).body;

/** The task as soon as nothing is left to do for it. */
const settled = (limner: LimnerProcess, folder: DataFolder, taskId: string): Promise<TaskView> =>
  eventually(async () => {
    if (folder.calls(taskId).some(({ state }) => ['planned', 'sending', 'accepted'].includes(state)))
      return undefined;
    return (await limner.api('GET', `${path}/${taskId}`)).body;
  }, 'its calls have ended');

const kept = async (folder: DataFolder) => [
  ...(await folder.files('images')),
  ...(await folder.files('spool')),
];

describe.concurrent('a cancelled task', { timeout: 60_000 }, () => {
  it('ends at once, and its accepted call keeps its place until it is done and counted', async ({
    expect,
  }) => {
    await using kling = await startKlingEmulator({ latencyMs: 2_000 });
    await using folder = await createDataFolder();
    await using receiver = await startWebhookReceiver();
    const provider = `kling: { base_url: "${kling.baseUrl}", api_key: "${kling.apiKey}", poll_interval: 200ms, concurrency: 1 }`;
    const limner = await startLimner(
      await settingsFor(folder, provider, { LIMNER_FETCH_ALLOW: receiver.host }),
    );
    const body = { model: 'keling', prompt: 'A fox', webhook_url: receiver.url };
    const { task_id } = (await limner.api('POST', path, body)).body;
    await eventually(async () => folder.callsIn('accepted').length > 0 || undefined, 'it is accepted');
    const next = (await limner.api('POST', path, { model: 'keling', prompt: 'An owl' })).body;
    const cancelled = await cancel(limner, task_id);
    expect(cancelled).toMatchObject({ status: 'failed', error: { code: 'cancelled' }, usage: { cost: 0 } });
    expect(kling.ledger.charges).toEqual([]);

    const after = await settled(limner, folder, task_id);
    const { usage, ...rest } = after;
    const { usage: _before, ...asItEnded } = cancelled;
    expect(rest).toEqual(asItEnded);
    expect(usage).toMatchObject({ images: 0, currency: 'USD' });
    expect(usage?.cost).toBeGreaterThan(0);
    expect(folder.calls(task_id)).toMatchObject([{ state: 'failed', code: 'cancelled', charged: 'yes' }]);

    expect(await limner.endOf(next.task_id)).toMatchObject({ status: 'completed' });
    const [first, second] = kling.ledger.charges;
    expect([first?.prompt, second?.prompt]).toEqual(['A fox', 'An owl']);
    expect(posts(kling)[1]?.at).toBeGreaterThanOrEqual(first?.at ?? Infinity);
    expect(await kept(folder)).toHaveLength(1);
    expect(receiver.received.map(({ event }) => event.type)).toEqual(['task.failed']);
    expect(folder.rows().jobs).toBe(0);
    expect(await limner.stop()).toBe(0);
  });

  it('waits for the answer to a call on its way, and sends no other', async ({ expect }) => {
    await using ark = await startArkEmulator({ latencyMs: 1_500 });
    await using folder = await createDataFolder();
    const provider = `ark: { base_url: "${ark.baseUrl}", api_key: "${ark.apiKey}", concurrency: 1 }`;
    const limner = await startLimner(await settingsFor(folder, provider));
    const { task_id } = (await limner.api('POST', path, { model: 'seedream-3.0', prompt: 'A fox', n: 3 }))
      .body;
    await isSent(ark);
    expect(await cancel(limner, task_id)).toMatchObject({ status: 'failed', usage: { cost: 0 } });
    const after = await settled(limner, folder, task_id);
    expect(after.usage?.cost).toBeGreaterThan(0);
    expect(folder.calls(task_id).map(({ code, charged }) => `${code} ${charged}`)).toEqual([
      'cancelled yes',
      'cancelled no',
      'cancelled no',
    ]);
    expect(ark.ledger.images).toBe(1);
    // The place is free again.
    const next = (await limner.api('POST', path, { model: 'seedream-3.0', prompt: 'An owl' })).body;
    const whole = await limner.endOf(next.task_id);
    expect(whole).toMatchObject({ status: 'completed', usage: { cost: after.usage?.cost } });
    expect(posts(ark)).toHaveLength(2);
    expect(await kept(folder)).toHaveLength(1);
    expect(await limner.stop()).toBe(0);
  });

  it('is followed after a crash, and paid for once', async ({ expect }) => {
    await using kling = await startKlingEmulator({ latencyMs: 3_000 });
    await using folder = await createDataFolder();
    const provider = `kling: { base_url: "${kling.baseUrl}", api_key: "${kling.apiKey}", poll_interval: 200ms }`;
    const settings = await settingsFor(folder, provider);
    const dying = await startLimner(settings);
    const { task_id } = (await dying.api('POST', path, { model: 'keling', prompt: 'A fox' })).body;
    await eventually(async () => folder.callsIn('accepted').length > 0 || undefined, 'it is accepted');
    const cancelled = await cancel(dying, task_id);
    await dying.kill();
    const limner = await startLimner(settings);
    const after = await settled(limner, folder, task_id);
    expect({ ...after, usage: undefined }).toEqual({ ...cancelled, usage: undefined });
    expect(after.usage?.cost).toBeGreaterThan(0);
    expect(kling.ledger.charges).toHaveLength(1);
    expect(posts(kling)).toHaveLength(1);
    expect(folder.rows()).toMatchObject({ jobs: 0, images: 0 });
    expect(await limner.stop()).toBe(0);
  });

  const makers = [
    {
      name: 'kling, which is looked up',
      model: 'keling',
      start: async () => {
        const emulator = await startKlingEmulator({ createMs: 1_000, latencyMs: 1_500 });
        const provider = `kling: { base_url: "${emulator.baseUrl}", api_key: "${emulator.apiKey}", poll_interval: 200ms }`;
        return { emulator, provider };
      },
      hasPrice: true,
      call: { code: 'cancelled', charged: 'yes' },
    },
    {
      name: 'openai, whose pictures lie in the spool',
      model: 'dall-e-3',
      start: async () => {
        const emulator = await startOpenAiEmulator({ latencyMs: 1_000 });
        return {
          emulator,
          provider: `openai: { base_url: "${emulator.baseUrl}", api_key: "${emulator.apiKey}" }`,
        };
      },
      // Its prices are by the token.
      hasPrice: false,
      call: { code: 'cancelled', charged: 'yes' },
    },
    {
      name: 'ark, which nobody can ask',
      model: 'seedream-3.0',
      start: async () => {
        const emulator = await startArkEmulator({ latencyMs: 1_000 });
        return {
          emulator,
          provider: `ark: { base_url: "${emulator.baseUrl}", api_key: "${emulator.apiKey}" }`,
        };
      },
      hasPrice: false,
      call: { code: 'submission_unconfirmed', charged: 'unknown' },
    },
  ];

  it.for(makers)(
    'whose process dies with the answer is seen to its end by the next one: $name',
    async ({ model, start, hasPrice, call }, { expect }) => {
      const { emulator, provider } = await start();
      await using _emulator = emulator;
      await using folder = await createDataFolder();
      const settings = await settingsFor(folder, provider);
      const dying = await startLimner({
        ...settings,
        command: ['test/support/dying-limner.ts', 'after-answer', '1'],
      });
      const { task_id } = (await dying.api('POST', path, { model, prompt: 'A fox' })).body;
      await isSent(emulator);
      expect(await cancel(dying, task_id)).toMatchObject({ status: 'failed', error: { code: 'cancelled' } });
      expect(await dying.ended).toEqual({ code: null, signal: 'SIGKILL' });
      expect(folder.callsIn('sending')).toHaveLength(1);
      const limner = await startLimner(settings);
      const after = await settled(limner, folder, task_id);
      expect(after).toMatchObject({ status: 'failed', error: { code: 'cancelled' } });
      expect((after.usage?.cost ?? 0) > 0).toBe(hasPrice);
      expect(folder.calls(task_id)).toMatchObject([{ state: 'failed', ...call }]);
      expect(posts(emulator)).toHaveLength(1);
      expect(folder.rows().jobs).toBe(0);
      await eventually(async () => (await kept(folder)).length === 0 || undefined, 'nothing is kept');
      expect(await limner.stop()).toBe(0);
    },
  );

  it('that is removed lets go of everything', async ({ expect }) => {
    await using ark = await startArkEmulator({ latencyMs: 1_000 });
    await using folder = await createDataFolder();
    const provider = `ark: { base_url: "${ark.baseUrl}", api_key: "${ark.apiKey}", concurrency: 1 }`;
    const limner = await startLimner(await settingsFor(folder, provider));
    const { task_id } = (await limner.api('POST', path, { model: 'seedream-3.0', prompt: 'A fox' })).body;
    await isSent(ark);
    expect((await limner.api('DELETE', `${path}/${task_id}`)).status).toBe(204);
    const next = (await limner.api('POST', path, { model: 'seedream-3.0', prompt: 'An owl' })).body;
    expect(await limner.endOf(next.task_id)).toMatchObject({ status: 'completed' });
    expect(folder.rows()).toEqual({ tasks: 1, calls: 1, images: 1, jobs: 0 });
    expect(await kept(folder)).toHaveLength(1);
    expect(await limner.stop()).toBe(0);
  });
});
