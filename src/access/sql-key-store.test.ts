import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { eventually } from '../../test/support/eventually.ts';
import { type TestDatabase, testDatabases } from '../../test/support/databases.ts';
import type { KeyStore, NewKey } from './keys.ts';
import { createAuditLog } from './sql-audit-log.ts';
import { createKeyStore } from './sql-key-store.ts';

const START_MS = 1_790_000_000_000;
const actor = { keyId: 'key_admin', name: 'admin', address: '203.0.113.9' };
const shop: NewKey = { name: 'shop', role: 'user' };

describe.each(testDatabases)('keys in %s', (_, open) => {
  let opened: TestDatabase;
  let nowMs: number;
  let keys: KeyStore;
  /** Another process over the same database. */
  let elsewhere: KeyStore;

  beforeEach(async () => {
    opened = await open();
    nowMs = START_MS;
    const clock = { nowMs: () => nowMs, after: () => () => {} };
    const settings = { database: opened.database, clock, randomBytes };
    keys = createKeyStore({ ...settings, defaultLimits: { requestsPerMinute: 60, concurrentTasks: 5 } });
    elsewhere = createKeyStore(settings);
  });
  afterEach(() => opened.close());

  test('keep what is set, change it and take it away', async () => {
    const settings = {
      models: ['jimeng'],
      allowedIps: ['10.0.0.0/8'],
      expiresAtMs: START_MS + 1,
      limits: {
        imagesPerDay: 7,
        budget: { micros: 1_234_567, currency: 'CNY', period: 'month' as const },
      },
    };
    const { key } = await keys.create({ ...shop, ...settings }, actor);
    expect(await elsewhere.get(key.id)).toEqual({ ...key, ...settings });

    const changes = { name: 'kiosk', models: null, imagesPerDay: 9, budget: null, concurrentTasks: 1 };
    const changed = await keys.update(key.id, changes, actor);
    expect(changed).toMatchObject({ name: 'kiosk', limits: { imagesPerDay: 9, concurrentTasks: 1 } });
    expect(changed).not.toHaveProperty('models');
    expect(changed?.limits).not.toHaveProperty('budget');
    expect(await elsewhere.get(key.id)).toEqual(changed);
    expect(await keys.update('key_00000000000000000000000000', { name: 'x' }, actor)).toBeUndefined();
  });

  test('have the limits for every key unless they have their own; those of administrators have none', async () => {
    const own = await keys.create({ ...shop, limits: { concurrentTasks: 9 } }, actor);
    const admin = await keys.create({ name: 'admin', role: 'admin' }, actor);
    expect((await keys.authenticate(own.secret))?.limits).toEqual({
      requestsPerMinute: 60,
      concurrentTasks: 9,
    });
    expect((await keys.authenticate(admin.secret))?.limits).toEqual({});
    await keys.ensureBootstrap('a-key-from-the-environment');
    expect((await keys.authenticate('a-key-from-the-environment'))?.limits).toEqual({});
  });

  test('end when they expire, to the millisecond, however well they are known', async () => {
    const { secret } = await keys.create({ ...shop, expiresAtMs: START_MS + 400 }, actor);
    expect(await keys.authenticate(secret)).toBeDefined();
    nowMs += 399;
    expect(await keys.authenticate(secret)).toBeDefined();
    nowMs += 1;
    expect(await keys.authenticate(secret)).toBeUndefined();
  });

  test('are refused everywhere within a second after they were revoked', async () => {
    const { key, secret } = await keys.create(shop, actor);
    expect(await elsewhere.authenticate(secret)).toBeDefined();
    await keys.revoke(key.id, actor);
    expect(await keys.authenticate(secret)).toBeUndefined();
    nowMs += 999;
    expect(await elsewhere.authenticate(secret)).toBeUndefined();
  });

  test('get a new secret while the one before works on for a while, and no third one does', async () => {
    const first = await keys.create(shop, actor);
    const second = await keys.rotate(first.key.id, 10_000, actor);
    expect(second?.key).toMatchObject({ id: first.key.id, previousUntilMs: START_MS + 10_000 });
    expect((await elsewhere.authenticate(first.secret))?.id).toBe(first.key.id);
    expect((await elsewhere.authenticate(second?.secret ?? ''))?.id).toBe(first.key.id);

    const third = await keys.rotate(first.key.id, 10_000, actor);
    nowMs += 1_000;
    expect(await elsewhere.authenticate(first.secret)).toBeUndefined();
    expect(await elsewhere.authenticate(second?.secret ?? '')).toBeDefined();
    nowMs += 9_000;
    expect(await elsewhere.authenticate(second?.secret ?? '')).toBeUndefined();
    expect(await elsewhere.authenticate(third?.secret ?? '')).toBeDefined();

    await keys.revoke(first.key.id, actor);
    nowMs += 1_000;
    expect(await elsewhere.authenticate(third?.secret ?? '')).toBeUndefined();
    expect(await keys.rotate(first.key.id, 0, actor)).toBeUndefined();
  });

  test('remember their last use to the minute, in one write', async () => {
    const { key, secret } = await keys.create(shop, actor);
    expect(key).not.toHaveProperty('lastUsedAtMs');
    await keys.authenticate(secret);
    const used = (ms: number) =>
      eventually(
        async () => (await elsewhere.get(key.id))?.lastUsedAtMs === ms || undefined,
        `the use at ${ms} is noted`,
      );
    await used(START_MS);
    nowMs += 30_000;
    await keys.authenticate(secret);
    nowMs += 30_000;
    await keys.authenticate(secret);
    await used(START_MS + 60_000);
  });

  test('write down who did what, from where, and no secret', async () => {
    const { key, secret } = await keys.create({ ...shop, limits: { imagesPerDay: 3 } }, actor);
    nowMs += 1;
    await keys.update(key.id, { imagesPerDay: null }, { name: 'command line' });
    nowMs += 1;
    const rotated = await keys.rotate(key.id, 1_000, actor);
    nowMs += 1;
    await keys.revoke(key.id, actor);
    await keys.revoke(key.id, actor);

    const log = createAuditLog(opened.database);
    const page = await log.list({ limit: 3 });
    expect(page).toMatchObject({
      hasMore: true,
      entries: [
        { act: 'key.revoke', target: key.id, actor, atMs: START_MS + 3 },
        { act: 'key.rotate', details: { overlapMs: 1_000 } },
        { act: 'key.update', actor: { name: 'command line' }, details: { imagesPerDay: null } },
      ],
    });
    const last = page.entries.at(-1)?.id ?? '';
    const rest = await log.list({ limit: 3, afterId: last });
    expect(rest).toMatchObject({
      hasMore: false,
      entries: [{ act: 'key.create', details: { name: 'shop', role: 'user', limits: { imagesPerDay: 3 } } }],
    });
    const rows = JSON.stringify(await opened.query('select * from audit_log'));
    for (const hidden of [secret, rotated?.secret ?? '']) expect(rows).not.toContain(hidden);
  });
});
