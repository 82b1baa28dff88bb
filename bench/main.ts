/**
 * The benchmark: the real program beside a bare server that answers the same bytes, in turns within one run, with
 * the load in a process of its own. Ratios and CPU per request are what to quote; times belong to the machine.
 *
 * `npm run bench` runs everything; `npm run bench -- accept read` runs some.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { argv, stdout } from 'node:process';
import type { Load, LoadResult } from './load.ts';
import { measureFleet } from './fleet.ts';
import { measureProviders } from './providers.ts';
import { measureRecovery } from './recovery.ts';
import { measureScheduling } from './scheduling.ts';
import { fillTasks } from './tasks-in-tables.ts';
import { measureWebhooks } from './webhooks.ts';
import { apiKey, type Measured, runLoad, startBare, startLimner, startUpstreams } from './processes.ts';
import { cpuMs, peakMiB, residentMiB } from './process-figures.ts';

const say = (line: string): void => void stdout.write(`${line}\n`);
const median = (values: readonly number[]): number =>
  values.toSorted((one, other) => one - other)[values.length >> 1] ?? 0;
const digits = (value: number, count = 2): string => value.toFixed(count);

const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' };

const seedRequest = {
  model: 'seedream-3.0',
  prompt:
    '3D魔童哪吒 c4d 搬砖 很开心, 很快乐, 精神抖擞, 背景是数不清的敖丙虚化 视觉冲击力强 大师构图 色彩鲜艳丰富 吸引人 背景用黄金色艺术字写着"搬砖挣钱" 冷暖色对比',
  n: 1,
  response_format: 'url',
  size: '1024x1024',
};

/** What one side of a comparison took. */
interface Figures extends LoadResult {
  readonly perSecond: number;
  readonly cpuMsEach: number;
}

const measure = async (server: Measured, load: Load): Promise<Figures> => {
  const before = cpuMs(server.pid);
  const result = await runLoad(load);
  const cpu = cpuMs(server.pid) - before;
  return { ...result, perSecond: result.requests / result.seconds, cpuMsEach: cpu / result.requests };
};

/** Both sides in turns, after one round that is not counted; medians over the rounds. */
const compare = async (
  name: string,
  limner: Measured,
  bare: Measured,
  load: Omit<Load, 'url'>,
  path: string,
): Promise<void> => {
  const rounds: { readonly own: Figures; readonly plain: Figures }[] = [];
  for (let round = 0; round < 6; round += 1) {
    const plain = await measure(bare, { ...load, url: bare.origin + path });
    const own = await measure(limner, { ...load, url: limner.origin + path });
    if (own.failures + plain.failures > 0) throw new Error(`${name}: ${own.failures} answers were not 200`);
    if (round > 0) rounds.push({ own, plain });
  }
  const of = (pick: (round: (typeof rounds)[number]) => number): number => median(rounds.map(pick));
  say(
    `${name}: ${digits(
      of(({ own }) => own.perSecond),
      0,
    )} requests/s, ` +
      `${digits(
        of(({ own, plain }) => (own.perSecond / plain.perSecond) * 100),
        0,
      )} % of bare ` +
      `(${digits(
        of(({ plain }) => plain.perSecond),
        0,
      )}); ` +
      `CPU ${digits(
        of(({ own }) => own.cpuMsEach),
        3,
      )} ms each, bare ${digits(
        of(({ plain }) => plain.cpuMsEach),
        3,
      )}; ` +
      `p50 ${digits(
        of(({ own }) => own.p50Ms),
        1,
      )} ms, p99 ${digits(
        of(({ own }) => own.p99Ms),
        1,
      )} ms`,
  );
};

