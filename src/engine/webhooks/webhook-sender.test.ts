import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../../test/support/eventually.ts';
import { createManualClock } from '../../../test/support/manual-clock.ts';
import { startWebhookReceiver, type WebhookReceiver } from '../../../test/support/webhook-receiver.ts';
import { newId } from '../../core/ids.ts';
import type { Delivery } from '../../core/webhook.ts';
import { openSqliteDatabase } from '../../database/sqlite/sqlite-database.ts';
import { standingKeyOnly } from '../../access/link-keys.ts';
import { createLinks } from '../../http/links.ts';
import { createPresenter } from '../../http/routes/generations/present.ts';
import { createLogger } from '../../observe/logger.ts';
import { createMetrics } from '../../observe/metrics.ts';
import { createGuardedFetcher } from '../../providers/fetch-guard.ts';
import { createTaskStore } from '../../tasks/sql-task-store.ts';
import { createWebhookStore } from '../../webhooks/sql-webhook-store.ts';
import { createWebhookSender, type WebhookSenderParts } from './webhook-sender.ts';

const HOUR = 60 * 60 * 1000;
const KEY = 'key_one';

const open = async () => {
  const folder = await mkdtemp(join(tmpdir(), 'limner-webhooks-'));
  const database = await openSqliteDatabase({
    file: join(folder, 'limner.db'),
    operationModules: ['../../tasks/task-operations.ts', '../../webhooks/webhook-operations.ts'].map(
      (module) => new URL(module, import.meta.url).href,
    ),
  });
  // The receiver's library compares with the time of the day.
  const clock = createManualClock(Date.now());
  const tasks = createTaskStore(database);
  const webhooks = createWebhookStore(database, clock, randomBytes);
  const fetcher = createGuardedFetcher({ allow: ['127.0.0.0/8'] });
  const log: string[] = [];
  const links = createLinks({
    keys: standingKeyOnly(new Uint8Array(32)),
    origin: () => 'https://pictures.example',
    images: { link: () => undefined },
  });
  const parts: WebhookSenderParts = {
    tasks,
    webhooks,
    fetcher,
    clock,
    present: createPresenter({ clock, urlTtlMs: HOUR, taskTtlMs: 24 * HOUR }, links),
    random: () => 0.5,
    logger: createLogger({ level: 'debug', destination: { write: (line) => void log.push(line) } }),
    meter: createMetrics().meter,
    reach: () => {},
  };
  return {
    tasks,
    webhooks,
    clock,
    parts,
    log,
    close: async () => {
      await fetcher.close();
      await database.close();
      await rm(folder, { recursive: true });
    },
  };
};

let world: Awaited<ReturnType<typeof open>>;
let receiver: WebhookReceiver;
let senders: ReturnType<typeof createWebhookSender>[];
beforeEach(async () => {
  world = await open();
  receiver = await startWebhookReceiver();
  senders = [];
});
afterEach(async () => {
  for (const sender of senders) {
    sender.abandon();
    await sender.stop();
  }
  await receiver[Symbol.asyncDispose]();
  await world.close();
});

const startSender = (changes: Partial<WebhookSenderParts> = {}) => {
  const sender = createWebhookSender({ ...world.parts, ...changes });
  senders.push(sender);
  sender.start();
  return {
    ...sender,
    /** Lets it look at the table. */
    look: () => {
      world.clock.advance(20);
      sender.wake();
    },
  };
};

const insertTask = async (webhookUrl?: string): Promise<string> => {
  const createdAtMs = world.clock.nowMs();
  const id = newId('task', createdAtMs, randomBytes);
  await world.tasks.insert({
    id,
    keyId: KEY,
    createdAtMs,
    request: {
      model: 'seedream-3.0',
      prompt: '一只猫',
      n: 1,
      size: { width: 1024, height: 1024 },
      responseFormat: 'url',
      outputFormat: 'auto',
      watermark: false,
      ...(webhookUrl !== undefined && { webhookUrl }),
    },
  });
  return id;
};

/** A task that has just completed. */
const endedTask = async (webhookUrl?: string, atMs = world.clock.nowMs()): Promise<string> => {
  const taskId = await insertTask(webhookUrl);
  const claim = { taskId, token: newId('claim', world.clock.nowMs(), randomBytes) };
  await world.tasks.claim(claim);
  const usage = { images: 0, costMicros: 0 };
  await world.tasks.finish(claim, { status: 'completed', usage, adjustments: [] }, atMs);
  return taskId;
};

const deliveries = async (): Promise<readonly Delivery[]> =>
  (await world.webhooks.deliveries({ keyId: KEY, limit: 100 })).deliveries;

