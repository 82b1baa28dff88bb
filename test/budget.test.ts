/** A thousand submissions at once against a budget for a hundred pictures: in one process, on two nodes, over a crash. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Client } from 'pg';
import { describe, it } from 'vitest';
import { createDataFolder } from './support/data-folder.ts';
import { newPostgresUrl } from './support/databases.ts';
import { eventually } from './support/eventually.ts';
import { type LimnerProcess, startLimner } from './support/limner-process.ts';

const path = '/v1/images/generations';

/** A price that no binary fraction has, so that rounding would show. */
const PRICE_MICROS = 259_001;
const PICTURES = 100;
const SUBMISSIONS = 1_000;

const config = `
models:
  sandbox:
    price: { currency: CNY, per_image: ${PRICE_MICROS / 1_000_000} }
`;

interface Entry {
  readonly task_id: string;
  readonly kind: string;
  readonly images: number;
  readonly micros: number;
  readonly cost_micros: number;
}

interface Books {
  readonly entries: readonly Entry[];
  readonly committed: number;
  readonly open: number;
}

const numbers = (row: Record<string, unknown>): Entry => ({
  ...(row as unknown as Entry),
  micros: Number(row['micros']),
  cost_micros: Number(row['cost_micros']),
});

const readBooks = async (
  keyId: string,
  query: (sql: string) => Promise<readonly Record<string, unknown>[]>,
): Promise<Books> => ({
  entries: (await query(`select * from usage_ledger where key_id = '${keyId}'`)).map(numbers),
  committed: Number(
    (await query(`select committed from key_balances where key_id = '${keyId}'`))[0]?.['committed'] ?? 0,
  ),
  open: (
    await query(`select id from tasks where key_id = '${keyId}' and status in ('pending', 'processing')`)
  ).length,
});

const booksInFile = (dataDir: string, keyId: string): Promise<Books> => {
  const handle = new DatabaseSync(join(dataDir, 'limner.db'), { readOnly: true });
  return readBooks(keyId, (sql) => Promise.resolve(handle.prepare(sql).all())).finally(() => handle.close());
};

const booksInPostgres = async (url: string, keyId: string): Promise<Books> => {
  const client = new Client(url);
  await client.connect();
  try {
    return await readBooks(keyId, async (sql) => (await client.query(sql)).rows);
  } finally {
    await client.end();
  }
};

/** A key that can pay for a hundred pictures and not for a millionth more. */
const makeKey = async (limner: LimnerProcess): Promise<{ readonly id: string; readonly key: string }> => {
  const budget = { amount: (PICTURES * PRICE_MICROS) / 1_000_000, currency: 'CNY', period: 'total' };
  const { status, body } = await limner.api<{ id: string; key: string }>('POST', '/admin/v1/keys', {
    name: 'shop',
    budget,
  });
  if (status !== 201) throw new Error(`No key was made: ${JSON.stringify(body)}`);
  return body;
};

/** What became of a submission: its status, or `lost` when the connection broke. */
const submit = async (limner: LimnerProcess, key: string, n = 1): Promise<number | 'lost'> => {
  try {
    const { status } = await limner.api(
      'POST',
      path,
      { model: 'sandbox', prompt: 'A coin', size: '64x64', n },
      { authorization: `Bearer ${key}` },
    );
    return status;
  } catch {
    return 'lost';
  }
};

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const reservedIn = ({ entries }: Books): number =>
  sum(entries.filter(({ kind }) => kind === 'reserved').map(({ images }) => images));

/** Waits until every task has ended, then holds the books against the budget. */
const settledBooks = async (read: () => Promise<Books>): Promise<Books> =>
  eventually(
    async () => {
      const books = await read();
      return books.open === 0 ? books : undefined;
    },
    'every task has ended',
    60_000,
  );

const startNode = async (dataDir: string, env: Record<string, string> = {}): Promise<LimnerProcess> => {
  const file = join(dataDir, 'limner.yaml');
  await writeFile(file, config);
  return startLimner({ dataDir, env: { ...env, LIMNER_CONFIG: file } });
};

