/** From a laptop to a fleet: a folder with a life behind it moves into PostgreSQL and a bucket, through kill -9. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Client } from 'pg';
import { describe, it } from 'vitest';
import type { TaskView } from '../src/http/routes/generations/schema.ts';
import { type S3Emulator, startS3Emulator } from '../upstreams/s3/index.ts';
import { newObject } from '../upstreams/s3/objects.ts';
import { createDataFolder, type DataFolder } from './support/data-folder.ts';
import { emptyPostgresUrl } from './support/databases.ts';
import { eventually } from './support/eventually.ts';
import { type LimnerProcess, spawnLimner, startLimner } from './support/limner-process.ts';

const path = '/v1/images/generations';
const moveAll = ['migrate-data', '--from', 'sqlite', '--to', 'postgres'];

type Environment = Readonly<Record<string, string>>;

const run = async (folder: DataFolder, env: Environment, args: readonly string[]) => {
  const { ended, output } = spawnLimner({ dataDir: folder.path, env, command: ['src/main.ts', ...args] });
  const { code } = await ended;
  return { code, output: output() };
};

const inPostgres = async (url: string, sql: string): Promise<readonly Record<string, unknown>[]> => {
  const client = new Client(url);
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
};

/** A configuration with this bucket; JSON is YAML. */
const configureBucket = async (folder: DataFolder, s3: S3Emulator): Promise<Environment> => {
  const storage = {
    kind: 's3',
    endpoint: s3.origin,
    region: s3.account.region,
    bucket: s3.bucket,
    prefix: 'limner',
    access_key_id: s3.account.accessKeyId,
    secret_access_key: s3.account.secretAccessKey,
  };
  const file = join(folder.path, 'limner.yaml');
  await writeFile(file, JSON.stringify({ storage }));
  return { LIMNER_CONFIG: file };
};

/** What a caller remembers of a task. */
interface Remembered {
  readonly task: TaskView;
  readonly bytes: readonly string[];
}

const hashOf = async (link: string): Promise<string> => {
  const answer = await fetch(link);
  if (answer.status !== 200) throw new Error(`${link} answered ${answer.status}`);
  return createHash('sha256')
    .update(new Uint8Array(await answer.arrayBuffer()))
    .digest('hex');
};

const onceFor = (body: object): Environment => ({
  'idempotency-key': createHash('sha256').update(JSON.stringify(body)).digest('hex'),
});

const remember = async (limner: LimnerProcess, body: object): Promise<Remembered> => {
  const { body: accepted } = await limner.api('POST', path, body, onceFor(body));
  const task = await limner.endOf(accepted.task_id);
  const links = (task.images ?? []).map(({ oss_url = '' }) => oss_url);
  return { task, bytes: await Promise.all(links.map(hashOf)) };
};

/** More rows than a process copies before somebody has seen it at work. */
const addTasks = (folder: DataFolder, count: number): void => {
  const handle = new DatabaseSync(join(folder.path, 'limner.db'), { timeout: 5_000 });
  handle.exec(`insert into tasks
    select 'task_' || substr('00000000000000000000000000' || n.value, -26), key_id, 'failed', model, response_format,
      request, created_at, null, created_at, '[]', null, '{"code":"cancelled","message":"No.","retryable":false}', null
    from (select * from tasks limit 1) as one,
      (with recursive n (value) as (select 1 union all select value + 1 from n where value < ${count}) select * from n) as n`);
  handle.close();
};

