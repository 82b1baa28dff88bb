/** What the program promises to those who end it, gently or not, and start it again. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'vitest';
import type { TaskView } from '../src/http/routes/generations/schema.ts';
import { startArkEmulator } from '../upstreams/ark/index.ts';
import { arkEnvironment, timesSent } from './support/ark.ts';
import { createDataFolder, type DataFolder } from './support/data-folder.ts';
import { eventually } from './support/eventually.ts';
import { type LimnerProcess, spawnLimner, startLimner } from './support/limner-process.ts';
import { bytesOfImages, measure } from './support/pictures.ts';

const path = '/v1/images/generations';

const submit = async (limner: LimnerProcess, body: object): Promise<string> => {
  const { status, body: task } = await limner.api('POST', path, body);
  if (status !== 200) throw new Error(`A task was refused with ${status}: ${JSON.stringify(task)}`);
  return task.task_id;
};

const endAll = (limner: LimnerProcess, ids: readonly string[]): Promise<readonly TaskView[]> =>
  Promise.all(ids.map((id) => limner.endOf(id)));

/** The identifiers of all tasks, page after page. */
const listAll = async (limner: LimnerProcess): Promise<ReadonlySet<string>> => {
  const ids: string[] = [];
  for (let hasMore = true; hasMore;) {
    const after = ids.length === 0 ? '' : `&after=${ids.at(-1)}`;
    const { body } = await limner.api<{ data: readonly TaskView[]; has_more: boolean }>(
      'GET',
      `${path}?limit=100${after}`,
    );
    ids.push(...body.data.map((task) => task.task_id));
    hasMore = body.has_more;
  }
  return new Set(ids);
};

const whenTrue = (claim: () => boolean, waitingFor: string): Promise<true> =>
  eventually(async () => claim() || undefined, waitingFor);

describe.concurrent('kill -9', { timeout: 120_000 }, () => {
  it('in the middle of 20 tasks loses none of them and pays for none twice', async ({ expect }) => {
    await using ark = await startArkEmulator({ latencyMs: [300, 2_500] });
    await using folder = await createDataFolder();
    const settings = { dataDir: folder.path, env: arkEnvironment(ark) };
    let limner = await startLimner(settings);
    const asked = Array.from({ length: 20 }, (_, index) =>
      index % 2 === 0
        ? { model: 'seedream-3.0', prompt: `Paid ${index}`, n: 2 }
        : {
            model: 'sandbox',
            prompt: `Drawn ${index} [sandbox:delay=${index * 30}ms]`,
            n: 2,
            size: '320x200',
          },
    );
    const ids = await Promise.all(asked.map((body) => submit(limner, body)));

    const inDoubt: string[] = [];
    for (const pictures of [1, 4]) {
      await whenTrue(
        () => folder.rows().images >= pictures && folder.callsIn('sending', 'ark').length > 0,
        `${pictures} pictures are stored and calls are on their way`,
      );
      await limner.kill();
      inDoubt.push(...folder.callsIn('sending', 'ark'));
      limner = await startLimner(settings);
    }

    const tasks = await endAll(limner, ids);
    const calls = ids.flatMap((id) => folder.calls(id));
    expect(calls).toHaveLength(40);
    const unconfirmed = calls.filter((call) => call.code === 'submission_unconfirmed').map((call) => call.id);
    const stored = calls.filter((call) => call.state === 'stored').map((call) => call.id);
    expect(stored.length + unconfirmed.length).toBe(40);
    expect(unconfirmed.toSorted()).toEqual(inDoubt.toSorted());
    expect(Math.max(...timesSent(ark, [...stored, ...unconfirmed]))).toBe(1);
    expect(ark.ledger.charges.length).toBeLessThanOrEqual(20);

    for (const [index, task] of tasks.entries()) {
      const made = folder.calls(task.task_id).filter((call) => call.state === 'stored').length;
      expect(task.images?.length ?? task.error?.code).toBe(made === 0 ? 'submission_unconfirmed' : made);
      for (const bytes of await bytesOfImages(task)) {
        expect(await measure(bytes)).toMatchObject({ size: asked[index]?.size ?? '1024x1024' });
      }
    }
    expect(await folder.files('images')).toHaveLength(stored.length);
    expect(await limner.stop()).toBe(0);
    expect(await folder.files('spool')).toEqual([]);
  });

  it('under a load of requests loses no task that was accepted', async ({ expect }) => {
    await using folder = await createDataFolder();
    const settings = { dataDir: folder.path };
    const limner = await startLimner(settings);
    const accepted: string[] = [];
    const client = async (): Promise<void> => {
      for (;;) {
        const body = { model: 'sandbox', prompt: 'Later [sandbox:delay=1h]' };
        const answer = await limner.api('POST', path, body).catch(() => undefined);
        if (answer === undefined) return;
        expect(answer.status).toBe(200);
        accepted.push(answer.body.task_id);
      }
    };
    const clients = Array.from({ length: 64 }, client);
    await whenTrue(() => accepted.length >= 1_000, 'a thousand tasks are accepted');
    await limner.kill();
    await Promise.all(clients);

    const again = await startLimner(settings);
    const known = await listAll(again);
    expect(accepted.filter((id) => !known.has(id))).toEqual([]);
    expect(known.size).toBeLessThanOrEqual(accepted.length + 64);
    expect(folder.rows().jobs).toBe(known.size);
    expect(await again.stop()).toBe(0);
  });
});