/** The only delivery, once it is as wanted. */
const deliveryWith = (wanted: (delivery: Delivery) => boolean): Promise<Delivery> =>
  eventually(async () => {
    const [delivery] = await deliveries();
    return delivery !== undefined && wanted(delivery) ? delivery : undefined;
  }, 'the delivery is as wanted');

const attempted = (times: number) => deliveryWith(({ attempts }) => attempts === times);

describe('telling others of endings', () => {
  it('tells the webhook_url and each endpoint of the key, each signed with a secret of its own', async () => {
    const shop = await world.webhooks.createEndpoint(KEY, `${receiver.url}/shop`);
    await world.webhooks.createEndpoint('key_two', `${receiver.url}/stranger`);
    const endedAt = new Date(world.clock.nowMs());
    const taskId = await endedTask(`${receiver.url}/own`);
    const sender = startSender();
    await eventually(async () => {
      sender.look();
      const states = (await deliveries()).map(({ state }) => state);
      return states.join() === 'delivered,delivered' || undefined;
    }, 'both are told');

    const signing = await world.webhooks.signingSecret(KEY);
    const secrets = new Map([
      ['/hook/own', signing.secret.reveal()],
      ['/hook/shop', shop?.secret.reveal() ?? ''],
    ]);
    expect(receiver.received.map(({ path }) => path).toSorted()).toEqual(['/hook/own', '/hook/shop']);
    for (const webhook of receiver.received) {
      const event = receiver.verify(webhook, secrets.get(webhook.path) ?? '');
      expect(event).toMatchObject({
        type: 'task.completed',
        timestamp: endedAt.toISOString(),
        data: { task_id: taskId, status: 'completed', prompt: '一只猫', images: [] },
      });
      expect(webhook.headers).toMatchObject({ 'content-type': 'application/json', 'user-agent': 'limner' });
    }
    const [own, other] = receiver.received;
    expect(own?.id).not.toBe(other?.id);
    for (const secret of secrets.values()) expect(world.log.join('')).not.toContain(secret.slice(6));
  });

  it('tells of a cancelled task, and of none that was deleted while open', async () => {
    const cancelled = await insertTask(receiver.url);
    const deleted = await insertTask(receiver.url);
    const error = { code: 'cancelled', message: 'Cancelled.', retryable: false } as const;
    await world.tasks.cancel(cancelled, KEY, error, world.clock.nowMs());
    await world.tasks.delete(deleted, KEY);
    startSender();
    await deliveryWith(({ state }) => state === 'delivered');
    expect(receiver.received.map(({ event }) => [event.type, event.data.task_id])).toEqual([
      ['task.failed', cancelled],
    ]);
  });

  it('makes one event of an ending that two would write', async () => {
    const taskId = await insertTask(receiver.url);
    const claim = { taskId, token: newId('claim', 1, randomBytes) };
    await world.tasks.claim(claim);
    const usage = { images: 0, costMicros: 0 };
    const error = { code: 'cancelled', message: 'Cancelled.', retryable: false } as const;
    await Promise.all([
      world.tasks.finish(claim, { status: 'completed', usage, adjustments: [] }, 1),
      world.tasks.finish(claim, { status: 'completed', usage, adjustments: [] }, 2),
      world.tasks.cancel(taskId, KEY, error, 3),
    ]);
    expect(await deliveries()).toHaveLength(1);
  });
});

