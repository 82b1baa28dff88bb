/** A server over real stores in a folder of its own, with a clock that stands still and nobody who works on tasks. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { standingKeyOnly } from '../../src/access/link-keys.ts';
import type { KeyLimits } from '../../src/access/limits.ts';
import { createMemoryRequestLimiter } from '../../src/access/request-limiter.ts';
import { createAuditLog } from '../../src/access/sql-audit-log.ts';
import { createKeyStore } from '../../src/access/sql-key-store.ts';
import { createUsageStore } from '../../src/access/sql-usage-store.ts';
import type { Call } from '../../src/core/call.ts';
import type { Clock } from '../../src/core/clock.ts';
import { LimnerError } from '../../src/core/errors.ts';
import { newId } from '../../src/core/ids.ts';
import type { Image } from '../../src/core/image.ts';
import type { ModelCard } from '../../src/core/model-card.ts';
import type { TaskError } from '../../src/core/task.ts';
import { moduleBeside } from '../../src/threads/start-thread.ts';
import { openSqliteDatabase } from '../../src/database/sqlite/sqlite-database.ts';
import type { ProviderState } from '../../src/engine/provider-health.ts';
import { createServer } from '../../src/http/server.ts';
import type { ServerParts } from '../../src/http/server-parts.ts';
import { type SocketLimits, socketLimits } from '../../src/http/socket-limits.ts';
import { createFsImageStore } from '../../src/images/fs/fs-image-store.ts';
import { createSpool } from '../../src/images/spool.ts';
import { createQueuePlaces } from '../../src/jobs/queue-places.ts';
import { createSqliteJobQueue } from '../../src/jobs/sqlite/sqlite-job-queue.ts';
import { createTaskEvents } from '../../src/observe/events.ts';
import { createLogger, type Logger } from '../../src/observe/logger.ts';
import { createMetrics } from '../../src/observe/metrics.ts';
import { createModelCatalog, type Provider } from '../../src/providers/catalog.ts';
import { createTaskStore } from '../../src/tasks/sql-task-store.ts';
import type { Claim } from '../../src/tasks/task-store.ts';
import { createWebhookStore } from '../../src/webhooks/sql-webhook-store.ts';

/** 2026-01-01T00:00:00Z. */
export const START_MS = 1_767_225_600_000;

const card: ModelCard = {
  upstreamModel: 'drawn-by-hand',
  sizes: {
    kind: 'range',
    minSide: 512,
    maxSide: 2048,
    minPixels: 1,
    maxPixels: 2048 * 2048,
    maxRatio: 4,
    multipleOf: 1,
  },
  maxImagesPerCall: 4,
  negativePrompt: true,
  seed: true,
  watermark: false,
  formats: ['png'],
  price: { currency: 'CNY', tiers: [{ micros: 259_000 }] },
  notice: 'Drawn by hand.',
};

/** A clock that moves when it is told to. */
const createStillClock = () => {
  let now = START_MS;
  const due = new Map<object, { readonly atMs: number; readonly callback: () => void }>();
  const clock: Clock = {
    nowMs: () => now,
    after: (delayMs, callback) => {
      const timer = {};
      due.set(timer, { atMs: now + delayMs, callback });
      return () => void due.delete(timer);
    },
  };
  return {
    ...clock,
    /** How many callbacks are waiting. */
    timers: () => due.size,
    advance: (ms: number) => {
      now += ms;
      for (const [timer, { atMs, callback }] of due) {
        if (atMs > now) continue;
        due.delete(timer);
        callback();
      }
    },
  };
};

