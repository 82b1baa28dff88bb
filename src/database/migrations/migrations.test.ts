/** Every way from an earlier version of the schema to this one, with rows in the tables. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Client } from 'pg';
import { describe, expect, it } from 'vitest';
import { emptyPostgresUrl, operationModules } from '../../../test/support/databases.ts';
import { systemClock } from '../../observe/system-clock.ts';
import { createTaskStore } from '../../tasks/sql-task-store.ts';
import type { Sql } from '../compile.ts';
import type { Database } from '../database.ts';
import { openPostgresDatabase } from '../postgres/postgres-database.ts';
import { openSqliteDatabase } from '../sqlite/sqlite-database.ts';
import { migrations } from './index.ts';

/** An identifier as `core/ids.ts` makes them. */
const idOf = (kind: string, number: number): string => `${kind}_${String(number).padStart(26, '0')}`;

const request = JSON.stringify({
  model: 'seedream-3.0',
  prompt: 'Ein Boot, 一只船, "quoted" and \\ more',
  n: 1,
  size: { width: 1024, height: 1024 },
  responseFormat: 'url',
  outputFormat: 'auto',
  watermark: false,
  metadata: {},
});
const call = JSON.stringify({ model: 'doubao-seedream-5-0-pro-260628', prompt: 'A boat', images: 1 });
const task = { key_id: 'key_1', model: 'seedream-3.0', response_format: 'url', request, adjustments: '[]' };

/** A row for each table, with the columns that it had when it came, under the version that brought it. */
const rowsOf: readonly (readonly (readonly [table: string, row: Readonly<Record<string, unknown>>])[])[] = [
  [
    [
      'tasks',
      {
        ...task,
        id: idOf('task', 1),
        status: 'completed',
        created_at: 1_790_000_000_000,
        started_at: 1_790_000_000_100,
        completed_at: 1_790_000_009_000,
        usage: '{"images":1,"costMicros":0}',
      },
    ],
    ['tasks', { ...task, id: idOf('task', 2), status: 'pending', created_at: 1_790_000_001_000 }],
    [
      'tasks',
      {
        ...task,
        id: idOf('task', 3),
        status: 'failed',
        created_at: 1_790_000_002_000,
        completed_at: 1_790_000_003_000,
        error: '{"code":"provider_timeout","message":"Too late.","retryable":true}',
      },
    ],
    [
      'calls',
      {
        id: idOf('call', 1),
        task_id: idOf('task', 1),
        slot: 0,
        attempt: 0,
        provider: 'ark',
        request: call,
        state: 'stored',
        step: '{"state":"stored"}',
        created_at: 1_790_000_000_100,
        sent_at: 1_790_000_000_200,
      },
    ],
    [
      'images',
      {
        id: idOf('img', 1),
        task_id: idOf('task', 1),
        call_id: idOf('call', 1),
        place: 0,
        file_key: 'images/call_1-0',
        width: 1024,
        height: 1024,
        format: 'png',
        bytes: 5_000_000_000,
        created_at: 1_790_000_008_000,
      },
    ],
    ['jobs', { task_id: idOf('task', 2), lane: 'seedream-3.0', key_id: 'key_1' }],
    [
      'idempotency',
      { key_id: 'key_1', idempotency_key: 'Ä 1', body_hash: 'ab', task_id: idOf('task', 1), created_at: 5 },
    ],
    ['api_keys', { id: 'key_1', name: 'first', role: 'admin', hash: 'ff', hint: 'lk_…1', created_at: 5 }],
    ['installation_secrets', { name: 'links', value: 'c2VjcmV0' }],
  ],
  [
    [
      'webhook_endpoints',
      { id: 'whe_1', key_id: 'key_1', url: 'https://example.com', secret: 'whsec_1', created_at: 6 },
    ],
    ['webhook_secrets', { key_id: 'key_1', secret: 'whsec_2', created_at: 6 }],
    [
      'webhook_deliveries',
      {
        id: 'whd_1',
        key_id: 'key_1',
        task_id: idOf('task', 1),
        url: 'https://example.com',
        host: 'example.com:443',
        type: 'image.generation.completed',
        state: 'pending',
        attempts: 1,
        next_attempt_at: 1_790_000_010_000,
        created_at: 1_790_000_009_000,
      },
    ],
  ],
  [['nodes', { id: 'node_1', role: 'all', offer: 'null', started_at: 7, seen_at: 8 }]],
  [
    [
      'key_balances',
      {
        key_id: 'key_1',
        currency: 'CNY',
        period_start: 9,
        committed: 259_000,
        day_start: 9,
        day_images: 1,
      },
    ],
    [
      'usage_ledger',
      {
        task_id: idOf('task', 1),
        kind: 'settled',
        provider: 'ark',
        key_id: 'key_1',
        model: 'seedream-3.0',
        tasks: 1,
        failed_tasks: 0,
        images: 1,
        calls: 1,
        failed_calls: 0,
        unconfirmed_calls: 0,
        micros: 259_000,
        cost_micros: 259_000,
        currency: 'CNY',
        counted_at: 9,
        at: 10,
      },
    ],
    [
      'audit_log',
      {
        id: 'act_1',
        at: 10,
        actor_key_id: 'key_1',
        actor_name: 'first',
        address: '127.0.0.1',
        act: 'key.create',
        target: 'key_2',
        details: '{"name":"shop"}',
      },
    ],
  ],
];