describe('a receiver that does not take it', () => {
  it('is tried ten times over three days with one id, and then no more', async () => {
    receiver.answerWith(() => ({ status: 500 }));
    await endedTask(receiver.url);
    const sender = startSender();
    const attempt = (times: number): Promise<Delivery> =>
      eventually(async () => {
        sender.look();
        return (await deliveries()).find(({ attempts }) => attempts === times);
      }, `attempt ${times}`);
    const pausesMs = [5_000, 300_000, HOUR / 2, ...[2, 5, 10, 14, 20, 24].map((hours) => hours * HOUR)];
    for (const [place, pauseMs] of pausesMs.entries()) {
      const { state, nextAttemptAtMs = 0, lastAttempt } = await attempt(place + 1);
      expect(state).toBe('pending');
      expect(lastAttempt).toMatchObject({ status: 500, error: 'The receiver answered 500.' });
      expect(nextAttemptAtMs - (lastAttempt?.atMs ?? 0)).toBe(pauseMs);
      world.clock.advance(nextAttemptAtMs - world.clock.nowMs());
    }
    expect(await attempt(10)).toMatchObject({ state: 'failed', lastAttempt: { status: 500 } });
    expect(receiver.received).toHaveLength(10);
    expect(new Set(receiver.received.map(({ id }) => id)).size).toBe(1);
    const { secret } = await world.webhooks.signingSecret(KEY);
    for (const { id, headers, body } of receiver.received) {
      const sentAt = new Date(Number(headers['webhook-timestamp']) * 1000);
      expect(headers['webhook-signature']).toBe(new Webhook(secret.reveal()).sign(id, sentAt, body));
    }
    const lines = world.log.map((line) => JSON.parse(line) as { msg: string; level: string });
    expect(lines.filter(({ level }) => level === 'warn').map(({ msg }) => msg)).toEqual([
      'a webhook was given up',
    ]);
  });

  it('is not asked to follow a redirect', async () => {
    await using elsewhere = await startWebhookReceiver();
    receiver.answerWith(() => ({ status: 308, headers: { location: elsewhere.url } }));
    await endedTask(receiver.url);
    startSender();
    expect(await attempted(1)).toMatchObject({ state: 'pending', lastAttempt: { status: 308 } });
    expect(elsewhere.received).toEqual([]);
  });

  it.each([429, 503])('is left alone for as long as it asks with %i', async (status) => {
    receiver.answerWith(() => ({ status, headers: { 'retry-after': '120' } }));
    await endedTask(receiver.url);
    startSender();
    const { nextAttemptAtMs } = await attempted(1);
    expect(nextAttemptAtMs).toBe(world.clock.nowMs() + 120_000);
  });

  it('is disabled when it answers 410: nothing more is sent to it or noted for it', async () => {
    const fresh = await world.webhooks.createEndpoint(KEY, receiver.url);
    const endpointId = fresh?.endpoint.id ?? '';
    receiver.answerWith(() => ({ status: 410 }));
    await endedTask();
    await endedTask();
    const sender = startSender();
    await eventually(async () => {
      sender.look();
      return (await deliveries()).every(({ state }) => state === 'failed') || undefined;
    }, 'both are given up');
    expect(receiver.received).toHaveLength(1);
    expect((await deliveries()).map(({ lastAttempt }) => lastAttempt?.error ?? '').toSorted()).toEqual([
      'The endpoint is disabled.',
      'The receiver answered 410: it wants no more events.',
    ]);
    expect((await world.webhooks.endpoint(endpointId, KEY))?.disabled).toMatchObject({
      reason: 'The receiver answered 410: it wants no more events.',
    });
    await endedTask();
    expect(await deliveries()).toHaveLength(2);

    await world.webhooks.enableEndpoint(endpointId, KEY);
    receiver.answerWith(() => ({ status: 200 }));
    await endedTask();
    sender.look();
    await deliveryWith(({ state }) => state === 'delivered');
  });

  it('is not waited for longer than its time', async () => {
    receiver.answerWith(() => ({ status: 200, after: new Promise(() => {}) }));
    await endedTask(receiver.url);
    const { fetcher } = world.parts;
    startSender({ fetcher: { post: (url, order) => fetcher.post(url, { ...order, timeoutMs: 50 }) } });
    expect(await attempted(1)).toMatchObject({
      state: 'pending',
      lastAttempt: { error: expect.stringMatching(/took longer than/) },
    });
  });

  it('does not hold up the others', async () => {
    await using hanging = await startWebhookReceiver();
    hanging.answerWith(() => ({ status: 200, after: new Promise(() => {}) }));
    for (let count = 0; count < 30; count += 1) await endedTask(hanging.url);
    for (let count = 0; count < 30; count += 1) await endedTask(receiver.url);
    const sender = startSender();
    await eventually(async () => {
      sender.look();
      return receiver.received.length === 30 || undefined;
    }, 'the other receiver has its own');
    expect(hanging.received).toHaveLength(1);
    expect(new Set(receiver.received.map(({ id }) => id)).size).toBe(30);
  });

  it('is refused for good when its address is private', async () => {
    const fetcher = createGuardedFetcher();
    await endedTask(receiver.url);
    startSender({ fetcher });
    expect(await attempted(1)).toMatchObject({
      state: 'failed',
      lastAttempt: { error: `${receiver.host} is no public address.` },
    });
    expect(receiver.received).toEqual([]);
    await fetcher.close();
  });
});

describe('what cannot be sent any more', () => {
  it('is given up when the task is gone', async () => {
    const taskId = await endedTask(receiver.url);
    await world.tasks.delete(taskId, KEY);
    startSender();
    expect(await attempted(1)).toMatchObject({
      state: 'failed',
      lastAttempt: { error: 'The task was deleted before this could be sent.' },
    });
  });

  it('is given up when the endpoint is gone', async () => {
    const fresh = await world.webhooks.createEndpoint(KEY, receiver.url);
    await endedTask();
    await world.webhooks.deleteEndpoint(fresh?.endpoint.id ?? '', KEY);
    startSender();
    expect(await attempted(1)).toMatchObject({
      state: 'failed',
      lastAttempt: { error: 'The endpoint is deleted.' },
    });
    expect(receiver.received).toEqual([]);
  });
});

