/** `limner doctor` beside real parts: what works is told, and what does not, with what to do. */
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';
import { describe, it } from 'vitest';
import type { Finding } from '../src/core/finding.ts';
import { type S3Emulator, startS3Emulator } from '../upstreams/s3/index.ts';
import { createDataFolder, type DataFolder } from './support/data-folder.ts';
import { newPostgresUrl } from './support/databases.ts';
import { spawnLimner, startLimner } from './support/limner-process.ts';
import { startVendors } from './support/vendors.ts';

type Environment = Readonly<Record<string, string>>;

interface Diagnosis {
  readonly code: number | null;
  readonly output: string;
  readonly findings: readonly Finding[];
}

const examine = async (folder: DataFolder, env: Environment): Promise<Diagnosis> => {
  const command = ['src/main.ts', 'doctor', '--json'];
  const { ended, output } = spawnLimner({ dataDir: folder.path, env, command });
  const { code } = await ended;
  return { code, output: output(), findings: JSON.parse(output()).findings };
};

const withBucket = async (folder: DataFolder, s3: S3Emulator, keys: object = {}): Promise<Environment> => {
  const storage = {
    kind: 's3',
    endpoint: s3.origin,
    region: s3.account.region,
    bucket: s3.bucket,
    access_key_id: s3.account.accessKeyId,
    secret_access_key: s3.account.secretAccessKey,
    ...keys,
  };
  const file = join(folder.path, 'limner.yaml');
  await writeFile(file, JSON.stringify({ storage }));
  return { LIMNER_CONFIG: file };
};

/** The findings that are not `ok`, as `check state`. */
const troubles = ({ findings }: Diagnosis): readonly string[] =>
  findings.filter(({ state }) => state !== 'ok').map(({ check, state }) => `${check} ${state}`);

const said = ({ findings }: Diagnosis, check: string): string =>
  findings
    .filter((finding) => finding.check === check)
    .map(({ message, remedy = '' }) => `${message} ${remedy}`)
    .join('\n');

describe.concurrent('doctor', { timeout: 60_000 }, () => {
  it('finds a server on SQLite with all vendors and a bucket in order, charges nothing and leaves nothing', async ({
    expect,
  }) => {
    await using vendors = await startVendors();
    await using s3 = await startS3Emulator();
    await using folder = await createDataFolder();
    const env = { ...vendors.environment, ...(await withBucket(folder, s3)) };
    const server = await startLimner({ dataDir: folder.path, env });
    const diagnosis = await examine(folder, { ...env, LIMNER_PUBLIC_URL: server.url });
    // The emulators lie in private nets.
    expect(troubles(diagnosis).filter((trouble) => trouble !== 'fetch guard warning')).toEqual([]);
    expect(diagnosis.code).toBe(0);
    expect(said(diagnosis, 'public URL')).toContain('This installation answers');
    expect(said(diagnosis, 'storage')).toMatch(/put and read back[^]*A signed link to [^]*deleted again/);
    for (const name of ['ark', 'jimeng', 'kling', 'openai'] as const) {
      expect(said(diagnosis, `provider ${name}`)).toContain('takes the credentials');
      expect(vendors[name].ledger.images).toBe(0);
    }
    expect(diagnosis.findings.filter(({ check }) => check === 'clock').length).toBeGreaterThanOrEqual(5);
    expect(s3.buckets.get(s3.bucket)?.objects.size).toBe(0);

    await using otherFolder = await createDataFolder();
    const other = await startLimner({ dataDir: otherFolder.path });
    const astray = await examine(folder, { ...env, LIMNER_PUBLIC_URL: other.url });
    expect(said(astray, 'public URL')).toContain('another installation of Limner (status 404)');
    expect(astray.code).toBe(1);
    await Promise.all([server.stop(), other.stop()]);
  });

  it('tells wrong credentials, addresses and permissions, and how to mend them', async ({ expect }) => {
    await using vendors = await startVendors();
    await using s3 = await startS3Emulator();
    await using folder = await createDataFolder();
    await chmod(folder.path, 0o755);
    const wrong = 'a-wrong-key-that-nobody-knows';
    const diagnosis = await examine(folder, {
      ...vendors.environment,
      ...(await withBucket(folder, s3, { bucket: 'nowhere' })),
      ARK_API_KEY: wrong,
      VOLC_SECRET_ACCESS_KEY: wrong,
      KLING_API_KEY: wrong,
      OPENAI_API_KEY: wrong,
      LIMNER_PUBLIC_URL: vendors.ark.origin,
      LIMNER_FETCH_ALLOW: '169.254.0.0/16',
    });
    expect(diagnosis.code).toBe(1);
    expect(troubles(diagnosis)).toEqual([
      'data folder warning',
      'storage fault',
      'provider ark fault',
      'provider jimeng fault',
      'provider kling fault',
      'provider openai fault',
      'public URL fault',
      'fetch guard fault',
    ]);
    expect(said(diagnosis, 'data folder')).toContain(`chmod 700 ${folder.path}`);
    expect(said(diagnosis, 'storage')).toContain('There is no bucket nowhere');
    expect(said(diagnosis, 'provider ark')).toContain('Correct ARK_API_KEY (providers.ark.api_key)');
    expect(said(diagnosis, 'provider jimeng')).toContain('VOLC_SECRET_ACCESS_KEY');
    expect(said(diagnosis, 'fetch guard')).toContain('metadata service');
    expect(diagnosis.output).not.toContain(wrong);
  });

  it('looks at PostgreSQL, its schema and its messages', async ({ expect }) => {
    await using folder = await createDataFolder();
    const url = await newPostgresUrl();
    const healthy = await examine(folder, { DATABASE_URL: url });
    expect(said(healthy, 'database')).toMatch(
      /It is PostgreSQL 1\d[^]*written to[^]*takes [\d.]+ ms[^]*NOTIFY/,
    );
    expect(troubles(healthy)).toEqual(['storage warning', 'providers warning']);
    expect(healthy.code).toBe(0);
    expect(said(healthy, 'clock')).toContain('The clock of the database agrees');

    const client = new Client(url);
    await client.connect();
    await client.query('update limner_schema set version = 2');
    await client.end();
    const behind = await examine(folder, { DATABASE_URL: url });
    expect(said(behind, 'database')).toContain('`limner db migrate`');
    const away = await examine(folder, { DATABASE_URL: 'postgres://limner@127.0.0.1:1/limner' });
    expect([away.code, said(away, 'database')]).toEqual([1, expect.stringContaining('cannot be reached')]);
  });

  it('prints a line for each check', async ({ expect }) => {
    await using folder = await createDataFolder();
    const { ended, output } = spawnLimner({ dataDir: folder.path, command: ['src/main.ts', 'doctor'] });
    expect((await ended).code).toBe(0);
    expect(output()).toMatch(/^ok {7}data folder: /m);
    expect(output()).toMatch(/^warning {2}providers: No provider.*\n {9}→ Set the credentials/m);
  });
});
