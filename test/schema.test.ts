/** The schema of a real installation: told, migrated, and refused when a newer program has been there. */
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { Client } from 'pg';
import { describe, it } from 'vitest';
import { migrations } from '../src/database/migrations/index.ts';
import { lockFolder } from '../src/database/sqlite/folder-lock.ts';
import { createDataFolder, type DataFolder } from './support/data-folder.ts';
import { emptyPostgresUrl } from './support/databases.ts';
import { spawnLimner, startLimner } from './support/limner-process.ts';

type Environment = Readonly<Record<string, string>>;

/** Runs a command of the real program to its end. */
const limner = async (folder: DataFolder, env: Environment, ...args: readonly string[]) => {
  const { ended, output } = spawnLimner({ dataDir: folder.path, env, command: ['src/main.ts', ...args] });
  const { code } = await ended;
  return { code, output: output() };
};

const postgres = async (url: string, ...statements: readonly string[]): Promise<void> => {
  const client = new Client(url);
  await client.connect();
  for (const statement of statements) await client.query(statement);
  await client.end();
};

/** Both databases: what points the program at a new one, and what makes it look newer. */
const kinds = [
  [
    'SQLite',
    async () => ({
      env: {} as Environment,
      makeNewer: async (folder: DataFolder) => {
        const handle = new DatabaseSync(join(folder.path, 'limner.db'));
        handle.exec('PRAGMA user_version = 99');
        handle.close();
      },
    }),
  ],
  [
    'PostgreSQL',
    async () => {
      const url = await emptyPostgresUrl();
      return {
        env: { DATABASE_URL: url } as Environment,
        makeNewer: () => postgres(url, 'update limner_schema set version = 99'),
      };
    },
  ],
] as const;

describe.concurrent.each(kinds)('the schema in %s', { timeout: 60_000 }, (name, create) => {
  it('is told, and migrated by two processes at once', async ({ expect }) => {
    await using folder = await createDataFolder();
    const { env } = await create();
    const before = await limner(folder, env, 'db', 'status', '--json');
    expect(before.code).toBe(0);
    expect(JSON.parse(before.output)).toMatchObject({
      version: 0,
      known: migrations.length,
      pending: migrations.map((migration) => migration.name),
    });

    // `keys list` migrates as every start does, and needs no folder for itself.
    const both = await Promise.all([
      limner(folder, env, 'db', 'migrate'),
      limner(folder, env, 'keys', 'list'),
      limner(folder, env, 'keys', 'list'),
    ]);
    expect(both.map(({ code, output }) => (code === 0 ? code : output))).toEqual([0, 0, 0]);

    const after = await limner(folder, env, 'db', 'status', '--json');
    expect(JSON.parse(after.output)).toMatchObject({ version: migrations.length, pending: [] });
    const again = await limner(folder, env, 'db', 'migrate');
    expect(again).toEqual({ code: 0, output: `${name} has schema version ${migrations.length}.\n` });
    expect((await limner(folder, env, 'db', 'status')).output).toContain('Nothing is pending.');
  });

  it('of a newer program is refused in a sentence, by whatever would write', async ({ expect }) => {
    await using folder = await createDataFolder();
    const { env, makeNewer } = await create();
    await limner(folder, env, 'db', 'migrate');
    await makeNewer(folder);
    for (const command of [['serve'], ['db', 'migrate'], ['keys', 'list'], ['models']]) {
      const { code, output } = await limner(folder, env, ...command);
      expect(output).toBe(
        `error: The database has schema version 99 and this Limner knows up to ${migrations.length}. ` +
          'Start the newer Limner that wrote it, or restore a backup from before the upgrade.\n',
      );
      expect(code).toBe(1);
    }
    const status = await limner(folder, env, 'db', 'status');
    expect(status.code).toBe(1);
    expect(status.output).toContain('A newer Limner has been here');
  });
});

describe.concurrent('db', { timeout: 60_000 }, () => {
  it('migrates no file that a server works on, and tells its schema', async ({ expect }) => {
    await using folder = await createDataFolder();
    const server = await startLimner({ dataDir: folder.path });
    expect((await limner(folder, {}, 'db', 'status')).output).toContain('Nothing is pending.');
    expect((await limner(folder, {}, 'db', 'migrate')).code).toBe(0);
    await server.kill();

    await using oldFolder = await createDataFolder();
    const handle = new DatabaseSync(join(oldFolder.path, 'limner.db'));
    for (const migration of migrations.slice(0, 2)) {
      for (const statement of migration.statements('sqlite')) handle.exec(statement);
    }
    handle.exec('PRAGMA user_version = 2');
    handle.close();
    const lock = lockFolder(oldFolder.path, Date.now());
    const refused = await limner(oldFolder, {}, 'db', 'migrate');
    expect(refused.code).toBe(3);
    expect(refused.output).toContain(`is held by process ${process.pid}`);
    lock.release();
    expect((await limner(oldFolder, {}, 'db', 'migrate')).output).toContain('0003-nodes\n');
  });

  it('refuses a job board of a newer pg-boss', async ({ expect }) => {
    await using folder = await createDataFolder();
    const url = await emptyPostgresUrl();
    const env = { DATABASE_URL: url };
    await limner(folder, env, 'db', 'migrate');
    await postgres(url, 'update limner_jobs.version set version = 999');
    const { code, output } = await limner(folder, env, 'serve');
    expect(output).toMatch(/^error: The job board \(pg-boss\) in the database has schema version 999 /);
    expect(code).toBe(1);
  });

  it('says in a sentence when PostgreSQL is not there, or not ours', async ({ expect }) => {
    await using folder = await createDataFolder();
    const away = await limner(
      folder,
      { DATABASE_URL: 'postgres://limner@localhost:1/limner' },
      'db',
      'status',
    );
    expect(away.output).toMatch(/^error: The database cannot be reached: check DATABASE_URL.*ECONNREFUSED/);
    const url = (await emptyPostgresUrl()).replace(/[^/]+$/, 'nobody_made_this');
    const absent = await limner(folder, { DATABASE_URL: url }, 'serve');
    expect(absent.output).toMatch(/^error: There is no such database in this PostgreSQL/);
    expect([away.code, absent.code]).toEqual([1, 1]);
  });
});
