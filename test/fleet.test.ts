/** Three nodes on one PostgreSQL and one bucket: what holds for one process holds for the fleet. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Client } from 'pg';
import { describe, it } from 'vitest';
import type { TaskView } from '../src/http/routes/generations/schema.ts';
import { type S3Emulator, startS3Emulator } from '../upstreams/s3/index.ts';
import { newPostgresUrl } from './support/databases.ts';
import { createDataFolder } from './support/data-folder.ts';
import { eventually } from './support/eventually.ts';
import { type LimnerProcess, startLimner } from './support/limner-process.ts';
import { measure } from './support/pictures.ts';
import { startPostgresServer } from './support/postgres-server.ts';
import { startVendors, type Vendors } from './support/vendors.ts';

const path = '/v1/images/generations';

const storageOf = (s3: S3Emulator): string => `
storage:
  kind: s3
  endpoint: ${s3.origin}
  region: ${s3.account.region}
  bucket: ${s3.bucket}
  access_key_id: ${s3.account.accessKeyId}
  secret_access_key: ${s3.account.secretAccessKey}
`;

/** How long the store is away; nothing is waited for meanwhile. */
const STORE_IS_AWAY_MS = 20_000;

const away = { match: '*', fault: 'drop_before', times: 'always' } as const;

const submit = async (limner: LimnerProcess, body: object): Promise<string> => {
  const { status, body: task } = await limner.api('POST', path, body);
  if (status !== 200) throw new Error(`A task was refused with ${status}: ${JSON.stringify(task)}`);
  return task.task_id;
};

interface CallRow {
  readonly id: string;
  readonly task_id: string;
  readonly provider: string;
  readonly state: string;
  readonly step: {
    readonly failure?: { readonly code: string; readonly charged: string };
  };
}

const callsIn = async (url: string): Promise<readonly CallRow[]> => {
  const client = new Client(url);
  await client.connect();
  const { rows } = await client.query('select id, task_id, provider, state, step::json as step from calls');
  await client.end();
  return rows as readonly CallRow[];
};

const models = ['seedream-3.0', 'jimeng', 'keling', 'dall-e-3'];

/** Reads the pictures of a task by the links that it shows. */
const sizesOf = async (task: TaskView): Promise<readonly string[]> =>
  Promise.all(
    (task.images ?? []).map(async ({ url = '' }) => {
      const answer = await fetch(url);
      if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
      return (await measure(new Uint8Array(await answer.arrayBuffer()))).size;
    }),
  );

const chargesOf = ({ ark, jimeng, kling, openai }: Vendors): number =>
  [ark, jimeng, kling, openai].reduce((sum, { ledger }) => sum + ledger.charges.length, 0);

describe('a caller of several nodes', { timeout: 60_000 }, () => {
  it('submits on one, waits on the next, and fetches from another', async ({ expect }) => {
    await using folder = await createDataFolder();
    const env = { DATABASE_URL: await newPostgresUrl() };
    // One folder for all of them, as on a shared disk.
    const startNode = (role: string): Promise<LimnerProcess> =>
      startLimner({ dataDir: folder.path, env, command: ['src/main.ts', 'serve', '--role', role] });
    const worker = await startNode('worker');
    const [one, other] = [await startNode('api'), await startNode('api')];
    const drawn = { model: 'sandbox', prompt: 'A lighthouse', size: '320x200' };

    const [task] = (await other.endOf(await submit(one, drawn))).images ?? [];
    const picture = new URL(task?.url ?? '');
    const fromOne = await fetch(new URL(picture.pathname + picture.search, one.url));
    expect((await measure(new Uint8Array(await fromOne.arrayBuffer()))).size).toBe('320x200');

    const repeated = (limner: LimnerProcess) =>
      limner.api('POST', path, drawn, { 'idempotency-key': 'the same for both' });
    const answers = await Promise.all([one, other, one, other].map(repeated));
    expect(new Set(answers.map(({ body }) => body.task_id)).size).toBe(1);
    expect(answers.filter(({ headers }) => headers.has('idempotent-replayed'))).toHaveLength(3);

    const slow = await submit(one, { ...drawn, prompt: 'Later [sandbox:delay=1h]' });
    await eventually(
      async () => ((await one.api('GET', `${path}/${slow}`)).body.status === 'processing' ? true : undefined),
      'the worker has begun',
    );
    const waiting = one.endOf(slow);
    expect((await other.api('POST', `${path}/${slow}/cancel`)).status).toBe(200);
    expect((await waiting).error?.code).toBe('cancelled');
    expect((await worker.api('GET', path)).status).toBe(404);
    for (const node of [worker, one, other]) expect(await node.stop(), node.output()).toBe(0);
  });
});

