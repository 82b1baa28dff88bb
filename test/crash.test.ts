/** Death by SIGKILL in every gap between two stored steps, and what the next start makes of it (design §2). */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { type FaultPoint, faultPoints } from '../src/engine/fault-points.ts';
import type { TaskView } from '../src/http/routes/generations/schema.ts';
import type { Charge } from '../upstreams/ledger.ts';
import { createDataFolder, type DataFolder } from './support/data-folder.ts';
import { eventually } from './support/eventually.ts';
import { type LimnerProcess, startLimner } from './support/limner-process.ts';
import { canReach, configOf, type Maker, makers } from './support/makers.ts';
import { bytesOfImages, drawReference, measure } from './support/pictures.ts';
import { startVendors } from './support/vendors.ts';
import { startWebhookReceiver } from './support/webhook-receiver.ts';

const path = '/v1/images/generations';

let reference: string;
beforeAll(async () => {
  reference = `data:image/png;base64,${(await drawReference()).toString('base64')}`;
});

/** A death: who makes the pictures, where, and at which time that the point is reached. */
interface Row {
  readonly maker: Maker;
  readonly point: FaultPoint;
  readonly nth: 1 | 2;
  readonly onUnconfirmed: 'fail' | 'resend';
}

const all = Object.values(makers);
const at = (maker: Maker, point: FaultPoint, rest: Partial<Row> = {}): Row => ({
  maker,
  point,
  nth: 1,
  onUnconfirmed: 'fail',
  ...rest,
});

/** Every point with every maker whose calls pass it. */
const everywhere = all.flatMap((maker) =>
  faultPoints.filter((point) => canReach(maker, point)).map((point) => at(maker, point)),
);

/** The points that are left out above. */
const nowhere = all.flatMap((maker) =>
  faultPoints.filter((point) => !canReach(maker, point)).map((point) => at(maker, point)),
);

/** One call or task is past the point and another one is not: one maker of each kind of look-up and of answer. */
const secondTimes = [makers.ark, makers.kling, makers.openai].flatMap((maker) =>
  (
    [
      'after-sending',
      'after-answer',
      'after-accepted',
      'after-produced',
      'after-put',
      'after-finish',
    ] as const
  )
    .filter((point) => canReach(maker, point))
    .map((point) => at(maker, point, { nth: 2 })),
);

/** Where the operator would rather pay twice than not at all. */
const resending = all
  .filter(({ resend }) => resend === 'ambiguous')
  .flatMap((maker) =>
    (['after-sending', 'after-answer'] as const).map((point) =>
      at(maker, point, { onUnconfirmed: 'resend' }),
    ),
  );

