/** The client against the real program, over a way that breaks. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type CuttingProxy, startCuttingProxy } from '../../test/support/cutting-proxy.ts';
import { createDataFolder, type DataFolder } from '../../test/support/data-folder.ts';
import { apiKey, type LimnerProcess, startLimner } from '../../test/support/limner-process.ts';
import {
  type CompletedTask,
  createLimner,
  type Limner,
  LimnerError,
  TaskFailed,
  type TaskImage,
} from './index.ts';

let folder: DataFolder;
let server: LimnerProcess;
let proxy: CuttingProxy;
let limner: Limner;

const start = (): Promise<LimnerProcess> => startLimner({ dataDir: folder.path });

beforeAll(async () => {
  folder = await createDataFolder();
  server = await start();
});
afterAll(async () => {
  await server.stop();
  await folder[Symbol.asyncDispose]();
});
beforeEach(async () => {
  proxy = await startCuttingProxy(server.url);
  limner = createLimner({ baseUrl: proxy.url, apiKey });
});
afterEach(async () => proxy[Symbol.asyncDispose]());

const request = { model: 'seedream-3.0', prompt: 'A red fox', size: '512x512' } as const;
const slow = { ...request, prompt: '[sandbox:delay=2s] A red fox' };
const firstOf = ({ images: [image] }: CompletedTask): TaskImage => {
  if (image === undefined) throw new Error('the task has no picture');
  return image;
};
const isPng = (bytes: Uint8Array): boolean => bytes[0] === 0x89 && bytes[1] === 0x50;

describe('asking for pictures', { timeout: 60_000 }, () => {
  test('tells of each state and gives pictures that can be downloaded', async () => {
    const states: string[] = [];
    const task = await limner.generate(
      { ...slow, n: 2 },
      { onProgress: ({ status }) => states.push(status) },
    );
    expect(states).toEqual(['pending', 'processing', 'completed']);
    const pictures = await Promise.all(task.images.map((image) => limner.download(image)));
    expect(pictures.map(isPng)).toEqual([true, true]);
  });

  test('gives base64 as bytes', async () => {
    const task = await limner.generate({ ...request, response_format: 'b64_json' });
    expect(isPng(await limner.download(firstOf(task)))).toBe(true);
  });

  test('a failed task is thrown, with its code and the task', async () => {
    const failed = await limner
      .generate({ ...request, prompt: '[sandbox:fail=content_policy_violation] A fox' })
      .catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(TaskFailed);
    expect(failed).toMatchObject({
      code: 'content_policy_violation',
      retryable: false,
      task: { status: 'failed' },
    });
  });

  test('a refusal is thrown with its code, its parameter and the name of the request', async () => {
    const refused = await limner.generate({ ...request, n: 9 }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(LimnerError);
    expect(refused).toMatchObject({
      code: 'invalid_parameter',
      status: 400,
      param: 'n',
      requestId: expect.stringMatching(/^req_/),
    });
  });

  test('the signal ends the wait, and the task goes on', async () => {
    const leaving = new AbortController();
    let taskId = '';
    const waiting = limner.generate(slow, {
      signal: leaving.signal,
      onProgress: (task) => {
        taskId = task.task_id;
        leaving.abort(new Error('enough'));
      },
    });
    await expect(waiting).rejects.toThrow('enough');
    expect(await limner.tasks.wait(taskId)).toMatchObject({ status: 'completed' });
  });
});

describe('a way that breaks', { timeout: 60_000 }, () => {
  const countOf = async (prompt: string): Promise<number> => {
    const { data } = await limner.tasks.list({ limit: 100 });
    return data.filter((task) => task.prompt === prompt).length;
  };

  test('a lost answer makes no second task', async () => {
    proxy.loseNextAnswer();
    const prompt = 'Once only';
    const task = await limner.generate({ ...request, prompt });
    expect(task.status).toBe('completed');
    expect(await countOf(prompt)).toBe(1);
  });

  test('a connection that is cut while the task is followed is taken up, and no state is told twice', async () => {
    const states: string[] = [];
    const task = await limner.generate(slow, {
      onProgress: ({ status }) => {
        states.push(status);
        if (status !== 'completed') proxy.cut();
      },
    });
    expect(task.images).toHaveLength(1);
    expect(states).toEqual(['pending', 'processing', 'completed']);
    expect(proxy.connections()).toBeGreaterThan(2);
  });

  test('a download that is cut begins anew', async () => {
    const image = firstOf(await limner.generate(request));
    const link = new URL(image.url ?? '');
    proxy.loseNextAnswer();
    const bytes = await limner.download({
      ...image,
      url: `${proxy.url}${link.pathname}${link.search}`,
    });
    expect(isPng(bytes)).toBe(true);
  });

  test('a server that dies and comes back finishes the task', async () => {
    let died: Promise<void> | undefined;
    const task = await limner.generate(slow, {
      onProgress: ({ status }) => {
        if (status !== 'processing' || died !== undefined) return;
        died = (async () => {
          proxy.leadTo(undefined);
          await server.kill();
          server = await start();
          proxy.leadTo(server.url);
        })();
      },
    });
    await died;
    expect(task.images).toHaveLength(1);
  });

  test('when nobody answers, patience has an end', async () => {
    proxy.leadTo(undefined);
    const hasty = createLimner({ baseUrl: proxy.url, apiKey, patienceMs: 1_000 });
    await expect(hasty.models.list()).rejects.toMatchObject({ code: 'connection_lost' });
    expect(proxy.connections()).toBeGreaterThan(1);
  });

  test('an answer of something else on the way is told apart', async () => {
    const foreign = createLimner({
      baseUrl: proxy.url,
      apiKey,
      fetch: async () => new Response('<h1>Teapot</h1>', { status: 418 }),
    });
    await expect(foreign.models.list()).rejects.toMatchObject({ code: 'unexpected_answer', status: 418 });
  });
});

describe('tasks', () => {
  test('are read, listed page by page, cancelled and deleted', async () => {
    const made = await limner.tasks.create({ ...slow, prompt: '[sandbox:delay=1h] Never' });
    expect(await limner.tasks.get(made.task_id)).toMatchObject({
      status: expect.stringMatching(/pending|processing/),
    });
    const ids = new Set<string>();
    for await (const { task_id } of limner.tasks.all({ limit: 2 })) ids.add(task_id);
    expect(ids.has(made.task_id)).toBe(true);
    expect(ids.size).toBeGreaterThan(2);
    expect(await limner.tasks.cancel(made.task_id)).toMatchObject({ error: { code: 'cancelled' } });
    await limner.tasks.delete(made.task_id);
    await expect(limner.tasks.get(made.task_id)).rejects.toMatchObject({
      code: 'task_not_found',
      status: 404,
    });
  });

  test('with the same idempotency key are the same', async () => {
    const options = { idempotencyKey: 'of my own' };
    const [one, two] = [
      await limner.tasks.create(request, options),
      await limner.tasks.create(request, options),
    ];
    expect(two.task_id).toBe(one.task_id);
  });

  test('whoever stops following closes the stream', async () => {
    const { task_id } = await limner.tasks.create({ ...slow, prompt: '[sandbox:delay=1h] Never' });
    for await (const _task of limner.tasks.follow(task_id)) break;
    const before = proxy.connections();
    await limner.tasks.cancel(task_id);
    // The one connection is free for it again, with nothing more of the stream on it.
    expect(proxy.connections() - before).toBeLessThanOrEqual(1);
    expect(await limner.tasks.get(task_id)).toMatchObject({ status: 'failed' });
  });
});

test('models are listed and read', async () => {
  const names = (await limner.models.list()).map(({ id }) => id);
  expect(names).toContain('keling');
  expect(await limner.models.get('keling')).toMatchObject({ id: 'keling', available: true });
  await expect(limner.models.get('kelin')).rejects.toMatchObject({ code: 'model_not_found' });
});
