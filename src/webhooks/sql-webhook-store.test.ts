import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openTestSqlite, type TestDatabase, testDatabases } from '../../test/support/databases.ts';
import { createManualClock } from '../../test/support/manual-clock.ts';
import { newId } from '../core/ids.ts';
import { type Delivery, webhookLimits } from '../core/webhook.ts';
import { compileStatements } from '../database/compile.ts';
import { createTaskStore } from '../tasks/sql-task-store.ts';
import { createWebhookStore } from './sql-webhook-store.ts';

const KEY = 'key_one';

const lanes = ['seedream-3.0'];

const enter = async (open: (...lanes: readonly string[]) => Promise<TestDatabase>) => {
  const { database, query, close } = await open(...lanes);
  // Whoever adds an endpoint waits at the row of its key.
  await query(
    `insert into api_keys (id, name, role, hash, hint, created_at) values ('${KEY}', 'one', 'user', 'x', '…', 0)`,
  );
  const clock = createManualClock();
  return {
    clock,
    query,
    tasks: createTaskStore(database),
    store: createWebhookStore(database, clock, randomBytes),
    close,
  };
};

let world: Awaited<ReturnType<typeof enter>>;

/** A task that was cancelled a second later; its id. */
const endTask = async (webhookUrl: string): Promise<string> => {
  const { clock, tasks } = world;
  const createdAtMs = clock.nowMs();
  const id = newId('task', createdAtMs, randomBytes);
  await tasks.insert({
    id,
    keyId: KEY,
    createdAtMs,
    request: {
      model: 'seedream-3.0',
      prompt: 'A red fox',
      n: 1,
      size: { width: 1024, height: 1024 },
      responseFormat: 'url',
      outputFormat: 'auto',
      watermark: false,
      webhookUrl,
    },
  });
  clock.advance(1_000);
  const error = { code: 'cancelled', message: 'Cancelled.', retryable: false } as const;
  await tasks.cancel(id, KEY, error, clock.nowMs());
  return id;
};

const settle = (delivery: Delivery, state: 'delivered' | 'failed') =>
  world.store.recordAttempts([{ delivery, atMs: world.clock.nowMs(), state, status: 200 }]);

