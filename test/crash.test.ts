/** Death by SIGKILL in every gap between two stored steps, and what the next start makes of it (design §2). */
import { isDeepStrictEqual } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { type FaultPoint, faultPoints } from '../src/engine/fault-points.ts';
import type { TaskView } from '../src/http/routes/generations/schema.ts';
import { startArkEmulator } from '../upstreams/ark/index.ts';
import type { Emulator } from '../upstreams/emulator.ts';
import { startJimengEmulator } from '../upstreams/jimeng/index.ts';
import { startKlingEmulator } from '../upstreams/kling/index.ts';
import { startOpenAiEmulator } from '../upstreams/openai/index.ts';
import { arkEnvironment, timesSent } from './support/ark.ts';
import { createDataFolder } from './support/data-folder.ts';
import { eventually } from './support/eventually.ts';
import { type LimnerProcess, startLimner } from './support/limner-process.ts';
import { bytesOfImages, drawReference, measure } from './support/pictures.ts';
import { startWebhookReceiver } from './support/webhook-receiver.ts';

const path = '/v1/images/generations';

let reference: string;
beforeAll(async () => {
  reference = `data:image/png;base64,${(await drawReference()).toString('base64')}`;
});

/** Who makes the pictures, and what it does with a call that comes twice. */
interface Maker {
  readonly name: string;
  /** Starts the upstream, if it has one. */
  readonly start?: () => Promise<{
    readonly emulator: Emulator;
    readonly env: Readonly<Record<string, string>>;
  }>;
  readonly model: string;
  /** Written into every prompt. */
  readonly directive?: string;
  /** One that it makes natively. */
  readonly size: string;
  readonly imagesPerCall: number;
  /** Whether it hands out handles. */
  readonly isDeferred: boolean;
  /** Whether a call whose answer was lost may be sent again, or be looked up. */
  readonly isSafeToResend: boolean;
  readonly points: readonly FaultPoint[];
}

const direct = faultPoints.filter((point) => point !== 'after-accepted');
/** Where adapters differ. */
const aroundTheAnswer: readonly FaultPoint[] = [
  'after-sending',
  'after-answer',
  'after-accepted',
  'after-produced',
  'after-put',
];

const makers: readonly Maker[] = [
  {
    name: 'sandbox',
    model: 'seedream-3.0',
    size: '320x200',
    imagesPerCall: 1,
    isDeferred: false,
    isSafeToResend: true,
    points: direct,
  },
  {
    name: 'sandbox with handles',
    model: 'seedream-3.0',
    directive: ' [sandbox:delay=50ms]',
    size: '320x200',
    imagesPerCall: 1,
    isDeferred: true,
    isSafeToResend: true,
    points: faultPoints,
  },
  {
    name: 'ark',
    start: async () => {
      const emulator = await startArkEmulator();
      return { emulator, env: arkEnvironment(emulator) };
    },
    model: 'seedream-3.0',
    size: '1024x1024',
    imagesPerCall: 1,
    isDeferred: false,
    isSafeToResend: false,
    points: direct,
  },
  {
    name: 'jimeng',
    start: async () => {
      const emulator = await startJimengEmulator();
      const { accessKeyId, secretAccessKey } = emulator.account;
      const env = {
        JIMENG_BASE_URL: emulator.baseUrl,
        VOLC_ACCESS_KEY_ID: accessKeyId,
        VOLC_SECRET_ACCESS_KEY: secretAccessKey,
      };
      return { emulator, env };
    },
    model: 'jimeng',
    size: '1024x1024',
    imagesPerCall: 1,
    isDeferred: true,
    isSafeToResend: false,
    points: aroundTheAnswer,
  },
  {
    name: 'kling',
    start: async () => {
      const emulator = await startKlingEmulator();
      return { emulator, env: { KLING_BASE_URL: emulator.baseUrl, KLING_API_KEY: emulator.apiKey } };
    },
    model: 'keling',
    size: '1024x1024',
    imagesPerCall: 2,
    isDeferred: true,
    isSafeToResend: true,
    points: aroundTheAnswer,
  },
  {
    name: 'openai',
    start: async () => {
      const emulator = await startOpenAiEmulator();
      return { emulator, env: { OPENAI_BASE_URL: emulator.baseUrl, OPENAI_API_KEY: emulator.apiKey } };
    },
    model: 'dall-e-3',
    size: '1024x1024',
    imagesPerCall: 2,
    isDeferred: false,
    isSafeToResend: false,
    points: aroundTheAnswer,
  },
];

const rows = makers.flatMap((maker) =>
  maker.points
    .filter((point) => maker.isDeferred || point !== 'after-accepted')
    .map((point) => ({ maker, point })),
);

/** Two pictures as the upstream makes them, and two that are made from a reference and redrawn on the way. */
const bodies = (
  { model, directive = '', size }: Maker,
  webhookUrl: string,
): readonly Record<string, unknown>[] => {
  const common = { model, n: 2, webhook_url: webhookUrl };
  return [
    { ...common, prompt: `A red fox${directive}`, size },
    {
      ...common,
      prompt: `Make it blue${directive}`,
      url: reference,
      size: '640x400',
      output_format: 'webp',
    },
  ];
};

/** Sends a request until somebody answers; what was accepted and not answered is told from new by its key. */
const submit = async (limner: LimnerProcess, body: object, key: string): Promise<TaskView | undefined> => {
  const answer = await limner.api('POST', path, body, { 'idempotency-key': key }).catch((fault: unknown) => {
    if (fault instanceof TypeError) return undefined;
    throw fault;
  });
  if (answer !== undefined) expect(answer.status).toBe(200);
  return answer?.body;
};