const json = async (
  url: string,
  init: RequestInit = {},
): Promise<{ readonly text: string; readonly value: Record<string, unknown> }> => {
  const answer = await fetch(url, {
    ...init,
    headers: { ...headers, ...(init.headers as Record<string, string>) },
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${text.slice(0, 200)}`);
  return { text, value: JSON.parse(text) as Record<string, unknown> };
};

const accept = async (): Promise<void> => {
  // NOTE: the upstream takes an hour, so what is measured is accepting, and the tasks pile up in the queue.
  const upstream = await startUpstreams(9401, ['--latency-ms', '3600000']);
  const limner = await startLimner({
    port: 9411,
    env: {
      LIMNER_CONFIG: join(import.meta.dirname, 'accept.yaml'),
      ARK_API_KEY: 'ark-emulator-key',
      ARK_BASE_URL: `${upstream.origin}/api/v3`,
    },
  });
  const path = '/v1/images/generations';
  const { text } = await json(limner.origin + path, { method: 'POST', body: JSON.stringify(seedRequest) });
  const bare = await startBare(9412, text);
  const load = {
    method: 'POST',
    headers,
    body: JSON.stringify(seedRequest),
    connections: 64,
    seconds: 5,
  } as const;
  await compare('accept (POST, durable)', limner, bare, load, path);
  // Limits that nobody reaches: what counting by them takes.
  const limited = await json(`${limner.origin}/admin/v1/keys`, {
    method: 'POST',
    body: JSON.stringify({
      name: 'limited',
      requests_per_minute: 1_000_000,
      images_per_day: 10_000_000,
      budget: { amount: 1_000_000_000, currency: 'CNY', period: 'month' },
    }),
  });
  const withLimits = { ...headers, authorization: `Bearer ${String(limited.value['key'])}` };
  await compare('accept, with limits and a budget', limner, bare, { ...load, headers: withLimits }, path);
  for (const server of [limner, bare, upstream]) await server.stop();
};

const read = async (): Promise<void> => {
  const limner = await startLimner({ port: 9421 });
  const created = await json(`${limner.origin}/v1/images/generations`, {
    method: 'POST',
    body: JSON.stringify(seedRequest),
    headers: { prefer: 'wait=60' },
  });
  const path = `/v1/images/generations/${String(created.value['task_id'])}`;
  const { text } = await json(limner.origin + path);
  const bare = await startBare(9422, text);
  await compare('read a task', limner, bare, { method: 'GET', headers, connections: 64, seconds: 5 }, path);
  for (const server of [limner, bare]) await server.stop();
};

const base64 = async (): Promise<void> => {
  const upstream = await startUpstreams(9431, [
    '--latency-ms',
    '0',
    '--images-per-minute',
    '1000000',
    '--picture-bytes',
    String(2 ** 20),
  ]);
  await fetch(`${upstream.origin}/__emulator/faults`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify([{ fault: 'b64_always', times: 'always' }]),
  });
  const config = join(import.meta.dirname, 'base64.yaml');
  const limner = await startLimner({
    port: 9441,
    env: {
      LIMNER_CONFIG: config,
      ARK_API_KEY: 'ark-emulator-key',
      ARK_BASE_URL: `${upstream.origin}/api/v3`,
    },
  });
  const load: Load = {
    url: `${limner.origin}/v1/images/generations`,
    method: 'POST',
    headers: { ...headers, prefer: 'wait=60' },
    body: JSON.stringify({ ...seedRequest, response_format: 'b64_json' }),
    connections: 64,
    requests: 400,
  };
  await runLoad({ ...load, requests: 64 });
  const figures = await measure(limner, load);
  say(
    `1 MiB picture, base64 in and out, waiting: CPU ${digits(figures.cpuMsEach, 1)} ms each, ` +
      `${digits(figures.perSecond, 0)}/s, p50 ${digits(figures.p50Ms, 0)} ms, p99 ${digits(figures.p99Ms, 0)} ms at 64 connections, ` +
      `peak RSS ${digits(peakMiB(limner.pid), 0)} MiB, ${figures.failures} failures, ` +
      `${digits(figures.bytes / figures.requests / 2 ** 20)} MiB an answer`,
  );
  for (const server of [limner, upstream]) await server.stop();
};

const start = async (): Promise<void> => {
  const times: number[] = [];
  let idleMiB = 0;
  for (let round = 0; round < 5; round += 1) {
    const limner = await startLimner({ port: 9451 });
    times.push(limner.readyMs);
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    idleMiB = residentMiB(limner.pid);
    await limner.stop();
  }
  say(
    `start to /readyz: ${digits(median(times), 0)} ms (median of 5, least ${digits(Math.min(...times), 0)}); idle RSS ${digits(idleMiB, 0)} MiB`,
  );
};

const list = async (): Promise<void> => {
  const costs: Record<string, number>[] = [];
  for (const count of [1_000, 1_000_000]) {
    const first = await startLimner({ port: 9461 });
    const { dataDir } = first;
    const own = await json(`${first.origin}/admin/v1/keys`);
    const keyId = (own.value['data'] as { id: string }[])[0]?.id ?? '';
    await first.kill();
    const lastId = fillTasks({
      file: join(dataDir, 'limner.db'),
      keyId,
      count,
      status: 'completed',
      modelOf: (number) => (number % 2 === 0 ? 'seedream-3.0' : 'jimeng'),
    });
    const limner = await startLimner({ port: 9461, dataDir });
    const cost = async (path: string): Promise<number> => {
      const load: Load = { url: limner.origin + path, method: 'GET', headers, connections: 8, seconds: 4 };
      await runLoad({ ...load, seconds: 1 });
      const figures = await measure(limner, load);
      if (figures.failures > 0) throw new Error(`${path}: ${figures.failures} failures`);
      return figures.cpuMsEach;
    };
    costs.push({
      page: await cost('/v1/images/generations?limit=20'),
      filtered: await cost('/v1/images/generations?limit=20&status=completed&model=jimeng'),
      read: await cost(`/v1/images/generations/${lastId}`),
    });
    await limner.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
  for (const name of ['page', 'filtered', 'read']) {
    const [few = 0, many = 0] = costs.map((cost) => cost[name] ?? 0);
    say(
      `list ${name}: CPU ${digits(few, 3)} ms at 1,000 tasks, ${digits(many, 3)} ms at 1,000,000 (${digits(many / few)}×)`,
    );
  }
};

const scenarios = {
  start,
  accept,
  read,
  base64,
  list,
  providers: () => measureProviders(say),
  fleet: () => measureFleet(say),
  recovery: () => measureRecovery(say),
  scheduling: () => measureScheduling(say),
  webhooks: () => measureWebhooks(say),
} as const;

const chosen = argv.slice(2).filter((name): name is keyof typeof scenarios => name in scenarios);
for (const name of chosen.length > 0 ? chosen : (Object.keys(scenarios) as (keyof typeof scenarios)[]))
  await scenarios[name]();
