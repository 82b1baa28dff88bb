/** The processes of a benchmark: Limner itself, a bare server for comparison, an emulated upstream, a load. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { promisify } from 'node:util';
import type { Load, LoadResult } from './load.ts';

/** A process under measurement. */
export interface Measured {
  readonly origin: string;
  readonly pid: number;
  stop(): Promise<void>;
}

/** A Limner under measurement. */
export interface MeasuredLimner extends Measured {
  /** From the start of the process to the first good answer of `/readyz`. */
  readonly readyMs: number;
  readonly dataDir: string;
  /** Dies as by a power cut, and leaves its folder. */
  kill(): Promise<void>;
}

const root = new URL('..', import.meta.url).pathname;

/** Asks until it is so. Rejects when the process ends before. */
const until = async (child: ChildProcess, isSo: () => Promise<boolean>): Promise<void> => {
  while (!(await isSo().catch(() => false))) {
    if (!running.has(child)) throw new Error('A process ended at its start');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};

/** What still runs ends with the benchmark, however that ends. */
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

const start = (args: readonly string[], env?: NodeJS.ProcessEnv): ChildProcess => {
  const child = spawn(process.execPath, args, {
    cwd: root,
    ...(env !== undefined && { env }),
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
};

const stop = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
};

/** The key of every Limner that a benchmark starts. */
export const apiKey = 'bench-key';

/** Starts the real program on a fresh data folder. */
export const startLimner = async (settings: {
  readonly port: number;
  readonly env?: Readonly<Record<string, string>>;
  /** An existing folder, kept afterwards. */
  readonly dataDir?: string;
  /** `all` unless told. */
  readonly role?: string;
}): Promise<MeasuredLimner> => {
  const dataDir = settings.dataDir ?? (await mkdtemp(join(tmpdir(), 'limner-bench-')));
  const begun = performance.now();
  const child = start(
    ['--max-semi-space-size=4', 'bin/limner.js', 'serve', '--role', settings.role ?? 'all'],
    {
      PATH: process.env['PATH'],
      LIMNER_PORT: String(settings.port),
      LIMNER_DATA_DIR: dataDir,
      LIMNER_API_KEY: apiKey,
      LIMNER_LOG_LEVEL: 'error',
      ...settings.env,
    },
  );
  const origin = `http://127.0.0.1:${settings.port}`;
  await until(child, async () => (await fetch(`${origin}/readyz`)).ok);
  return {
    origin,
    pid: child.pid ?? 0,
    dataDir,
    readyMs: performance.now() - begun,
    kill: () => stop(child),
    stop: async () => {
      await stop(child);
      if (settings.dataDir === undefined) await rm(dataDir, { recursive: true, force: true });
    },
  };
};

/** Starts a bare `node:http` server that reads the body and answers these bytes. */
export const startBare = async (port: number, answer: string): Promise<Measured> => {
  const program = `
    const http = require('node:http');
    const answer = Buffer.from(process.argv[1]);
    http.createServer((request, response) => {
      request.resume().on('end', () => {
        response.writeHead(200, { 'content-type': 'application/json; charset=utf-8', 'content-length': answer.length });
        response.end(answer);
      });
    }).listen(${port}, '127.0.0.1');`;
  const child = start(['-e', program, answer]);
  const origin = `http://127.0.0.1:${port}`;
  await until(child, async () => (await fetch(origin)).ok);
  return { origin, pid: child.pid ?? 0, stop: () => stop(child) };
};

/** Starts the emulated upstreams in a process of their own. */
export const startUpstreams = async (portBase: number, flags: readonly string[]): Promise<Measured> => {
  const child = start(['upstreams/main.ts', '--port-base', String(portBase), ...flags]);
  const origin = `http://127.0.0.1:${portBase}`;
  await until(child, async () => (await fetch(`${origin}/__emulator`)).ok);
  return { origin, pid: child.pid ?? 0, stop: () => stop(child) };
};

/** Runs a load from a process of its own. */
export const runLoad = async (load: Load): Promise<LoadResult> => {
  const { stdout } = await promisify(execFile)(process.execPath, ['bench/load.ts', JSON.stringify(load)], {
    cwd: root,
  });
  return JSON.parse(stdout) as LoadResult;
};