/** Two pictures as the upstream makes them, and two that are made from a reference and redrawn on the way. */
const bodies = (
  { model, directive = '', size, seed }: Maker,
  webhookUrl: string,
): readonly Record<string, unknown>[] => {
  const common = { model, n: 2, webhook_url: webhookUrl, ...(seed !== undefined && { seed }) };
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

/** All that a row needs: an empty data folder, somebody to be told, the vendors, and the program over them. */
const startWorld = async ({ maker, point, nth, onUnconfirmed }: Row) => {
  const stack = new AsyncDisposableStack();
  const folder = stack.use(await createDataFolder());
  const receiver = stack.use(await startWebhookReceiver());
  const env: Record<string, string> = { LIMNER_FETCH_ALLOW: receiver.host };
  const vendors = maker.vendor === undefined ? undefined : stack.use(await startVendors());
  if (vendors !== undefined) {
    const file = join(folder.path, 'limner.yaml');
    await writeFile(file, `${configOf(vendors)}on_unconfirmed: ${onUnconfirmed}\n`);
    Object.assign(env, vendors.environment, { LIMNER_CONFIG: file });
  }
  const settings = { dataDir: folder.path, env };
  return {
    folder,
    receiver,
    ledger: maker.vendor === undefined ? undefined : vendors?.[maker.vendor].ledger,
    start: () => startLimner(settings),
    startDying: () =>
      startLimner({ ...settings, command: ['test/support/dying-limner.ts', point, String(nth)] }),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
};

/** How many pictures of each call that was `sending` at the death lie in the spool: they came inside an answer. */
const arrivedPictures = async (folder: DataFolder): Promise<ReadonlyMap<string, number>> => {
  const spooled = await folder.files('spool');
  const count = (call: string): number =>
    spooled.filter((name) => /-inline-\d$/.test(name) && name.startsWith(call)).length;
  return new Map(folder.callsIn('sending').map((call) => [call, count(call)]));
};

/** How often each call was charged; Jimeng's are known by their seeds. */
const chargesPerCall = (charges: readonly Charge[]): Readonly<Record<string, number>> =>
  Object.fromEntries(
    [...Map.groupBy(charges, ({ callerId, seed }) => callerId ?? `seed ${seed}`)].map(([call, of]) => [
      call,
      of.length,
    ]),
  );

describe.concurrent('a process that dies', () => {
  it.for([...everywhere, ...secondTimes, ...resending])(
    '$point with $maker.name, time $nth, unconfirmed: $onUnconfirmed, leaves nothing lost and nothing behind',
    { timeout: 120_000 },
    async (row, { expect }) => {
      const { maker, point } = row;
      const isAmbiguous = maker.resend === 'ambiguous';
      const isResent = isAmbiguous && row.onUnconfirmed === 'resend';
      await using world = await startWorld(row);
      const { folder, receiver } = world;
      const asked = bodies(maker, receiver.url);

      const dying = await world.startDying();
      const answered = await Promise.all(asked.map((body, index) => submit(dying, body, `task ${index}`)));
      expect(await dying.ended).toEqual({ code: null, signal: 'SIGKILL' });
      const arrived = await arrivedPictures(folder);
      if (point === 'after-sending' || point === 'after-answer') expect(arrived.size).toBeGreaterThan(0);
      // What an upstream that cannot be asked may have got.
      const inDoubt = isAmbiguous
        ? [...arrived].flatMap(([call, pictures]) => (pictures === 0 ? [call] : []))
        : [];

      const limner = await world.start();
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
          calls: 2 / maker.imagesPerCall + (isResent ? unconfirmed.length : 0),
          settled: calls.length,
        });
        const made = stored.reduce(
          (sum, { id }) => sum + ((isAmbiguous ? arrived.get(id) : undefined) ?? maker.imagesPerCall),
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
        if (world.ledger === undefined) continue;
        const charges = world.ledger.charges.filter(({ prompt }) => prompt === asked[index]?.['prompt']);
        const perCall = chargesPerCall(charges);
        if (maker.seed === undefined) {
          const once = Object.fromEntries(stored.map(({ id }) => [id, 1]));
          const maybeOnce = Object.fromEntries(
            unconfirmed.flatMap(({ id }) => (id in perCall ? [[id, 1]] : [])),
          );
          expect(perCall).toEqual({ ...once, ...maybeOnce });
        } else {
          const times = Object.values(perCall);
          expect(Math.max(0, ...times)).toBeLessThanOrEqual(isResent ? 2 : 1);
          expect(charges.length).toBeGreaterThanOrEqual(stored.length);
          expect(charges.length).toBeLessThanOrEqual(calls.length);
        }
      }
      expect(told.toSorted()).toEqual(inDoubt);

      const images = tasks.reduce((sum, task) => sum + (task.images?.length ?? 0), 0);
      if (!isAmbiguous || isResent) expect(images).toBe(asked.length * 2);
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

  it.for(nowhere)(
    'never reaches $point with $maker.name, which answers at once',
    { timeout: 120_000 },
    async (row, { expect }) => {
      await using world = await startWorld(row);
      const alive = await world.startDying();
      for (const [index, body] of bodies(row.maker, world.receiver.url).entries()) {
        const task = await submit(alive, body, `task ${index}`);
        expect((await alive.endOf(task?.task_id ?? '')).status).toBe('completed');
      }
      await alive.kill();
    },
  );
});