describe.each(testDatabases)('on %s', (_, open) => {
  beforeEach(async () => {
    world = await enter(open);
  });
  afterEach(() => world.close());

  describe('endpoints', () => {
    it('belong to one key and are listed oldest first', async () => {
      const first = await world.store.createEndpoint(KEY, 'https://a.example/');
      world.clock.advance(1);
      const second = await world.store.createEndpoint(KEY, 'https://b.example/');
      const ids = [first?.endpoint.id ?? '', second?.endpoint.id ?? ''];
      expect((await world.store.endpoints(KEY)).map(({ id }) => id)).toEqual(ids);
      expect(await world.store.endpoints('key_two')).toEqual([]);
      const [id = ''] = ids;
      expect(await world.store.endpoint(id, 'key_two')).toBeUndefined();
      expect(await world.store.rotateSecret(id, 'key_two')).toBeUndefined();
      expect(await world.store.enableEndpoint(id, 'key_two')).toBeUndefined();
      expect(await world.store.deleteEndpoint(id, 'key_two')).toBe(false);
      expect(await world.store.deleteEndpoint(id, KEY)).toBe(true);
      expect(await world.store.endpoints(KEY)).toEqual([second?.endpoint]);
    });

    it('have secrets of 32 random bytes, as Standard Webhooks writes them', async () => {
      const secrets = await Promise.all(
        [1, 2].map(
          async () => (await world.store.createEndpoint(KEY, 'https://a.example/'))?.secret.reveal() ?? '',
        ),
      );
      expect(new Set(secrets).size).toBe(2);
      for (const secret of secrets) {
        expect(secret).toMatch(/^whsec_/);
        expect(Buffer.from(secret.slice(6), 'base64')).toHaveLength(32);
      }
    });

    it('are limited in number, also when they are made at once', async () => {
      const made = await Promise.all(
        Array.from({ length: webhookLimits.endpointsPerKey + 5 }, () =>
          world.store.createEndpoint(KEY, 'https://a.example/'),
        ),
      );
      expect(made.filter((fresh) => fresh !== undefined)).toHaveLength(webhookLimits.endpointsPerKey);
    });
  });

  describe('the signing secret of a key', () => {
    it('is made once, and told when the one before it ends', async () => {
      const [one, other] = await Promise.all([1, 2].map(() => world.store.signingSecret(KEY)));
      expect(one?.secret.reveal()).toBe(other?.secret.reveal());
      const rotated = await world.store.rotateSigningSecret(KEY);
      expect(rotated.previousUntilMs).toBe(world.clock.nowMs() + webhookLimits.rotationMs);
      world.clock.advance(webhookLimits.rotationMs);
      const later = await world.store.signingSecret(KEY);
      expect(later.secret.reveal()).toBe(rotated.secret.reveal());
      expect(later.previousUntilMs).toBeUndefined();
    });
  });

  describe('deliveries', () => {
    it('are listed in pages, newest first, by task and by state', async () => {
      const taskIds: string[] = [];
      for (let count = 0; count < 5; count += 1) taskIds.push(await endTask('https://a.example/hook'));
      const first = await world.store.deliveries({ keyId: KEY, limit: 3 });
      const rest = await world.store.deliveries({
        keyId: KEY,
        limit: 3,
        afterId: first.deliveries.at(-1)?.id ?? '',
      });
      expect([first.hasMore, rest.hasMore]).toEqual([true, false]);
      const all = [...first.deliveries, ...rest.deliveries];
      expect(all.map(({ taskId }) => taskId)).toEqual(taskIds.toReversed());

      const [newest] = all;
      if (newest === undefined) throw new Error('There is none');
      await settle(newest, 'delivered');
      const of = async (query: object) =>
        (await world.store.deliveries({ keyId: KEY, limit: 9, ...query })).deliveries.map(({ id }) => id);
      expect(await of({ state: 'delivered' })).toEqual([newest.id]);
      expect(await of({ taskId: taskIds[0] })).toEqual([all[4]?.id]);
      expect(await of({ taskId: taskIds[0], state: 'delivered' })).toEqual([]);
      expect(await of({ keyId: 'key_two' })).toEqual([]);
      expect(await world.store.delivery(newest.id, 'key_two')).toBeUndefined();
      expect(await world.store.redeliver(newest.id, 'key_two')).toBeUndefined();
    });

    it('are due by host, the longest waiting first', async () => {
      for (const url of ['https://b.example/1', 'http://a.example:8080/', 'https://b.example/2'])
        await endTask(url);
      const startMs = world.clock.nowMs() - 3_000;
      expect(await world.store.pendingHosts()).toEqual([
        { host: 'a.example:8080', dueAtMs: startMs + 2_000 },
        { host: 'b.example', dueAtMs: startMs + 1_000 },
      ]);
      const due = await world.store.due('b.example', world.clock.nowMs(), 9);
      expect(due.map(({ url }) => url)).toEqual(['https://b.example/1', 'https://b.example/2']);
      expect(await world.store.due('b.example', startMs + 1_000, 9)).toHaveLength(1);
      for (const delivery of due) await settle(delivery, 'failed');
      expect((await world.store.pendingHosts()).map(({ host }) => host)).toEqual(['a.example:8080']);
    });

    it('keep the end that they had when another attempt is recorded late', async () => {
      await endTask('https://a.example/');
      const [delivery] = (await world.store.deliveries({ keyId: KEY, limit: 1 })).deliveries;
      if (delivery === undefined) throw new Error('There is none');
      await settle(delivery, 'delivered');
      await settle(delivery, 'failed');
      expect(await world.store.delivery(delivery.id, KEY)).toMatchObject({ state: 'delivered', attempts: 1 });
    });

    it('are removed when they have ended and are old, a few at a time', async () => {
      for (let count = 0; count < 4; count += 1) await endTask('https://a.example/');
      const { deliveries } = await world.store.deliveries({ keyId: KEY, limit: 9 });
      for (const delivery of deliveries.slice(1)) await settle(delivery, 'delivered');
      const laterMs = world.clock.nowMs() + 1;
      expect(await world.store.deleteDeliveriesBefore(deliveries[2]?.createdAtMs ?? 0, 9)).toBe(1);
      expect(await world.store.deleteDeliveriesBefore(laterMs, 1)).toBe(1);
      expect(await world.store.deleteDeliveriesBefore(laterMs, 9)).toBe(1);
      expect((await world.store.deliveries({ keyId: KEY, limit: 9 })).deliveries).toHaveLength(1);
    });
  });
});

it.each(['pendingHosts', 'dueDeliveries'])(
  'SQLite finds what is pending by its index alone: %s',
  async (name) => {
    const { text = '' } = compileStatements('sqlite').get(name) ?? {};
    const { query, close } = await openTestSqlite();
    const plan = await query(`explain query plan ${text.replaceAll('?', '0')}`);
    await close();
    const details = plan.map(({ detail }) => String(detail));
    const steps = details.filter((step) => step.includes('webhook_deliveries'));
    expect(steps.length).toBeGreaterThan(0);
    for (const step of steps) expect(step).toMatch(/USING (COVERING )?INDEX webhook_deliveries_pending/);
    expect(details.join()).not.toContain('TEMP B-TREE');
  },
);
