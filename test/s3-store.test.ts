/** The program with its pictures in a bucket: what it hands out, and what happens while the store is away. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { TaskView } from '../src/http/routes/generations/schema.ts';
import { startOpenAiEmulator } from '../upstreams/openai/index.ts';
import { type S3Emulator, startS3Emulator } from '../upstreams/s3/index.ts';
import { startApp } from './support/app.ts';
import { createDataFolder, type DataFolder } from './support/data-folder.ts';
import { eventually } from './support/eventually.ts';
import { createHurriedClock } from './support/hurried-clock.ts';
import { type LimnerProcess, spawnLimner, startLimner } from './support/limner-process.ts';
import { bytesOfImages, measure } from './support/pictures.ts';

const path = '/v1/images/generations';

/** A store that nothing gets an answer from. */
const away = { match: '*', fault: 'drop_before', times: 'always' } as const;

const bucketOf = (emulator: S3Emulator) => {
  const bucket = emulator.buckets.get(emulator.bucket);
  if (bucket === undefined) throw new Error('The emulator has no bucket');
  return bucket;
};

const picturesIn = (emulator: S3Emulator): readonly string[] =>
  [...bucketOf(emulator).objects.keys()].filter((key) => key.includes('images/'));

/** `storage` for this emulator; JSON is YAML. */
const storage = (emulator: S3Emulator, keys: object = {}) => ({
  storage: {
    kind: 's3',
    endpoint: emulator.origin,
    region: emulator.account.region,
    bucket: emulator.bucket,
    access_key_id: emulator.account.accessKeyId,
    secret_access_key: emulator.account.secretAccessKey,
    ...keys,
  },
});

describe('while the store is away', { timeout: 60_000 }, () => {
  it('pictures wait on the disk, also when the time of their tasks is over, and all are there at the end', async () => {
    const clock = createHurriedClock(10);
    await using s3 = await startS3Emulator({ now: () => clock.nowMs() });
    await using limner = await startApp(JSON.stringify({ ...storage(s3), task_deadline: '100s' }), clock);
    s3.faults.set([away]);
    const submitted = await Promise.all(
      Array.from({ length: 4 }, (_, turn) => limner.submit({ prompt: `Nobody there ${turn}`, n: 2 })),
    );
    const asked = () =>
      new Set(s3.requests.all.filter(({ method }) => method === 'PUT').map((each) => each.path));
    await eventually(async () => asked().size >= 8 || undefined, 'every picture was tried to be stored');
    await new Promise<void>((resolve) => clock.after(100_000, resolve));
    for (const { task_id: id } of submitted) {
      expect((await limner.get<TaskView>(`${path}/${id}`)).status).toBe('processing');
    }
    expect(picturesIn(s3)).toEqual([]);

    s3.faults.clear();
    const tasks = await Promise.all(submitted.map(({ task_id: id }) => limner.endOf(id)));
    expect(tasks.map((task) => [task.status, task.images?.length])).toEqual(
      tasks.map(() => ['completed', 2]),
    );
    expect(picturesIn(s3)).toHaveLength(8);
  });

  it('no task begins once as many pictures wait as may, and nothing is dropped', async () => {
    const clock = createHurriedClock(10);
    await using s3 = await startS3Emulator({ now: () => clock.nowMs() });
    const config = {
      ...storage(s3),
      limits: { unstored: 3 },
      providers: { sandbox: { concurrency: 2 } },
    };
    await using limner = await startApp(JSON.stringify(config), clock);
    s3.faults.set([away]);
    const submitted = await Promise.all(
      Array.from({ length: 12 }, (_, turn) => limner.submit({ model: 'sandbox', prompt: `In line ${turn}` })),
    );
    const statuses = async (): Promise<readonly string[]> =>
      Promise.all(
        submitted.map(async ({ task_id: id }) => (await limner.get<TaskView>(`${path}/${id}`)).status),
      );
    await eventually(async () => {
      const begun = (await statuses()).filter((status) => status === 'processing').length;
      return begun >= 3 || undefined;
    }, 'three tasks have begun');
    await new Promise<void>((resolve) => clock.after(20_000, resolve));
    // Two more were on their way when the third was there to wait.
    const waiting = (await statuses()).filter((status) => status === 'pending').length;
    expect(waiting).toBeGreaterThanOrEqual(7);

    s3.faults.clear();
    const tasks = await Promise.all(submitted.map(({ task_id: id }) => limner.endOf(id)));
    expect(tasks.map(({ status }) => status)).toEqual(tasks.map(() => 'completed'));
    expect(picturesIn(s3)).toHaveLength(12);
  });
});

