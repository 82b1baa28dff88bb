/** A load from a process of its own: `node bench/load.ts '{"url": …}'` prints what it measured as JSON. */
import { performance } from 'node:perf_hooks';
import { argv, stdout } from 'node:process';
import { pathToFileURL } from 'node:url';
import { Pool } from 'undici';

/** What to ask, how often and by how many at once. */
export interface Load {
  readonly url: string;
  readonly method: 'GET' | 'POST';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly connections: number;
  /** Either a number of requests … */
  readonly requests?: number;
  /** … or a time. */
  readonly seconds?: number;
}

/** What came of it. */
export interface LoadResult {
  readonly requests: number;
  readonly failures: number;
  readonly seconds: number;
  readonly bytes: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const run = async (load: Load): Promise<LoadResult> => {
  const { origin, pathname, search } = new URL(load.url);
  const pool = new Pool(origin, { connections: load.connections, headersTimeout: 0, bodyTimeout: 0 });
  const latencies: number[] = [];
  let started = 0;
  let failures = 0;
  let bytes = 0;
  const begun = performance.now();
  const endsAt = load.seconds === undefined ? Infinity : begun + load.seconds * 1000;
  const isOver = (): boolean => started >= (load.requests ?? Infinity) || performance.now() >= endsAt;

  const client = async (): Promise<void> => {
    while (!isOver()) {
      started += 1;
      const sent = performance.now();
      const answer = await pool.request({
        path: pathname + search,
        method: load.method,
        headers: load.headers,
        ...(load.body !== undefined && { body: load.body }),
      });
      for await (const chunk of answer.body) bytes += (chunk as Uint8Array).byteLength;
      latencies.push(performance.now() - sent);
      if (answer.statusCode !== 200) failures += 1;
    }
  };
  await Promise.all(Array.from({ length: load.connections }, client));
  const seconds = (performance.now() - begun) / 1000;
  await pool.close();
  latencies.sort((one, other) => one - other);
  const quantile = (share: number): number => latencies[Math.floor(share * (latencies.length - 1))] ?? 0;
  return {
    requests: latencies.length,
    failures,
    seconds,
    bytes,
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
  };
};

if (argv[1] !== undefined && import.meta.url === pathToFileURL(argv[1]).href) {
  stdout.write(JSON.stringify(await run(JSON.parse(argv[2] ?? '{}') as Load)));
}