/** Of which only one database has the table. */
const isIn = (sql: Sql, table: string): boolean => (table === 'jobs' ? sql === 'sqlite' : true);

const rowsUntil = (sql: Sql, version: number) =>
  rowsOf
    .slice(0, version)
    .flat()
    .filter(([table]) => isIn(sql, table) && !(table === 'nodes' && sql === 'sqlite'));

const insertText = (
  table: string,
  row: Readonly<Record<string, unknown>>,
  place: (index: number) => string,
) =>
  `insert into ${table} (${Object.keys(row).join(', ')}) values (${Object.keys(row)
    .map((_, index) => place(index + 1))
    .join(', ')})`;

interface Old {
  readonly open: () => Promise<Database>;
  readonly rows: (table: string) => Promise<readonly unknown[]>;
  readonly version: () => Promise<unknown>;
  readonly close: () => Promise<void>;
}

const oldSqlite = async (version: number): Promise<Old> => {
  const folder = await mkdtemp(join(tmpdir(), 'limner-migrations-'));
  const file = join(folder, 'limner.db');
  const handle = new DatabaseSync(file);
  for (const migration of migrations.slice(0, version)) {
    for (const statement of migration.statements('sqlite')) handle.exec(statement);
  }
  handle.exec(`PRAGMA user_version = ${version}`);
  for (const [table, row] of rowsUntil('sqlite', version)) {
    handle.prepare(insertText(table, row, () => '?')).run(...(Object.values(row) as (string | number)[]));
  }
  return {
    open: () => openSqliteDatabase({ file, operationModules }),
    rows: async (table) => handle.prepare(`select * from ${table}`).all(),
    version: async () => handle.prepare('PRAGMA user_version').get()?.['user_version'],
    close: async () => {
      handle.close();
      await rm(folder, { recursive: true });
    },
  };
};

const oldPostgres = async (version: number): Promise<Old> => {
  const url = await emptyPostgresUrl();
  const client = new Client(url);
  await client.connect();
  for (const migration of migrations.slice(0, version)) {
    for (const statement of migration.statements('postgres')) await client.query(statement);
  }
  if (version > 0) {
    await client.query('create table limner_schema (version integer not null)');
    await client.query('insert into limner_schema values ($1)', [version]);
  }
  for (const [table, row] of rowsUntil('postgres', version)) {
    await client.query(
      insertText(table, row, (index) => `$${index}`),
      Object.values(row),
    );
  }
  return {
    open: () =>
      openPostgresDatabase({ url, clock: systemClock, connections: 2, enqueue: () => Promise.resolve() }),
    rows: async (table) => (await client.query(`select * from ${table}`)).rows,
    version: async () => (await client.query('select version from limner_schema')).rows[0]?.version,
    close: () => client.end(),
  };
};

describe.each([
  ['sqlite', oldSqlite],
  ['postgres', oldPostgres],
] as const)('migrations of %s', (sql, makeOld) => {
  it('have a row here for every table that they ever made', () => {
    const made = migrations.flatMap((migration) =>
      migration.statements(sql).flatMap((text) => /^create table (\w+)/.exec(text)?.[1] ?? []),
    );
    const here = new Set(rowsUntil(sql, migrations.length).map(([table]) => table));
    expect(here).toEqual(new Set(made));
  });

  it('make all tables in an empty database', async () => {
    const old = await makeOld(0);
    const database = await old.open();
    try {
      expect(await old.version()).toBe(migrations.length);
      expect(await createTaskStore(database).list({ keyId: 'key_1', limit: 10 })).toEqual({
        tasks: [],
        hasMore: false,
      });
    } finally {
      await database.close();
      await old.close();
    }
  });

  it.each(migrations.map((_, index) => index + 1))(
    'from version %i keep every row, and the task store works on what comes out',
    async (version) => {
      const old = await makeOld(version);
      const database = await old.open();
      try {
        expect(await old.version()).toBe(migrations.length);
        for (const [table, row] of rowsUntil(sql, version)) {
          expect(await old.rows(table)).toContainEqual(expect.objectContaining(row));
        }

        const tasks = createTaskStore(database);
        const [completed, pending, failed] = [idOf('task', 1), idOf('task', 2), idOf('task', 3)];
        const { tasks: listed } = await tasks.list({ keyId: 'key_1', limit: 10 });
        expect(listed.map(({ id }) => id)).toEqual([failed, pending, completed]);
        expect(await tasks.get(completed, 'key_1')).toMatchObject({
          status: 'completed',
          images: [{ id: idOf('img', 1), bytes: 5_000_000_000 }],
        });
        expect(await tasks.claim({ taskId: failed, token: 'x' })).toBeUndefined();
        const claim = { taskId: pending, token: 'y' };
        expect((await tasks.claim(claim))?.task.request.prompt).toBe(JSON.parse(request).prompt);
        const usage = { images: 0, costMicros: 0 };
        const ending = { status: 'completed', usage, adjustments: [] } as const;
        expect(await tasks.start(claim, { calls: [], adjustments: [], atMs: 1 })).toBe('written');
        expect(await tasks.finish(claim, ending as never, 2)).toBe('written');
        const next = {
          id: idOf('task', 9),
          keyId: 'key_1',
          request: JSON.parse(request),
          createdAtMs: 9,
        };
        expect(await tasks.insert(next)).toEqual({ outcome: 'created' });
      } finally {
        await database.close();
        await old.close();
      }
    },
  );
});
