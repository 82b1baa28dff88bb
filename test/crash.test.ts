/** Death by SIGKILL in every gap between two stored steps, and what the next start makes of it (design §2). */
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { faultPoints } from '../src/engine/fault-points.ts';
import type { TaskView } from '../src/http/routes/generations/schema.ts';
import { type ArkEmulator, startArkEmulator } from '../upstreams/ark/index.ts';
import { arkEnvironment, timesSent } from './support/ark.ts';
import { createDataFolder } from './support/data-folder.ts';
import { eventually } from './support/eventually.ts';
import { type LimnerProcess, startLimner } from './support/limner-process.ts';
import { bytesOfImages, drawReference, measure } from './support/pictures.ts';

const path = '/v1/images/generations';

let ark: ArkEmulator;
let reference: string;
beforeAll(async () => {
  ark = await startArkEmulator();
  reference = `data:image/png;base64,${(await drawReference()).toString('base64')}`;
});
afterAll(() => ark.close());

/** Who makes the pictures. */
interface Maker {
  readonly name: string;
  readonly env: () => Readonly<Record<string, string>>;
  /** Written into every prompt. */
  readonly directive: string;
  /** One that it makes natively. */
  readonly size: string;
  /** Whether it hands out handles. */
  readonly isDeferred: boolean;
  /** Whether a call whose answer was lost can be sent again. */
  readonly isSafeToResend: boolean;
}

const makers: readonly Maker[] = [
  {
    name: 'sandbox',
    env: () => ({}),
    directive: '',
    size: '320x200',
    isDeferred: false,
    isSafeToResend: true,
  },
  {
    name: 'sandbox with handles',
    env: () => ({}),
    directive: ' [sandbox:delay=50ms]',
    size: '320x200',
    isDeferred: true,
    isSafeToResend: true,
  },
  {
    name: 'ark',
    env: () => arkEnvironment(ark),
    directive: '',
    size: '1024x1024',
    isDeferred: false,
    isSafeToResend: false,
  },
];

const rows = makers.flatMap((maker) =>
  faultPoints
    .filter((point) => maker.isDeferred || point !== 'after-accepted')
    .map((point) => ({ maker, point })),
);

/** Two pictures as the upstream makes them, and two that are made from a reference and redrawn on the way. */
const bodies = ({ directive, size }: Maker, row: string): readonly Record<string, unknown>[] => [
  { model: 'seedream-3.0', prompt: `A red fox, ${row}${directive}`, n: 2, size },
  {
    model: 'seedream-3.0',
    prompt: `Make it blue, ${row}${directive}`,
    n: 2,
    url: reference,
    size: '640x400',
    output_format: 'webp',
  },
];

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
      const row = `${point} with ${maker.name}`;
      await using folder = await createDataFolder();
      const settings = { dataDir: folder.path, env: maker.env() };
      const asked = bodies(maker, row);

      const dying = await startLimner({ ...settings, command: ['test/support/dying-limner.ts', point, '1'] });
      const answered = await Promise.all(asked.map((body, index) => submit(dying, body, `task ${index}`)));
      expect(await dying.ended).toEqual({ code: null, signal: 'SIGKILL' });
      // What an upstream that cannot be asked may have got: told to the caller and never sent again.
      const inDoubt = folder.callsIn('ark', 'sending');
      if (point === 'after-sending' || point === 'after-answer') {
        expect([...inDoubt, ...folder.callsIn('sandbox', 'sending')]).not.toEqual([]);
      }

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
          calls: 2,
          settled: 2,
        });
        expect(task.images?.length ?? 0).toBe(stored.length);
        expect(task.usage?.images ?? 0).toBe(stored.length);
        if (stored.length === 0) expect(task.error?.code).toBe('submission_unconfirmed');
        if (stored.length === 1) {
          expect(task.adjustments).toContainEqual(
            expect.objectContaining({ parameter: 'n', asked: 2, used: 1 }),
          );
        }
        const { size, output_format: format } = asked[index] ?? {};
        for (const bytes of await bytesOfImages(task)) {
          const measured = await measure(bytes);
          expect(measured).toEqual({ size, format: format ?? measured.format });
        }
        if (!maker.isSafeToResend) {
          const charges = ark.ledger.charges.filter((charge) => charge.prompt === asked[index]?.['prompt']);
          expect(charges.length).toBeGreaterThanOrEqual(stored.length);
          expect(charges.length).toBeLessThanOrEqual(calls.length);
          expect(
            timesSent(
              ark,
              stored.map((call) => call.id),
            ),
          ).toEqual(stored.map(() => 1));
          expect(Math.max(0, ...timesSent(ark, told))).toBeLessThanOrEqual(1);
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

      for (const task of tasks) {
        expect((await limner.api('DELETE', `${path}/${task.task_id}`)).status).toBe(204);
      }
      expect(await folder.files('images')).toEqual([]);
      expect(await limner.stop()).toBe(0);
      expect(folder.rows()).toEqual({ tasks: 0, calls: 0, images: 0, jobs: 0 });
    },
  );
});
