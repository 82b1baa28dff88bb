/** The real program in a process of its own, to be killed and started again on the same data folder. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TaskView } from '../../src/http/routes/generations/schema.ts';
import { eventually } from './eventually.ts';

const root = join(import.meta.dirname, '../..');

/** The key that every started program takes. */
export const apiKey = 'a-key-for-the-tests-of-the-program';

/** How to start the program. */
export interface LimnerSettings {
  readonly dataDir: string;
  /** Beside what every test needs; nothing is taken over from the environment of the test but `PATH`. */
  readonly env?: Readonly<Record<string, string>>;
  /** Which program and arguments; `src/main.ts serve` unless told. */
  readonly command?: readonly string[];
}

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** What the HTTP interface answered. */
export interface ApiAnswer<Body> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Body;
}

/** A program that answers requests. */
export interface LimnerProcess {
  readonly url: string;
  readonly pid: number;
  /** Resolves when the process is gone, however it ended. */
  readonly ended: Promise<Exit>;
  /** Everything that it wrote. */
  output(): string;
  /** Asks the HTTP interface under the key of the tests. Rejects when the connection breaks. */
  api<Body = TaskView>(
    method: string,
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ): Promise<ApiAnswer<Body>>;
  /** Waits for the end of a task. Rejects when that takes over 100 seconds. */
  endOf(taskId: string): Promise<TaskView>;
  /** Dies as by a power cut. */
  kill(): Promise<void>;
  /** Asks it to stop. @returns the exit code. */
  stop(): Promise<number | null>;
}

/** A process that was started, whatever becomes of it. */
export const spawnLimner = ({ dataDir, env = {}, command = ['src/main.ts', 'serve'] }: LimnerSettings) => {
  const child = spawn(process.execPath, [...command], {
    cwd: root,
    env: {
      PATH: process.env['PATH'],
      // As `npm start` does: what was compiled once is not compiled again.
      NODE_COMPILE_CACHE: join(tmpdir(), 'node-compile-cache'),
      LIMNER_PORT: '0',
      LIMNER_CONFIG: '',
      LIMNER_DATA_DIR: dataDir,
      LIMNER_API_KEY: apiKey,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const chunks: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => chunks.push(text));
  }
  const ended = once(child, 'close').then(([code, signal]): Exit => ({ code, signal }));
  return { child, ended, output: () => chunks.join('') };
};

/** Starts the program and returns when it is ready. Rejects with what it wrote when it ends before. */
export const startLimner = async (settings: LimnerSettings): Promise<LimnerProcess> => {
  const { child, ended, output } = spawnLimner(settings);
  const url = await eventually(async () => {
    if (hasEnded(child)) throw new Error(`The program ended at its start:\n${output()}`);
    return /"url":"(http:[^"]+)"/.exec(output())?.[1];
  }, 'the program listens');
  await eventually(
    async () => (await fetch(`${url}/readyz`)).status === 200 || undefined,
    'the program is ready',
  );

  const api: LimnerProcess['api'] = async (method, path, body, headers) => {
    const answer = await fetch(`${url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${apiKey}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await answer.text();
    return {
      status: answer.status,
      headers: answer.headers,
      body: text === '' ? undefined : JSON.parse(text),
    };
  };

  return {
    url,
    pid: child.pid ?? 0,
    ended,
    output,
    api,
    endOf: async (taskId) => {
      const path = `/v1/images/generations/${taskId}`;
      const { body } = await api('GET', path, undefined, { prefer: 'wait=100' });
      if (body.status !== 'completed' && body.status !== 'failed') {
        throw new Error(`The task ${taskId} is still ${body.status}:\n${output()}`);
      }
      return body;
    },
    kill: async () => {
      child.kill('SIGKILL');
      await ended;
    },
    stop: async () => {
      child.kill('SIGTERM');
      return (await ended).code;
    },
  };
};

const hasEnded = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null;