describe.concurrent('SIGTERM', { timeout: 120_000 }, () => {
  it('lets calls on their way finish, sends no other, and leaves the rest for the next start', async ({
    expect,
  }) => {
    await using ark = await startArkEmulator({ latencyMs: 1_500 });
    await using folder = await createDataFolder();
    const settings = { dataDir: folder.path, env: arkEnvironment(ark) };
    const limner = await startLimner(settings);
    const later = await submit(limner, { model: 'sandbox', prompt: 'Later [sandbox:delay=4s]' });
    // 16 calls on a provider that takes ten at a time.
    const paid = await Promise.all(
      Array.from({ length: 4 }, (_, index) =>
        submit(limner, { model: 'seedream-3.0', prompt: `Paid ${index}`, n: 4 }),
      ),
    );
    await whenTrue(() => folder.callsIn('sending', 'ark').length === 10, 'ten calls are on their way');
    expect(await limner.stop()).toBe(0);
    expect(folder.callsIn('sending', 'ark')).toEqual([]);
    expect(folder.callsIn('stored', 'ark')).toHaveLength(10);
    expect(ark.ledger.images).toBe(10);

    const again = await startLimner(settings);
    const tasks = await endAll(again, [later, ...paid]);
    expect(tasks.map((task) => task.images?.length)).toEqual([1, 4, 4, 4, 4]);
    expect(ark.ledger.images).toBe(16);
    expect(await again.stop()).toBe(0);
    expect(await folder.files('spool')).toEqual([]);
  });

  it('waits ten seconds for a call that hangs, and never sends it again', async ({ expect }) => {
    await using ark = await startArkEmulator({ latencyMs: 600_000 });
    await using folder = await createDataFolder();
    const settings = { dataDir: folder.path, env: arkEnvironment(ark) };
    const limner = await startLimner(settings);
    const id = await submit(limner, { model: 'seedream-3.0', prompt: 'It never comes' });
    await whenTrue(() => ark.requests.all.length === 1, 'the call is on its way');
    const startedMs = performance.now();
    expect(await limner.stop()).toBe(0);
    const tookMs = performance.now() - startedMs;
    expect(tookMs).toBeGreaterThan(9_500);
    expect(tookMs).toBeLessThan(13_000);

    const again = await startLimner(settings);
    expect(await again.endOf(id)).toMatchObject({
      status: 'failed',
      error: { code: 'submission_unconfirmed', retryable: false },
      usage: { images: 0 },
    });
    expect(ark.requests.all).toHaveLength(1);
    expect(await again.stop()).toBe(0);
  });

  it('answers those who wait for a task', async ({ expect }) => {
    await using folder = await createDataFolder();
    const limner = await startLimner({ dataDir: folder.path });
    const id = await submit(limner, { model: 'sandbox', prompt: 'Later [sandbox:delay=1h]' });
    const waiting = limner.api('GET', `${path}/${id}`, undefined, { prefer: 'wait=100' });
    await eventually(
      async () => (await limner.api('GET', `${path}/${id}`)).body.status === 'processing' || undefined,
      'the task has begun',
    );
    const stopped = limner.stop();
    expect(await waiting).toMatchObject({ status: 200, body: { task_id: id, status: /pending|processing/ } });
    expect(await stopped).toBe(0);
  });
});