describe('migrate-data', { timeout: 180_000 }, () => {
  it('moves everything through kill -9 at every part, and the old links, keys and tasks go on', async ({
    expect,
  }) => {
    await using folder = await createDataFolder();
    await using s3 = await startS3Emulator();
    const url = await emptyPostgresUrl();
    const before = await startLimner({ dataDir: folder.path });
    const picture = { model: 'sandbox', size: '320x200', response_format: 'oss_url' };
    const done = await Promise.all(
      Array.from({ length: 6 }, (_, turn) =>
        remember(before, { ...picture, prompt: `Kept ${'·'.repeat(turn)}`, n: 2 }),
      ),
    );
    const failed = await remember(before, { ...picture, prompt: 'No [sandbox:fail=provider_timeout]' });
    expect(failed.task.status).toBe('failed');
    const { body: made } = await before.api<{ key: string }>('POST', '/admin/v1/keys', {
      name: 'app',
      role: 'user',
    });
    const open = await before.api('POST', path, { ...picture, prompt: 'Later [sandbox:delay=5s]' });
    const handled = () => folder.callsIn('accepted').length > 0 || undefined;
    await eventually(async () => handled(), 'the open task has its handle');

    const env = { DATABASE_URL: url, ...(await configureBucket(folder, s3)) };
    const held = await run(folder, env, moveAll);
    expect([held.code, held.output]).toEqual([3, expect.stringContaining(`process ${before.pid}`)]);
    await before.kill();
    addTasks(folder, 20_000);
    const rows = folder.rows();

    // Killed while it copies rows …
    const first = spawnLimner({ dataDir: folder.path, env, command: ['src/main.ts', ...moveAll] });
    const copied = async (): Promise<number> => {
      const tables = await inPostgres(url, "select to_regclass('limner_move') is not null as known");
      if (tables[0]?.['known'] !== true) return 0;
      return Number((await inPostgres(url, 'select count(*) as rows from tasks'))[0]?.['rows']);
    };
    await eventually(async () => (await copied()) > 0 || undefined, 'rows are there');
    first.child.kill('SIGKILL');
    await first.ended;
    expect(await copied()).toBeLessThan(rows.tasks);
    const early = await run(folder, env, ['serve']);
    expect([early.code, early.output]).toEqual([
      1,
      expect.stringContaining('Run `limner migrate-data` again'),
    ]);

    // … and while it copies pictures.
    s3.faults.set([{ match: 'put', fault: 'slow', delayMs: 200, times: 'always' }]);
    const second = spawnLimner({ dataDir: folder.path, env, command: ['src/main.ts', ...moveAll] });
    const objects = () =>
      [...(s3.buckets.get(s3.bucket)?.objects.keys() ?? [])].filter((key) => key.includes('/images/'));
    await eventually(async () => objects().length >= 2 || undefined, 'pictures are there');
    second.child.kill('SIGKILL');
    await second.ended;
    expect(objects().length).toBeLessThan(12);
    s3.faults.clear();

    const third = await run(folder, env, [...moveAll, '--json']);
    expect(third.code, third.output).toBe(0);
    const moved = JSON.parse(third.output);
    expect(moved).toMatchObject({ pictures: { files: 12 }, lost: [] });
    expect(moved.pictures.thereBefore).toBeGreaterThanOrEqual(2);
    const counts = Object.fromEntries(
      moved.tables.tables.map(({ name, rows: count }: { name: string; rows: number }) => [name, count]),
    );
    expect(counts).toMatchObject({
      tasks: rows.tasks,
      calls: rows.calls,
      images: 12,
      api_keys: 2,
    });
    const list = await readFile(moved.pictures.list, 'utf8');
    expect(list.trimEnd().split('\n')).toHaveLength(12);
    for (const hash of done.flatMap(({ bytes }) => bytes)) expect(list).toContain(hash);
    expect(objects()).toHaveLength(12);
    expect(existsSync(join(folder.path, 'limner.db'))).toBe(false);

    // As if it had been killed when all was there and the file put aside, and nothing said so yet.
    const [secret] = await inPostgres(url, "select value from installation_secrets where name = 'links'");
    const installation = createHash('sha256').update(String(secret?.['value'])).digest('hex');
    await inPostgres(url, `create table limner_move as select '${installation}' as source`);
    expect((await run(folder, env, moveAll)).output).toContain('12 files');

    const after = await startLimner({ dataDir: folder.path, env });
    for (const { task, bytes } of done) {
      const { body: now } = await after.api('GET', `${path}/${task.task_id}`);
      expect(now).toMatchObject({ status: 'completed', prompt: task.prompt, created_at: task.created_at });
      for (const [place, { oss_url: old = '' }] of (task.images ?? []).entries()) {
        const { pathname, search } = new URL(old);
        expect(await hashOf(after.url + pathname + search)).toBe(bytes[place]);
      }
    }
    const { body: stillFailed } = await after.api('GET', `${path}/${failed.task.task_id}`);
    expect(stillFailed.error).toEqual(failed.task.error);
    const asUser = await fetch(`${after.url}${path}`, { headers: { authorization: `Bearer ${made.key}` } });
    expect(asUser.status).toBe(200);
    const again = { ...picture, prompt: done[0]?.task.prompt, n: 2 };
    const replay = await after.api('POST', path, again, onceFor(again));
    expect(replay.body.task_id).toBe(done[0]?.task.task_id);
    expect(replay.headers.get('idempotent-replayed')).toBe('true');
    const ended = await after.endOf(open.body.task_id);
    expect(ended).toMatchObject({ status: 'completed', images: [{ width: 320 }] });
    expect(await after.stop()).toBe(0);

    const repeated = await run(folder, env, moveAll);
    expect([repeated.code, repeated.output]).toEqual([
      1,
      expect.stringContaining('was moved into the database'),
    ]);
  });

  it('refuses a database and a bucket with other data, and changes neither', async ({ expect }) => {
    await using folder = await createDataFolder();
    await using s3 = await startS3Emulator();
    const before = await startLimner({ dataDir: folder.path });
    await before.stop();
    const url = await emptyPostgresUrl();
    const other = await run(folder, { DATABASE_URL: url }, ['keys', 'create', 'somebody']);
    expect(other.code).toBe(0);
    const refused = await run(folder, { DATABASE_URL: url }, moveAll);
    expect(refused.output).toContain('The database already has rows (api_keys: 1');
    expect(refused.code).toBe(1);
    expect(existsSync(join(folder.path, 'limner.db'))).toBe(true);

    const key = 'limner/images/call_of_somebody-0';
    s3.buckets.get(s3.bucket)?.objects.set(key, newObject(Buffer.from('a picture'), {}, 0));
    const env = await configureBucket(folder, s3);
    const files = await run(folder, env, ['migrate-data', '--files', 's3']);
    expect(files.output).toContain('The bucket already has 1 files that this data folder has not');
    expect(files.code).toBe(1);
  });
});