/** Starts a server; call `close` when done. */
export const startTestServer = async (
  settings: {
    readonly logger?: Logger;
    readonly publicUrl?: string;
    readonly queueLimit?: number;
    readonly sockets?: Partial<SocketLimits>;
    readonly corsOrigins?: readonly string[];
    readonly defaultLimits?: KeyLimits;
    readonly trustedProxies?: readonly string[];
  } = {},
) => {
  const folder = await mkdtemp(join(tmpdir(), 'limner-http-'));
  const clock = createStillClock();
  const modules = [
    'tasks/task-operations',
    'jobs/sqlite/sqlite-job-queue',
    'access/sql-key-store',
    'webhooks/webhook-operations',
  ];
  const database = await openSqliteDatabase({
    file: join(folder, 'limner.db'),
    operationModules: modules.map((module) => moduleBeside(import.meta.url, `../../src/${module}`).href),
  });
  const tasks = createTaskStore(database);
  const keys = createKeyStore({
    database,
    clock,
    randomBytes,
    ...(settings.defaultLimits !== undefined && { defaultLimits: settings.defaultLimits }),
  });
  const webhooks = createWebhookStore(database, clock, randomBytes);
  const images = createFsImageStore({ folder: join(folder, 'images') });
  const spool = await createSpool({ folder: join(folder, 'spool') });
  const events = createTaskEvents();
  const logger = settings.logger ?? createLogger({ level: 'silent' });
  const queue = createSqliteJobQueue({ database, clock, onFault: (_job, fault) => logger.error(fault) });
  const draining = new AbortController();
  let isReady = true;
  let providerStates: readonly ProviderState[] = [];
  const routes = [{ provider: { name: 'hand' } as Provider, card, editCard: card, weight: 1, priority: 0 }];

  const putFile = async (key: string, bytes: Uint8Array): Promise<void> => {
    const path = join(folder, newId('claim', clock.nowMs(), randomBytes));
    await writeFile(path, bytes);
    await images.put(key, path);
  };
  const referenceKeyOf = (taskId: string): string => `references/${taskId}`;

  const metrics = createMetrics();
  const parts: ServerParts = {
    meter: metrics.meter,
    readMetrics: () => metrics.read(),
    tasks,
    keys,
    limiter: createMemoryRequestLimiter(clock),
    usage: createUsageStore(database),
    audit: createAuditLog(database),
    trustedProxies: settings.trustedProxies ?? [],
    webhooks,
    images,
    spool,
    events,
    queue,
    places: createQueuePlaces(queue, settings.queueLimit ?? 1_000),
    clock,
    logger,
    randomBytes,
    models: createModelCatalog([
      ...['seedream-3.0', 'jimeng', 'keling', 'dall-e-3'].map((name) => ({ name, routes })),
      { name: 'nobody', routes: [] },
    ]),
    linkKeys: standingKeyOnly(new Uint8Array(32).fill(7)),
    sockets: { ...socketLimits, ...settings.sockets },
    corsOrigins: settings.corsOrigins ?? [],
    publicUrl: 'publicUrl' in settings ? settings.publicUrl : 'https://pictures.example',
    urlTtlMs: 60 * 60 * 1000,
    taskTtlMs: 24 * 60 * 60 * 1000,
    providers: () => providerStates,
    isReady: () => isReady,
    draining: draining.signal,
    storeReference: async (taskId, picture) => {
      if (picture instanceof Uint8Array) await putFile(referenceKeyOf(taskId), picture);
      else {
        await picture.finish();
        await images.put(referenceKeyOf(taskId), spool.path(picture.name));
      }
      return { at: 'store', key: referenceKeyOf(taskId) };
    },
    admit: () => {
      if (draining.signal.aborted) throw new LimnerError('shutting_down', 'The server is shutting down.');
    },
  };
  const app = await createServer(parts);
  const { key: adminKey, secret: admin } = await keys.create(
    { name: 'admin', role: 'admin' },
    { name: 'test' },
  );
  const { key: userKey, secret: user } = await keys.create({ name: 'user', role: 'user' }, { name: 'test' });
  const { secret: stranger } = await keys.create({ name: 'stranger', role: 'user' }, { name: 'test' });

  const claims = new Map<string, Claim>();
  const callOf = (taskId: string): Call => ({
    id: taskId.replace('task_', 'call_'),
    taskId,
    slot: 0,
    attempt: 0,
    provider: 'hand',
    request: {
      model: 'drawn-by-hand',
      prompt: '',
      images: 1,
      firstImage: 0,
      size: { width: 1024, height: 1024 },
      watermark: false,
      hasReference: false,
    },
    step: { state: 'planned' },
    createdAtMs: clock.nowMs(),
  });

  /** Brings a task to `processing`. */
  const begin = async (taskId: string): Promise<Claim> => {
    const claim = { taskId, token: newId('claim', clock.nowMs(), randomBytes) };
    claims.set(taskId, claim);
    await tasks.claim(claim);
    await tasks.start(claim, { calls: [callOf(taskId)], adjustments: [], atMs: clock.nowMs() });
    events.changed(taskId);
    return claim;
  };

  /** Completes a task with these pictures. */
  const complete = async (taskId: string, pictures: readonly Uint8Array[]): Promise<readonly Image[]> => {
    const claim = claims.get(taskId) ?? (await begin(taskId));
    const call = callOf(taskId);
    const stored = await Promise.all(
      pictures.map(async (bytes, index): Promise<Image> => {
        const id = newId('img', clock.nowMs(), randomBytes);
        await putFile(`images/${id}`, bytes);
        return {
          id,
          taskId,
          callId: call.id,
          index,
          key: `images/${id}`,
          width: 1024,
          height: 1024,
          format: 'png',
          bytes: bytes.length,
          createdAtMs: clock.nowMs(),
        };
      }),
    );
    await tasks.record(claim, call.id, { state: 'sending' }, { sentAtMs: clock.nowMs() });
    const cost = { micros: 259_000 * stored.length, currency: 'CNY' };
    await tasks.record(claim, call.id, { state: 'produced', outputs: [], cost });
    await tasks.record(claim, call.id, { state: 'stored', cost }, { images: stored });
    const usage = { images: stored.length, costMicros: cost.micros, currency: cost.currency };
    await tasks.finish(claim, { status: 'completed', usage, adjustments: [] }, clock.nowMs());
    events.changed(taskId);
    return stored;
  };

  /** Fails a task. */
  const fail = async (taskId: string, error: TaskError): Promise<void> => {
    const claim = claims.get(taskId) ?? (await begin(taskId));
    const usage = { images: 0, costMicros: 0 };
    await tasks.finish(claim, { status: 'failed', error, usage, adjustments: [] }, clock.nowMs());
    events.changed(taskId);
  };

  const send = (
    method: 'GET' | 'POST' | 'PATCH' | 'DELETE' | 'HEAD' | 'PUT' | 'OPTIONS',
    url: string,
    options: {
      readonly key?: string;
      readonly body?: unknown;
      readonly headers?: Record<string, string>;
      readonly remoteAddress?: string;
    } = {},
  ) =>
    app.inject({
      method,
      url,
      headers: { authorization: `Bearer ${options.key ?? user}`, ...options.headers },
      ...(options.body !== undefined && { payload: options.body as object }),
      ...(options.remoteAddress !== undefined && { remoteAddress: options.remoteAddress }),
    });

  /** Makes a task and answers its id. */
  const create = async (body: object = {}): Promise<string> => {
    const answer = await send('POST', '/v1/images/generations', {
      body: { model: 'seedream-3.0', prompt: 'A red fox', ...body },
    });
    return answer.json<{ task_id: string }>().task_id;
  };

  return {
    app,
    parts,
    webhooks,
    clock,
    events,
    queue,
    draining,
    keys: { admin, user, stranger, adminKey, userKey },
    send,
    create,
    begin,
    complete,
    fail,
    /** Makes this the key of the environment. */
    bootstrap: (secret: string) => keys.ensureBootstrap(secret),
    setReady: (ready: boolean) => void (isReady = ready),
    setProviders: (states: readonly ProviderState[]) => void (providerStates = states),
    /** How many tasks and files there are. */
    stored: async () => ({
      tasks: (await tasks.list({ keyId: userKey.id, limit: 100 })).tasks.length,
      files: (await Array.fromAsync(images.list())).length,
    }),
    /** The names of files in the spool, complete or not. */
    spooled: () => readdir(join(folder, 'spool')),
    close: async () => {
      draining.abort();
      await app.close();
      await database.close();
      await rm(folder, { recursive: true });
    },
  };
};

export type TestServer = Awaited<ReturnType<typeof startTestServer>>;