describe.concurrent('a data folder', () => {
  it('is held by one process; a second one names it and ends with 3', async ({ expect }) => {
    await using folder = await createDataFolder();
    const limner = await startLimner({ dataDir: folder.path });
    const second = spawnLimner({ dataDir: folder.path });
    expect(await second.ended).toEqual({ code: 3, signal: null });
    expect(second.output()).toContain(`held by process ${limner.pid} on `);
    expect((await limner.api('GET', '/healthz')).status).toBe(200);
    await limner.kill();
    const third = await startLimner({ dataDir: folder.path });
    expect(await third.stop()).toBe(0);
  });

  it('that is a file ends the start with a sentence', async ({ expect }) => {
    await using folder = await createDataFolder();
    const file = join(folder.path, 'file');
    await writeFile(file, '');
    const limner = spawnLimner({ dataDir: file });
    expect(await limner.ended).toEqual({ code: 1, signal: null });
    expect(limner.output()).toContain('error: The data folder cannot be used: set LIMNER_DATA_DIR');
  });
});

describe.concurrent('a task on its way', { timeout: 120_000 }, () => {
  /** A drawing with a handle, a paid call without an answer and paid pictures that are being fetched. */
  const begin = async (limner: LimnerProcess, folder: DataFolder): Promise<readonly string[]> => {
    const is = (id: string, state: string) =>
      whenTrue(() => folder.calls(id)[0]?.state === state, `the call is ${state}`);
    const drawn = await submit(limner, { model: 'sandbox', prompt: 'Drawn [sandbox:delay=1h]' });
    const fetched = await submit(limner, {
      model: 'seedream-3.0',
      prompt: 'Fetched __link_slow__ __slow_600s__',
      n: 2,
    });
    await is(drawn, 'accepted');
    await is(fetched, 'produced');
    const made = await submit(limner, { model: 'seedream-3.0', prompt: 'Made __slow_4s__', n: 2 });
    await is(made, 'sending');
    return [drawn, fetched, made];
  };

  it('ends as cancelled when it is cancelled, and nothing but its cost changes afterwards', async ({
    expect,
  }) => {
    await using ark = await startArkEmulator();
    await using folder = await createDataFolder();
    const settings = { dataDir: folder.path, env: arkEnvironment(ark) };
    const limner = await startLimner(settings);
    const ids = await begin(limner, folder);
    const cancelled = await Promise.all(
      ids.map(async (id) => (await limner.api('POST', `${path}/${id}/cancel`)).body),
    );
    for (const task of cancelled) {
      expect(task).toMatchObject({ status: 'failed', error: { code: 'cancelled', retryable: false } });
      expect(task).not.toHaveProperty('images');
    }
    const refusal = await limner.api<unknown>('POST', `${path}/${ids[0]}/cancel`);
    expect(refusal).toMatchObject({ status: 409, body: { error: { code: 'task_already_ended' } } });
    // Upstream it goes on, and what comes of it is counted.
    await whenTrue(() => ark.ledger.images === 4, 'the upstream is done');
    await whenTrue(() => folder.callsIn('sending').length === 0, 'it is counted');
    const shown = async (process: LimnerProcess) =>
      Promise.all(ids.map(async (id) => (await process.api('GET', `${path}/${id}`)).body));
    const afterwards = await shown(limner);
    const [, fetched, made] = afterwards;
    const usage = { images: 0, cost: fetched?.usage?.cost, currency: 'CNY' };
    expect(afterwards).toEqual(
      cancelled.map((task) => (task.task_id === made?.task_id ? { ...task, usage } : task)),
    );
    expect(await limner.stop()).toBe(0);
    const again = await startLimner(settings);
    expect(await shown(again)).toEqual(afterwards);
    expect(await again.stop()).toBe(0);
    expect(await folder.files('spool')).toEqual([]);
    expect(await folder.files('images')).toEqual([]);
    // The drawing is still in the making.
    expect(folder.rows()).toMatchObject({ tasks: 3, images: 0, jobs: 1 });
  });

  it('leaves no row and no file when it is deleted', async ({ expect }) => {
    await using ark = await startArkEmulator();
    await using folder = await createDataFolder();
    const limner = await startLimner({ dataDir: folder.path, env: arkEnvironment(ark) });
    const ended = await submit(limner, { model: 'sandbox', prompt: 'Ended', n: 4, size: '320x200' });
    await limner.endOf(ended);
    const ids = [...(await begin(limner, folder)), ended];
    for (const id of ids) {
      expect((await limner.api('DELETE', `${path}/${id}`)).status).toBe(204);
      expect((await limner.api('GET', `${path}/${id}`)).status).toBe(404);
    }
    await whenTrue(() => ark.ledger.images === 4, 'the upstream is done');
    expect(await limner.stop()).toBe(0);
    expect(await folder.files('spool')).toEqual([]);
    expect(await folder.files('images')).toEqual([]);
    expect(folder.rows()).toEqual({ tasks: 0, calls: 0, images: 0, jobs: 0 });
  });
});
