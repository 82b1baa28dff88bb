/** Ten thousand calls that an upstream has: what they take while it is at work, and how a crash is got over. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { startJimengEmulator } from '../upstreams/jimeng/index.ts';
import type { Emulator } from '../upstreams/emulator.ts';
import { apiKey, runLoad, startLimner } from './processes.ts';
import { residentMiB } from './process-figures.ts';

const CALLS = 10_000;
const PORT = 9487;
const WINDOW_MS = 100;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Counts what comes to an emulator, in windows, from now on. */
const watchRequests = (emulator: Emulator) => {
  const windows: number[] = [];
  emulator.requests.reset();
  const timer = setInterval(() => {
    windows.push(emulator.requests.all.length);
    emulator.requests.reset();
  }, WINDOW_MS);
  return {
    windows,
    get total() {
      return windows.reduce((sum, count) => sum + count, 0);
    },
    stop: () => clearInterval(timer),
  };
};

/** Runs it; `say` prints a line. */
export const measureRecovery = async (say: (line: string) => void): Promise<void> => {
  const jimeng = await startJimengEmulator({
    latencyMs: 3_600_000,
    concurrency: Infinity,
    queriesPerSecond: Infinity,
  });
  const env = {
    JIMENG_BASE_URL: jimeng.baseUrl,
    VOLC_ACCESS_KEY_ID: jimeng.account.accessKeyId,
    VOLC_SECRET_ACCESS_KEY: jimeng.account.secretAccessKey,
    LIMNER_CONFIG: join(import.meta.dirname, 'recovery.yaml'),
  };
  const first = await startLimner({ port: PORT, env });
  const { dataDir } = first;
  const watch = watchRequests(jimeng);
  const { failures } = await runLoad({
    url: `${first.origin}/v1/images/generations`,
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'jimeng', prompt: 'A paper boat in the rain', size: '1024x1024' }),
    connections: 64,
    requests: CALLS,
  });
  if (failures > 0) throw new Error(`${failures} tasks were refused`);
  while (watch.total < CALLS) await pause(WINDOW_MS);
  await pause(30_000);
  say(`in flight: ${CALLS} accepted calls, RSS ${residentMiB(first.pid).toFixed(0)} MiB half a minute later`);
  await first.kill();
  watch.stop();

  const again = watchRequests(jimeng);
  const limner = await startLimner({ port: PORT, env, dataDir });
  const readyMs = limner.readyMs;
  while (again.total < CALLS) await pause(WINDOW_MS);
  const busy = again.windows.filter((count) => count > 0);
  say(
    `recovery: /readyz ${readyMs.toFixed(0)} ms after the start; all ${CALLS} calls were asked for within ` +
      `${((busy.length * WINDOW_MS) / 1000).toFixed(1)} s, at most ${Math.max(...busy)} in ${WINDOW_MS} ms; ` +
      `RSS ${residentMiB(limner.pid).toFixed(0)} MiB`,
  );
  again.stop();
  await limner.stop();
  await jimeng.close();
  await rm(dataDir, { recursive: true, force: true });
};