/** The program with this configuration in a file of the folder. */
const settingsFor = async (
  folder: DataFolder,
  config: object,
  env: Readonly<Record<string, string>> = {},
) => {
  const file = join(folder.path, 'limner.yaml');
  await writeFile(file, JSON.stringify(config));
  return { dataDir: folder.path, env: { LIMNER_CONFIG: file, ...env } };
};

describe.concurrent('the program with a bucket', { timeout: 60_000 }, () => {
  const generate = async (limner: LimnerProcess, body: object): Promise<TaskView> =>
    limner.endOf(
      (await limner.api('POST', path, { model: 'sandbox', prompt: 'A pier', ...body })).body.task_id,
    );

  it('hands pictures out in every way, and deletes them', async ({ expect }) => {
    await using s3 = await startS3Emulator();
    await using folder = await createDataFolder();
    bucketOf(s3).isPublic = true;
    const publicBaseUrl = `${s3.origin}/${s3.bucket}`;
    const config = storage(s3, { prefix: 'limner/', public_base_url: publicBaseUrl });
    const limner = await startLimner(await settingsFor(folder, config));
    expect([...bucketOf(s3).objects.keys()]).toEqual([]);

    const linked = await generate(limner, {});
    const { url = '', expires_at: expiresAt } = linked.images?.[0] ?? {};
    const link = new URL(url);
    expect(link.href).toContain(`${publicBaseUrl}/limner/images/call_`);
    const date = (link.searchParams.get('X-Amz-Date') ?? '').replace(
      /^(....)(..)(..)T(..)(..)(..)Z$/,
      '$1-$2-$3T$4:$5:$6Z',
    );
    expect(Date.parse(date) / 1000 + Number(link.searchParams.get('X-Amz-Expires'))).toBe(expiresAt);
    const answer = await fetch(link);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'image/png']);
    expect(answer.headers.get('content-disposition')).toMatch(/^inline; filename="img_[0-9a-z]{26}\.png"$/);
    expect(await measure(new Uint8Array(await answer.arrayBuffer()))).toMatchObject({ size: '1024x1024' });
    link.searchParams.set('X-Amz-Expires', String(Number(link.searchParams.get('X-Amz-Expires')) + 1));
    expect((await fetch(link)).status).toBe(403);

    const permanent = await generate(limner, { response_format: 'oss_url' });
    expect(permanent.images?.[0]?.oss_url).toMatch(/\/pictures\/limner\/images\/call_[0-9a-z]{26}-0$/);
    const shown = await fetch(permanent.images?.[0]?.oss_url ?? '');
    expect([shown.status, shown.headers.get('content-type')]).toEqual([200, 'image/png']);
    await shown.arrayBuffer();

    const inline = await generate(limner, { response_format: 'b64_json', n: 2 });
    expect(await Promise.all((await bytesOfImages(inline)).map(measure))).toMatchObject([
      { size: '1024x1024' },
      { size: '1024x1024' },
    ]);

    expect(picturesIn(s3)).toHaveLength(4);
    for (const task of [linked, permanent, inline]) {
      expect((await limner.api('DELETE', `${path}/${task.task_id}`)).status).toBe(204);
    }
    expect(picturesIn(s3)).toEqual([]);
    expect(await limner.stop()).toBe(0);
    expect(await folder.files('spool')).toEqual([]);
  });

  it('hands out by itself what the bucket cannot: permanent links into a private one, links for over a week', async ({
    expect,
  }) => {
    await using s3 = await startS3Emulator();
    await using folder = await createDataFolder();
    const config = { ...storage(s3), retention: { url_ttl: '8d' } };
    const limner = await startLimner(await settingsFor(folder, config));
    const expiring = await generate(limner, {});
    expect(expiring.images?.[0]?.url).toContain(`${limner.url}/files/`);
    const [whole] = await bytesOfImages(expiring);
    const task = await generate(limner, { response_format: 'oss_url' });
    const { oss_url: link = '' } = task.images?.[0] ?? {};
    expect(link).toContain(`${limner.url}/files/`);
    const part = await fetch(link, { headers: { range: 'bytes=10-19' } });
    expect([part.status, part.headers.get('content-range')]).toEqual([
      206,
      expect.stringMatching(/^bytes 10-19\/\d+$/),
    ]);
    const bytes = Buffer.from(await part.arrayBuffer());
    const [picture] = await bytesOfImages(task);
    expect(bytes).toEqual(Buffer.from(picture ?? []).subarray(10, 20));
    const etag = part.headers.get('etag') ?? '';
    expect((await fetch(link, { headers: { 'if-none-match': etag } })).status).toBe(304);
    expect(whole?.length).toBeGreaterThan(1_000);

    s3.faults.set([away]);
    const refused = await fetch(link);
    expect(refused.status).toBe(500);
    expect(await refused.text()).toContain(
      'The store that keeps the pictures of this server is not to be had',
    );
    expect(await limner.stop()).toBe(0);
  });

  it('removes what a crash left in the bucket, and nothing that is not its own', async ({ expect }) => {
    await using s3 = await startS3Emulator();
    await using folder = await createDataFolder();
    const { objects } = bucketOf(s3);
    const old = { body: Buffer.from('old'), etag: '"old"', headers: {}, at: 0 };
    const [orphan, foreign] = ['images/call_01jd0000000000000000000000-0', 'backups/database.sql'];
    for (const key of [orphan, foreign]) objects.set(key, old);
    const limner = await startLimner(await settingsFor(folder, storage(s3)));
    await eventually(async () => !objects.has(orphan) || undefined, 'the orphan is removed');
    expect([...objects.keys()]).toEqual([foreign]);
    expect(await limner.stop()).toBe(0);
  });

  it('dies while the store is away, and brings the paid picture to it after its next start', async ({
    expect,
  }) => {
    await using s3 = await startS3Emulator();
    await using openai = await startOpenAiEmulator();
    await using folder = await createDataFolder();
    const env = { OPENAI_BASE_URL: openai.baseUrl, OPENAI_API_KEY: openai.apiKey };
    const settings = await settingsFor(folder, storage(s3), env);
    const dying = await startLimner(settings);
    s3.faults.set([away]);
    const { body } = await dying.api('POST', path, { model: 'dall-e-3', prompt: 'Paid for' });
    await eventually(
      async () => s3.requests.all.some(({ path: key }) => key.includes('images/call_')) || undefined,
      'the picture was tried to be stored',
    );
    await dying.kill();
    expect(await folder.files('spool')).toHaveLength(1);

    // It starts although the store is away.
    const limner = await startLimner(settings);
    expect(limner.output()).toContain('the image store does not work for now');
    s3.faults.clear();
    const task = await limner.endOf(body.task_id);
    expect(task).toMatchObject({ status: 'completed', usage: { images: 1 } });
    expect(await Promise.all((await bytesOfImages(task)).map(measure))).toMatchObject([
      { size: '1024x1024' },
    ]);
    expect(openai.ledger.charges).toHaveLength(1);
    expect(await limner.stop()).toBe(0);
    expect(await folder.files('spool')).toEqual([]);
  });

  it('stops in time although the store hangs, and goes on with the picture later', async ({ expect }) => {
    await using s3 = await startS3Emulator();
    await using folder = await createDataFolder();
    const settings = await settingsFor(folder, storage(s3));
    const limner = await startLimner(settings);
    s3.faults.set([{ match: 'put', fault: 'hang', times: 'always' }]);
    const { body } = await limner.api('POST', path, { model: 'sandbox', prompt: 'Slow' });
    await eventually(
      async () => s3.requests.all.some(({ path: key }) => key.includes('images/call_')) || undefined,
      'the picture is being stored',
    );
    expect(await limner.stop()).toBe(0);
    s3.faults.clear();
    const next = await startLimner(settings);
    expect((await next.endOf(body.task_id)).status).toBe('completed');
    expect(picturesIn(s3)).toHaveLength(1);
    expect(await next.stop()).toBe(0);
  });

  it.for<[string, (s3: S3Emulator) => object, string]>([
    [
      'another secret',
      () => ({ secret_access_key: 'wrong' }),
      'storage.secret_access_key does not belong to',
    ],
    ['a bucket that is not there', () => ({ bucket: 'nowhere' }), 'There is no bucket nowhere'],
    [
      'a public address that is not public',
      (s3) => ({ public_base_url: `${s3.origin}/${s3.bucket}` }),
      'oss_url cannot work',
    ],
  ])('does not start with %s, and says why', async ([, keys, reason], { expect }) => {
    await using s3 = await startS3Emulator();
    await using folder = await createDataFolder();
    const { ended, output } = spawnLimner(await settingsFor(folder, storage(s3, keys(s3))));
    expect(await ended).toMatchObject({ code: 1 });
    expect(output()).toContain(reason);
    expect(output()).not.toContain(s3.account.secretAccessKey);
    expect([...bucketOf(s3).objects.keys()]).toEqual([]);
  });
});
