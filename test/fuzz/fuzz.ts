/** Sends a running program what it should bear, and watches that it does. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { connect } from 'node:net';
import fc from 'fast-check';
import { Agent, request as send } from 'undici';
import { catalogue } from '../../src/core/errors.ts';
import { eventually } from '../support/eventually.ts';
import { apiKey, type LimnerProcess } from '../support/limner-process.ts';
import { conversations, type FuzzRequest, requests } from './requests.ts';

/** Nothing that is asked here takes longer. */
const PATIENCE_MS = 20_000;

/** What a thread that is first needed late keeps open, twice. What each of thousands of requests left would be more. */
const LATE_FILES = 16;

/** What must never leave the program: where it lies, how it works, and what it holds secret. */
const leaks = [
  /\n\s+at .+:\d+/,
  /node:internal|node_modules|\.ts:\d+/,
  /SQLITE_|syntax error at/,
  new RegExp(apiKey),
];

/** The program with so little memory that what it keeps for good of many requests ends it. */
export const smallHeap = ['--max-old-space-size=96', 'src/main.ts', 'serve'];

const openFiles = ({ pid }: Pick<LimnerProcess, 'pid'>): readonly string[] =>
  readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));

/** What was seen of the program's use of the machine. */
export interface Usage {
  readonly files: number;
  readonly memoryBytes: number;
}

/** Its open files, sockets included, and its memory. */
const usageOf = ({ pid }: Pick<LimnerProcess, 'pid'>): Usage => ({
  files: readdirSync(`/proc/${pid}/fd`).length,
  memoryBytes: Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024,
});

/** What a fuzz did. */
export interface FuzzReport {
  readonly requests: number;
  readonly connections: number;
  readonly byStatus: Readonly<Record<string, number>>;
  readonly before: Usage;
  readonly after: Usage;
}

/** Fuzzes for so long. The same seed sends the same, but for the ids. @throws what went wrong, with what was sent. */
export const fuzz = async (limner: LimnerProcess, seed: number, forMs: number): Promise<FuzzReport> => {
  const { hostname, port } = new URL(limner.url);
  const connectAgain = (): Agent =>
    new Agent({ pipelining: 4, headersTimeout: PATIENCE_MS, bodyTimeout: PATIENCE_MS });
  let agent = connectAgain();
  // Idle connections of the fuzz are open files of the program.
  const rest = async (): Promise<void> => {
    await agent.destroy();
    agent = connectAgain();
    await settled(limner);
  };
  const own = (await limner.api<{ data: { id: string }[] }>('GET', '/admin/v1/keys')).body.data.map(
    ({ id }) => id,
  );
  const ids: string[] = [];
  const byStatus: Record<string, number> = {};
  const counts = { requests: 0, connections: 0 };

  const judge = (status: number, text: string): void => {
    byStatus[status] = (byStatus[status] ?? 0) + 1;
    if (status >= 500) throw new Error(`Answered ${status}: ${text.slice(0, 500)}`);
    const leak = leaks.find((pattern) => pattern.test(text));
    if (leak !== undefined) throw new Error(`Leaked ${leak.source}: ${text.slice(0, 2_000)}`);
  };

  /** The address with ids of things that were made before. */
  const filled = (path: string): string =>
    path.replaceAll(/\{(\w+?)_?(?:id)?\}/g, (_whole, name: string) => {
      const prefix = { task: 'task_', endpoint: 'wh_', delivery: 'evt_', key: 'key_', image: 'img_' }[name];
      const known = ids.filter((id) => prefix !== undefined && id.startsWith(prefix));
      return known[counts.requests % Math.max(known.length, 1)] ?? 'sandbox';
    });

  const exchange = async ({ method, path, headers, body }: FuzzRequest): Promise<void> => {
    counts.requests += 1;
    const url = `${limner.url}${filled(path)}`;
    const authorization = headers['authorization']?.replace('KEY', apiKey);
    const answer = await send(url, {
      method: method as 'GET',
      dispatcher: agent,
      headers: { ...headers, ...(authorization !== undefined && { authorization }) },
      ...(body !== undefined && { body }),
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    const text = await answer.body.text();
    judge(answer.statusCode, text);
    if (
      answer.statusCode >= 400 &&
      method !== 'HEAD' &&
      !path.startsWith('/mcp') &&
      answer.statusCode !== 416
    ) {
      const { error } = JSON.parse(text) as { error: { code: string } };
      if (!Object.hasOwn(catalogue, error.code)) throw new Error(`No known error: ${text.slice(0, 500)}`);
    }
    for (const [id] of text.matchAll(/\b(?:task|wh|evt|key|img)_[0-9a-z]{26}\b/g)) {
      // NOTE: the key of the fuzz itself is not for it to revoke.
      if (!own.includes(id) && !ids.includes(id)) ids.push(id);
    }
    ids.splice(0, ids.length - 200);
  };

  const converse = async (pieces: readonly Buffer[]): Promise<void> => {
    counts.connections += 1;
    const chunks: Buffer[] = [];
    await new Promise<void>((resolve, reject) => {
      const socket = connect(Number(port), hostname);
      const hung = setTimeout(() => reject(new Error('The connection was never closed')), PATIENCE_MS);
      socket
        .on('data', (chunk: Buffer) => chunks.push(chunk))
        .on('error', () => {})
        .on('close', () => {
          clearTimeout(hung);
          resolve();
        });
      socket.setNoDelay();
      for (const piece of pieces) {
        socket.write(Buffer.from(piece.toString('latin1').replaceAll('KEY', apiKey), 'latin1'));
      }
      socket.end();
    });
    const text = Buffer.concat(chunks).toString('latin1');
    const statuses = [...text.matchAll(/^HTTP\/1\.1 (\d{3}) /gm)].map(([, status]) => Number(status));
    for (const status of statuses.length === 0 ? [0] : statuses) judge(status, text);
  };

  /** Enough of everything that a first use loads and keeps. */
  const warmUp = async (): Promise<void> => {
    const sample = fc.sample(requests, { seed, numRuns: 200 });
    for (const each of sample) await exchange(each);
  };

  await warmUp();
  await rest();
  const before = usageOf(limner);
  const batch = fc.tuple(
    fc.array(requests, { minLength: 1, maxLength: 12 }),
    fc.array(conversations, { maxLength: 4 }),
  );
  await fc.assert(
    fc.asyncProperty(batch, async ([proper, raw]) => {
      await Promise.all([...proper.map(exchange), ...raw.map(converse)]);
    }),
    { seed, numRuns: 1_000_000, interruptAfterTimeLimit: forMs, markInterruptAsFailure: false },
  );
  await rest();
  const after = await eventually(
    async () => {
      const usage = usageOf(limner);
      return usage.files <= before.files + LATE_FILES ? usage : undefined;
    },
    `open files return to ${before.files}`,
    60_000,
  ).catch((fault: unknown) => {
    throw new Error(`Still open: ${openFiles(limner).join(' ')}`, { cause: fault });
  });
  await agent.close();
  return { ...counts, byStatus, before, after };
};

/** Waits until nothing is left to do. */
const settled = async (limner: LimnerProcess): Promise<void> => {
  await eventually(
    async () => {
      for (const status of ['pending', 'processing']) {
        const { body } = await limner.api<{ data: object[] }>(
          'GET',
          `/v1/images/generations?status=${status}`,
        );
        if (body.data.length > 0) return undefined;
      }
      return true;
    },
    'every task has ended',
    60_000,
  );
};
