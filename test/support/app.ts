/** The program in this process, over a data folder of its own and with a clock of the test's choice. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type App, createApp } from '../../src/app.ts';
import { loadConfig } from '../../src/config/load-config.ts';
import type { Clock } from '../../src/core/clock.ts';
import type { TaskView } from '../../src/http/routes/generations/schema.ts';
import { createLogger } from '../../src/observe/logger.ts';
import { adapters } from '../../src/providers/registry.ts';

const key = 'a-key-for-the-tests-in-one-process';
const path = '/v1/images/generations';

/** A program that is not listening. */
export interface RunningApp extends AsyncDisposable {
  readonly app: App;
  /** A key that it takes. */
  readonly key: string;
  get<Body>(url: string): Promise<Body>;
  /** Accepts a task, `seedream-3.0` unless told, and returns it as it is then. */
  submit(body?: object): Promise<TaskView>;
  /** Waits for the end of a task. */
  endOf(taskId: string): Promise<TaskView>;
  /** Both. */
  generate(body?: object): Promise<TaskView>;
}

/** Starts the program with this `limner.yaml`. */
export const startApp = async (yaml: string, clock?: Clock): Promise<RunningApp> => {
  const dataDir = await mkdtemp(join(tmpdir(), 'limner-app-'));
  const config = loadConfig({
    env: { LIMNER_DATA_DIR: dataDir, LIMNER_CONFIG: '/limner.yaml', LIMNER_PORT: '0' },
    cwd: '/',
    adapters,
    readFile: () => yaml,
  });
  const logger = createLogger({ level: 'silent' });
  const app = await createApp({ config, logger, ...(clock !== undefined && { clock }) });
  await app.keys.ensureBootstrap(key);
  const headers = { authorization: `Bearer ${key}`, prefer: 'wait=15' };

  const submit: RunningApp['submit'] = async (body) => {
    const payload = { model: 'seedream-3.0', prompt: 'a lighthouse', ...body };
    const { authorization } = headers;
    const answer = await app.server.inject({
      method: 'POST',
      url: path,
      headers: { authorization },
      payload,
    });
    if (answer.statusCode !== 200) throw new Error(`A task was refused: ${answer.body}`);
    return answer.json<TaskView>();
  };
  const endOf: RunningApp['endOf'] = async (taskId) => {
    for (;;) {
      // On a hurried clock 15 seconds are soon over.
      const answer = await app.server.inject({ url: `${path}/${taskId}`, headers });
      const task = answer.json<TaskView>();
      if (task.status === 'completed' || task.status === 'failed') return task;
    }
  };
  return {
    app,
    key,
    submit,
    endOf,
    generate: async (body) => endOf((await submit(body)).task_id),
    get: async <Body>(url: string) => (await app.server.inject({ url, headers })).json<Body>(),
    [Symbol.asyncDispose]: async () => {
      await app.close();
      await rm(dataDir, { recursive: true });
    },
  };
};