describe('a fleet', { timeout: 240_000 }, () => {
  it('ends every task and pays for none twice, whoever of it is lost', async ({ expect }) => {
    await using postgres = await startPostgresServer();
    await using s3 = await startS3Emulator();
    await using vendors = await startVendors();
    await using folder = await createDataFolder();
    const configs = { worker: `${vendors.config}${storageOf(s3)}`, api: storageOf(s3) };
    const startNode = async (role: 'api' | 'worker', name: string): Promise<LimnerProcess> => {
      const file = join(folder.path, `${role}.yaml`);
      await writeFile(file, configs[role]);
      const shared = { DATABASE_URL: postgres.url, LIMNER_CONFIG: file };
      return startLimner({
        dataDir: join(folder.path, name),
        command: ['src/main.ts', 'serve', '--role', role],
        env: role === 'worker' ? { ...shared, ...vendors.environment } : shared,
      });
    };
    const first = await startNode('worker', 'first');
    const second = await startNode('worker', 'second');
    const api = await startNode('api', 'api');
    await eventually(
      async () => ((await api.api('GET', '/v1/models')).status === 200 ? true : undefined),
      'the api node knows what the workers serve',
    );

    const asked = Array.from({ length: 300 }, (_, index) => ({
      model: models[index % models.length],
      prompt: `A lighthouse, number ${index}`,
      size: '1024x1024',
    }));
    const ids: string[] = [];
    const submitAll = async (bodies: readonly object[]): Promise<void> => {
      for (const body of bodies) ids.push(await submit(api, body));
    };
    await submitAll(asked.slice(0, 100));
    await first.kill();
    await submitAll(asked.slice(100, 150));
    const third = await startNode('worker', 'first');
    await postgres.stop();
    await postgres.start();
    await submitAll(asked.slice(150, 220));
    s3.faults.set([away]);
    await second.kill();
    const fourth = await startNode('worker', 'second');
    await submitAll(asked.slice(220));
    await pause(STORE_IS_AWAY_MS);
    s3.faults.clear();

    const tasks = await Promise.all(ids.map((id) => api.endOf(id)));
    const calls = await callsIn(postgres.url);
    const unconfirmed = calls.filter(({ step }) => step.failure?.code === 'submission_unconfirmed');
    const lost = calls.filter(({ step }) => step.failure?.code === 'output_lost');
    expect(tasks.filter(({ status }) => status === 'completed').length).toBe(
      300 - unconfirmed.length - lost.length,
    );
    expect(lost).toEqual([]);
    expect(unconfirmed.filter(({ provider }) => provider === 'kling')).toEqual([]);
    const stored = calls.filter(({ state }) => state === 'stored');
    expect(chargesOf(vendors)).toBeGreaterThanOrEqual(stored.length);
    expect(chargesOf(vendors)).toBeLessThanOrEqual(stored.length + unconfirmed.length);
    expect(vendors.kling.ledger.charges).toHaveLength(
      stored.filter(({ provider }) => provider === 'kling').length,
    );

    for (const task of tasks) {
      if (task.status === 'completed') expect(await sizesOf(task)).toEqual(['1024x1024']);
    }
    const objects = s3.buckets.get(s3.bucket)?.objects ?? new Map<string, unknown>();
    const pictures = [...objects.keys()].filter((key) => key.includes('images/'));
    expect(pictures).toHaveLength(stored.length);
    for (const node of [third, fourth, api]) expect(await node.stop(), node.output()).toBe(0);
  });
});
