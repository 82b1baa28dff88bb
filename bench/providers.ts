/**
 * What a picture costs the gateway, adapter by adapter. The emulators run in this process, which is not measured; the
 * load runs in one of its own.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Emulator } from '../upstreams/emulator.ts';
import { startArkEmulator } from '../upstreams/ark/index.ts';
import { startJimengEmulator } from '../upstreams/jimeng/index.ts';
import { startKlingEmulator } from '../upstreams/kling/index.ts';
import { startOpenAiEmulator } from '../upstreams/openai/index.ts';
import { apiKey, type Measured, runLoad, startLimner } from './processes.ts';
import { cpuMs } from './process-figures.ts';
import type { EventLoopDelay } from './watch-event-loop.ts';

const CONNECTIONS = 64;

const startVendors = async (pictureBytes: number) => {
  const unlimited = { pictureBytes, latencyMs: 0, imagesPerMinute: Infinity };
  const ark = await startArkEmulator(unlimited);
  const jimeng = await startJimengEmulator({
    ...unlimited,
    concurrency: Infinity,
    queriesPerSecond: Infinity,
  });
  const account = { units: Number.MAX_SAFE_INTEGER };
  const kling = await startKlingEmulator({ ...unlimited, queueMs: 0, concurrency: Infinity, account });
  const openai = await startOpenAiEmulator(unlimited);
  const all: readonly Emulator[] = [ark, jimeng, kling, openai];
  return {
    ark,
    environment: {
      ARK_BASE_URL: ark.baseUrl,
      ARK_API_KEY: ark.apiKey,
      JIMENG_BASE_URL: jimeng.baseUrl,
      VOLC_ACCESS_KEY_ID: jimeng.account.accessKeyId,
      VOLC_SECRET_ACCESS_KEY: jimeng.account.secretAccessKey,
      KLING_BASE_URL: kling.baseUrl,
      KLING_API_KEY: kling.apiKey,
      OPENAI_BASE_URL: openai.baseUrl,
      OPENAI_API_KEY: openai.apiKey,
    },
    close: () => Promise.all(all.map((emulator) => emulator.close())),
  };
};

const generate = (
  limner: Measured,
  body: object,
  size: { readonly connections: number; readonly requests: number },
) =>
  runLoad({
    url: `${limner.origin}/v1/images/generations`,
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json', prefer: 'wait=60' },
    body: JSON.stringify({ prompt: 'A paper boat in the rain', size: '1024x1024', ...body }),
    ...size,
  });

/** CPU of the gateway for one picture, after some that are not counted. */
const cpuOfPicture = async (limner: Measured, model: string): Promise<string> => {
  await generate(limner, { model }, { connections: CONNECTIONS, requests: 128 });
  const before = cpuMs(limner.pid);
  const { requests, failures, seconds } = await generate(
    limner,
    { model },
    { connections: CONNECTIONS, requests: 512 },
  );
  const each = (cpuMs(limner.pid) - before) / requests;
  return `CPU ${each.toFixed(2)} ms a picture, ${(requests / seconds).toFixed(0)}/s, ${failures} failures`;
};

/** Runs it; `say` prints a line. */
export const measureProviders = async (say: (line: string) => void): Promise<void> => {
  const folder = mkdtempSync(join(tmpdir(), 'limner-bench-loop-'));
  const file = join(folder, 'delay.json');
  const vendors = await startVendors(2 ** 20);
  const limner = await startLimner({
    port: 9471,
    env: {
      ...vendors.environment,
      LIMNER_CONFIG: join(import.meta.dirname, 'providers.yaml'),
      NODE_OPTIONS: `--import=${join(import.meta.dirname, 'watch-event-loop.ts')}`,
      BENCH_EVENT_LOOP_FILE: file,
    },
  });
  /** How late the event loop was since the last time. */
  const eventLoopDelay = async (): Promise<EventLoopDelay> => {
    rmSync(file, { force: true });
    process.kill(limner.pid, 'SIGUSR2');
    while (!existsSync(file)) await new Promise((resolve) => setTimeout(resolve, 5));
    return JSON.parse(readFileSync(file, 'utf8')) as EventLoopDelay;
  };

  for (const [adapter, model] of [
    ['ark', 'seedream-3.0'],
    ['jimeng', 'jimeng'],
    ['kling', 'keling'],
  ] as const) {
    say(`${adapter}, a link to 1 MiB: ${await cpuOfPicture(limner, model)}`);
  }
  say(`openai, 1 MiB as base64: ${await cpuOfPicture(limner, 'dall-e-3')}`);
  vendors.ark.faults.set([{ fault: 'b64_always', times: 'always' }]);
  say(`ark, 1 MiB as base64: ${await cpuOfPicture(limner, 'seedream-3.0')}`);
  vendors.ark.faults.clear();

  // 4 megapixels that are neither drawn so nor shaped so: each picture is cropped and resampled.
  const redrawn = { model: 'seedream-3.0', size: '2045x2045' };
  await generate(limner, redrawn, { connections: 16, requests: 32 });
  await eventLoopDelay();
  const { requests, seconds } = await generate(limner, redrawn, { connections: 16, requests: 128 });
  const { p50Ms, p99Ms, maxMs } = await eventLoopDelay();
  say(
    `16 resizes at a time (4 MP JPEG): event loop late by ${p99Ms.toFixed(1)} ms at p99, ` +
      `${p50Ms.toFixed(1)} at p50, ${maxMs.toFixed(0)} at most; ${(requests / seconds).toFixed(1)}/s`,
  );
  await limner.stop();
  await vendors.close();
  rmSync(folder, { recursive: true });
};