describe('a budget for 100 pictures', { timeout: 180_000 }, () => {
  it('pays for exactly so many of 1,000 at once', async ({ expect }) => {
    await using folder = await createDataFolder();
    const limner = await startNode(folder.path);
    const { id, key } = await makeKey(limner);
    const statuses = await Promise.all(Array.from({ length: SUBMISSIONS }, async () => submit(limner, key)));
    expect(statuses.filter((status) => status === 200)).toHaveLength(PICTURES);
    expect(statuses.filter((status) => status === 429)).toHaveLength(SUBMISSIONS - PICTURES);

    const books = await settledBooks(() => booksInFile(folder.path, id));
    expect(reservedIn(books)).toBe(PICTURES);
    expect(sum(books.entries.map(({ cost_micros }) => cost_micros))).toBe(PICTURES * PRICE_MICROS);
    expect(sum(books.entries.map(({ micros }) => micros))).toBe(PICTURES * PRICE_MICROS);
    expect(books.committed).toBe(PICTURES * PRICE_MICROS);

    const usage = await limner.api<{ data: unknown; remaining: unknown }>('GET', '/v1/usage', undefined, {
      authorization: `Bearer ${key}`,
    });
    expect(usage.body).toMatchObject({
      data: [{ model: 'sandbox', tasks: PICTURES, images: PICTURES, cost: 25.9001, currency: 'CNY' }],
      remaining: { budget: { amount: 0, currency: 'CNY' } },
    });
    expect(await limner.stop()).toBe(0);
  });

  it('pays for exactly so many on two nodes of which one is killed meanwhile', async ({ expect }) => {
    await using folder = await createDataFolder();
    const url = await newPostgresUrl();
    const env = { DATABASE_URL: url };
    const [one, other] = [await startNode(folder.path, env), await startNode(folder.path, env)];
    const { id, key } = await makeKey(one);
    const read = () => booksInPostgres(url, id);

    let answered = 0;
    const nodes = [one, other];
    const submissions = Array.from({ length: SUBMISSIONS }, async (_, number) => {
      const status = await submit(nodes[number % 2] ?? one, key, 1 + (number % 3));
      answered += 1;
      return status;
    });
    await eventually(async () => answered > 20 || undefined, 'some were answered');
    await other.kill();
    const statuses = await Promise.all(submissions);
    expect(reservedIn(await read())).toBeLessThanOrEqual(PICTURES);
    const again = await startNode(folder.path, env);
    const later = await Promise.all(
      Array.from({ length: 200 }, async (_, number) => submit(number % 2 === 0 ? one : again, key)),
    );

    const accepted = [...statuses, ...later].filter((status) => status === 200).length;
    const books = await settledBooks(read);
    const reserved = books.entries.filter(({ kind }) => kind === 'reserved');
    expect(reservedIn(books)).toBe(PICTURES);
    // What a killed node accepted it may not have answered.
    expect(reserved.length).toBeGreaterThanOrEqual(accepted);
    expect(sum(books.entries.map(({ micros }) => micros))).toBe(PICTURES * PRICE_MICROS);
    expect(sum(books.entries.map(({ cost_micros }) => cost_micros))).toBe(PICTURES * PRICE_MICROS);
    expect(books.committed).toBe(PICTURES * PRICE_MICROS);
    for (const node of [one, again]) expect(await node.stop(), node.output()).toBe(0);
  });

  it('outlives a crash of the only process, and never pays for more', async ({ expect }) => {
    await using folder = await createDataFolder();
    const first = await startNode(folder.path);
    const { id, key } = await makeKey(first);
    let answered = 0;
    const submissions = Array.from({ length: SUBMISSIONS }, async () => {
      const status = await submit(first, key);
      answered += 1;
      return status;
    });
    await eventually(async () => answered > 20 || undefined, 'some were answered');
    await first.kill();
    const before = (await Promise.all(submissions)).filter((status) => status === 200).length;

    const second = await startNode(folder.path);
    const after = await Promise.all(Array.from({ length: 200 }, async () => submit(second, key)));
    const books = await settledBooks(() => booksInFile(folder.path, id));
    expect(reservedIn(books)).toBe(PICTURES);
    expect(before + after.filter((status) => status === 200).length).toBeLessThanOrEqual(PICTURES);
    expect(books.committed).toBe(PICTURES * PRICE_MICROS);
    expect(sum(books.entries.map(({ cost_micros }) => cost_micros))).toBe(PICTURES * PRICE_MICROS);
    expect(await second.stop()).toBe(0);
  });
});