describe.concurrent('a process that dies', () => {
  it.for(rows)(
    '$point with $maker.name leaves nothing lost and nothing behind',
    { timeout: 120_000 },
    async ({ maker, point }, { expect }) => {
      const upstream = await maker.start?.();
      await using _emulator = upstream?.emulator;
      await using folder = await createDataFolder();
      await using receiver = await startWebhookReceiver();
      const env = { ...upstream?.env, LIMNER_FETCH_ALLOW: receiver.host };
      const settings = { dataDir: folder.path, env };
      const asked = bodies(maker, receiver.url);

      const dying = await startLimner({ ...settings, command: ['test/support/dying-limner.ts', point, '1'] });
      const answered = await Promise.all(asked.map((body, index) => submit(dying, body, `task ${index}`)));
      expect(await dying.ended).toEqual({ code: null, signal: 'SIGKILL' });
      const sending = folder.callsIn('sending');
      if (point === 'after-sending' || point === 'after-answer') expect(sending).not.toEqual([]);
      // Pictures that came inside an answer lie in the spool from then on.
      const spooled = await folder.files('spool');
      const arrived = (call: string): number =>
        spooled.filter((name) => /-inline-\d$/.test(name) && name.startsWith(call)).length;
      // What an upstream that cannot be asked may have got: told to the caller and never sent again.
      const inDoubt = maker.isSafeToResend ? [] : sending.filter((call) => arrived(call) === 0);

      const limner = await startLimner(settings);
      const tasks = await Promise.all(
        asked.map(async (body, index) => {
          const known = answered[index] ?? (await submit(limner, body, `task ${index}`));
          return limner.endOf(known?.task_id ?? '');
        }),
      );
      expect(folder.rows()).toMatchObject({ tasks: asked.length, jobs: 0 });

      const told: string[] = [];
      for (const [index, task] of tasks.entries()) {
        const calls = folder.calls(task.task_id);
        const stored = calls.filter((call) => call.state === 'stored');
        const unconfirmed = calls.filter((call) => call.code === 'submission_unconfirmed');
        told.push(...unconfirmed.map((call) => call.id));
        expect({ calls: calls.length, settled: stored.length + unconfirmed.length }).toEqual({
          calls: 2 / maker.imagesPerCall,
          settled: calls.length,
        });
        const made = stored.reduce(
          (sum, { id }) =>
            sum + (sending.includes(id) && !maker.isSafeToResend ? arrived(id) : maker.imagesPerCall),
          0,
        );
        expect({ images: task.images?.length ?? 0, usage: task.usage?.images }).toEqual({
          images: made,
          usage: made,
        });
        if (made === 0) expect(task.error?.code).toBe('submission_unconfirmed');
        if (made === 1) {
          expect(task.adjustments).toContainEqual(
            expect.objectContaining({ parameter: 'n', asked: 2, used: 1 }),
          );
        }
        const { size, output_format: format } = asked[index] ?? {};
        for (const bytes of await bytesOfImages(task)) {
          const measured = await measure(bytes);
          expect(measured).toEqual({ size, format: format ?? measured.format });
        }
        if (upstream !== undefined) {
          const charges = upstream.emulator.ledger.charges.filter(
            (charge) => charge.prompt === asked[index]?.['prompt'],
          );
          expect(charges.length).toBeGreaterThanOrEqual(stored.length);
          expect(charges.length).toBeLessThanOrEqual(calls.length);
          const atMost = calls.map(() => 1);
          if (maker.name === 'ark') {
            const ids = [...stored, ...unconfirmed].map((call) => call.id);
            expect(timesSent(upstream.emulator, ids).map((times) => Math.max(1, times))).toEqual(atMost);
          }
        }
      }
      expect(told.toSorted()).toEqual(inDoubt);

      const images = tasks.reduce((sum, task) => sum + (task.images?.length ?? 0), 0);
      const leftBehind = async () => ({
        spooled: await folder.files('spool'),
        pictures: (await folder.files('images')).length,
      });
      await eventually(
        async () =>
          isDeepStrictEqual(await leftBehind(), { spooled: [], pictures: images }) ? true : undefined,
        'nothing but the pictures is kept',
        5_000,
      ).catch(async () => expect(await leftBehind()).toEqual({ spooled: [], pictures: images }));

      const { body: signing } = await limner.api<{ secret: string }>('GET', '/v1/webhooks/signing-secret');
      await eventually(async () => {
        const { body } = await limner.api<{ data: unknown[] }>(
          'GET',
          '/v1/webhooks/deliveries?state=pending',
        );
        return body.data.length === 0 || undefined;
      }, 'the end of every task is told');
      for (const task of tasks) {
        const told = receiver.received.filter(({ event }) => event.data.task_id === task.task_id);
        expect(new Set(told.map((webhook) => webhook.id)).size).toBe(1);
        for (const webhook of told) {
          expect(receiver.verify(webhook, signing.secret).type).toBe(`task.${task.status}`);
        }
      }
      if (point === 'after-webhook') expect(receiver.received.length).toBeGreaterThan(tasks.length);

      for (const task of tasks) {
        expect((await limner.api('DELETE', `${path}/${task.task_id}`)).status).toBe(204);
      }
      expect(await folder.files('images')).toEqual([]);
      expect(await limner.stop()).toBe(0);
      expect(folder.rows()).toEqual({ tasks: 0, calls: 0, images: 0, jobs: 0 });
    },
  );
});