describe('a new secret', () => {
  it('signs beside the one before it for a day', async () => {
    const before = (await world.webhooks.signingSecret(KEY)).secret.reveal();
    const after = (await world.webhooks.rotateSigningSecret(KEY)).secret.reveal();
    expect(after).not.toBe(before);
    await endedTask(receiver.url);
    startSender();
    await deliveryWith(({ state }) => state === 'delivered');
    const [webhook] = receiver.received;
    if (webhook === undefined) throw new Error('Nothing came');
    expect(webhook.headers['webhook-signature']?.split(' ')).toHaveLength(2);
    for (const secret of [before, after]) {
      expect(receiver.verify(webhook, secret).type).toBe('task.completed');
    }
  });

  it('signs alone after that', async () => {
    const fresh = await world.webhooks.createEndpoint(KEY, receiver.url);
    const rotated = await world.webhooks.rotateSecret(fresh?.endpoint.id ?? '', KEY);
    world.clock.advance(24 * HOUR);
    await endedTask();
    startSender();
    await deliveryWith(({ state }) => state === 'delivered');
    const { id = '', headers, body = '' } = receiver.received[0] ?? {};
    const sentAt = new Date(world.clock.nowMs());
    expect(headers?.['webhook-signature']).toBe(
      new Webhook(rotated?.secret.reveal() ?? '').sign(id, sentAt, body),
    );
  });
});

describe('the sender', () => {
  it('waits, when it is stopped, for what is on its way and begins nothing more', async () => {
    let answer = (): void => {};
    const answered = new Promise<void>((resolve) => (answer = resolve));
    receiver.answerWith(() => ({ status: 200, after: answered }));
    await endedTask(receiver.url);
    const sender = startSender();
    await eventually(async () => receiver.received.length === 1 || undefined, 'it is on its way');
    const stopped = sender.stop();
    await endedTask(receiver.url);
    sender.wake();
    answer();
    await stopped;
    expect((await deliveries()).map(({ state }) => state).toSorted()).toEqual(['delivered', 'pending']);
    expect(receiver.received).toHaveLength(1);
  });

  it('sends what was broken off again under the same id', async () => {
    receiver.answerWith(() => ({ status: 200, after: new Promise(() => {}) }));
    await endedTask(receiver.url);
    const first = startSender();
    await eventually(async () => receiver.received.length === 1 || undefined, 'it is on its way');
    first.abandon();
    await first.stop();
    expect(await deliveries()).toMatchObject([{ state: 'pending', attempts: 0 }]);
    receiver.answerWith(() => ({ status: 200 }));
    startSender();
    await deliveryWith(({ state }) => state === 'delivered');
    expect(receiver.received.map(({ id }) => id)).toEqual([
      receiver.received[0]?.id,
      receiver.received[0]?.id,
    ]);
  });

  it('goes on at once when the clock is set back', async () => {
    let backMs = 0;
    const { clock } = world;
    const sender = startSender({ clock: { ...clock, nowMs: () => clock.nowMs() - backMs } });
    await endedTask(receiver.url);
    sender.look();
    await deliveryWith(({ state }) => state === 'delivered');
    backMs = HOUR;
    await endedTask(receiver.url, clock.nowMs() - 2 * HOUR);
    sender.wake();
    await eventually(async () => receiver.received.length === 2 || undefined, 'the other is told');
    expect(receiver.received).toHaveLength(2);
  });

  it('does not flood a receiver when its answers cannot be written down', async () => {
    let isFull = true;
    await endedTask(receiver.url);
    const sender = startSender({
      webhooks: {
        ...world.webhooks,
        recordAttempts: (records) =>
          isFull ? Promise.reject(new Error('disk full')) : world.webhooks.recordAttempts(records),
      },
    });
    await eventually(
      async () => world.log.some((line) => line.includes('disk full')) || undefined,
      'it fails',
    );
    sender.look();
    sender.look();
    isFull = false;
    world.clock.advance(60_000);
    await deliveryWith(({ state }) => state === 'delivered');
    expect(receiver.received).toHaveLength(2);
  });

  it('starts the attempts anew when it is told to redeliver', async () => {
    await endedTask(receiver.url);
    const sender = startSender();
    const { id } = await deliveryWith(({ state }) => state === 'delivered');
    await world.webhooks.redeliver(id, KEY);
    expect(await deliveries()).toMatchObject([{ id, state: 'pending', attempts: 0 }]);
    sender.look();
    await deliveryWith(({ state }) => state === 'delivered');
    expect(receiver.received.map((webhook) => webhook.id)).toEqual([id, id]);
  });
});
