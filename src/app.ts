/** The only composition root: a configuration becomes everything wired together. */
import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { KeyStore } from './access/keys.ts';
import { createKeyStore, installationSecret } from './access/sql-key-store.ts';
import type { Config, ModelConfig, ProviderConfig } from './config/config.ts';
import type { Clock } from './core/clock.ts';
import { LimnerError } from './core/errors.ts';
import type { ModelCard } from './core/model-card.ts';
import type { Database } from './database/database.ts';
import { lockFolder } from './database/sqlite/folder-lock.ts';
import { openSqliteDatabase } from './database/sqlite/sqlite-database.ts';
import type { EngineParts } from './engine/engine-parts.ts';
import type { ReachFaultPoint } from './engine/fault-points.ts';
import { startMaintenance } from './engine/maintenance.ts';
import { createProviderHealth } from './engine/provider-health.ts';
import { createRunner } from './engine/runner.ts';
import { referenceKey } from './engine/steps/prepare-reference.ts';
import { createWebhookSender } from './engine/webhooks/webhook-sender.ts';
import { createLinks } from './http/links.ts';
import { publicUrlOf } from './http/public-url.ts';
import { createPresenter } from './http/routes/generations/present.ts';
import { createServer, type Server } from './http/server.ts';
import type { ServerParts } from './http/server-parts.ts';
import { createFsImageStore } from './images/fs/fs-image-store.ts';
import { createSpool, type Spool } from './images/spool.ts';
import { createQueuePlaces } from './jobs/queue-places.ts';
import { createSqliteJobQueue } from './jobs/sqlite/sqlite-job-queue.ts';
import { createTaskEvents } from './observe/events.ts';
import type { Logger } from './observe/logger.ts';
import { systemClock } from './observe/system-clock.ts';
import {
  createModelCatalog,
  type ModelCatalog,
  type Provider,
  type PublicModel,
} from './providers/catalog.ts';
import type { GuardedFetcher } from './providers/guarded-fetch.ts';
import { NotSent } from './providers/provider.ts';
import { adapterByName } from './providers/registry.ts';
import type { UpstreamConnection } from './providers/upstream-client.ts';
import { moduleBeside } from './threads/start-thread.ts';
import { createTaskStore } from './tasks/sql-task-store.ts';
import type { TaskStore } from './tasks/task-store.ts';
import { createWebhookStore } from './webhooks/sql-webhook-store.ts';
import type { WebhookStore } from './webhooks/webhook-store.ts';

/** How long calls without a handle get to finish when the process is told to stop (design §3). */
const DRAIN_MS = 10_000;

/** The stores of an installation, without anybody at work: enough to manage keys and look at tasks. */
export interface Stores {
  readonly database: Database;
  readonly tasks: TaskStore;
  readonly keys: KeyStore;
  readonly webhooks: WebhookStore;
  close(): Promise<void>;
}

/** Opens the stores; other processes may have them open too. */
export const openStores = async (config: Config): Promise<Stores> => {
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
  const database = await openSqliteDatabase({
    file: join(config.dataDir, 'limner.db'),
    operationModules: [
      './tasks/task-operations',
      './jobs/sqlite/sqlite-job-queue',
      './access/sql-key-store',
      './webhooks/webhook-operations',
    ].map((module) => moduleBeside(import.meta.url, module).href),
  });
  return {
    database,
    tasks: createTaskStore(database),
    keys: createKeyStore(database, systemClock, randomBytes),
    webhooks: createWebhookStore(database, systemClock, randomBytes),
    close: () => database.close(),
  };
};

/** For an adapter that has no upstream to speak to. */
const noUpstream: UpstreamConnection = {
  forCall: () => ({
    baseUrl: '',
    exchange: () => Promise.reject(new NotSent('This provider has no upstream')),
  }),
};

/** What speaks HTTP to the outside. Its client is loaded when somebody needs it: an idle sandbox saves 25 MB. */
const createOutside = (config: Config, spool: Spool) => {
  let guarded: Promise<GuardedFetcher> | undefined;
  const guard = (): Promise<GuardedFetcher> =>
    (guarded ??= import('./providers/fetch-guard.ts').then(({ createGuardedFetcher }) =>
      createGuardedFetcher({ allow: config.fetchAllow }),
    ));
  const fetcher: GuardedFetcher = {
    fetchToSink: async (url, order) => (await guard()).fetchToSink(url, order),
    post: async (url, order) => (await guard()).post(url, order),
    close: async () => (await guarded)?.close(),
  };
  const closing: (() => Promise<void>)[] = [() => fetcher.close()];
  const connect = async (baseUrl: string): Promise<UpstreamConnection> => {
    const { createUpstreamClient, createUpstreamDispatcher } = await import('./providers/upstream-client.ts');
    const dispatcher = createUpstreamDispatcher();
    closing.push(() => dispatcher.destroy());
    return createUpstreamClient({ baseUrl, dispatcher, sink: spool });
  };
  return { fetcher, connect, close: () => Promise.all(closing.map((close) => close())) };
};

const connectProvider = async (
  config: ProviderConfig,
  connect: (baseUrl: string) => Promise<UpstreamConnection>,
): Promise<Provider> => ({
  name: config.name,
  adapter: adapterByName(config.adapterName),
  settings: config.settings as never,
  http: config.baseUrl === undefined ? noUpstream : await connect(config.baseUrl),
  ...(config.baseUrl !== undefined && { trustedHost: new URL(config.baseUrl).host }),
  concurrency: config.concurrency,
  ...(config.requestsPerMinute !== undefined && { requestsPerMinute: config.requestsPerMinute }),
  pollIntervalMs: config.pollIntervalMs,
  callTimeoutMs: config.callTimeoutMs,
});

const publicModel = (config: ModelConfig, providers: ReadonlyMap<string, Provider>): PublicModel => ({
  name: config.name,
  routes: config.routes.map((route) => {
    const provider = providers.get(route.provider);
    if (provider === undefined)
      throw new Error(`The model ${config.name} names the unknown provider ${route.provider}`);
    const cardOf = (upstreamModel: string): ModelCard => ({
      ...provider.adapter.card(upstreamModel),
      ...config.card,
    });
    return {
      provider,
      card: cardOf(route.upstreamModel),
      ...(route.editModel !== undefined && { editCard: cardOf(route.editModel) }),
      weight: route.weight,
      priority: route.priority,
    };
  }),
});

const wireModels = async (
  config: Config,
  connect: (baseUrl: string) => Promise<UpstreamConnection>,
): Promise<ModelCatalog> => {
  const providers = await Promise.all(config.providers.map((provider) => connectProvider(provider, connect)));
  const byName = new Map(providers.map((provider) => [provider.name, provider]));
  return createModelCatalog(config.models.map((model) => publicModel(model, byName)));
};

/** The providers that have an upstream, each once. */
const providersOf = (models: ModelCatalog): readonly Provider[] => {
  const providers = models.list().flatMap(({ routes }) => routes.map(({ provider }) => provider));
  return [...new Set(providers)].filter(({ trustedHost }) => trustedHost !== undefined);
};

/** A running Limner. */
export interface App {
  /** Everything that the actions work with, for callers in this process. */
  readonly parts: ServerParts;
  readonly keys: KeyStore;
  readonly server: Server;
  /** Starts taking requests from the network. @returns the address that callers see. */
  listen(): Promise<string>;
  /** Drains and stops: takes nothing new, gives calls without a handle a moment to finish, leaves the rest to be resumed. */
  close(): Promise<void>;
}

/** What the outside of the process decides, beside the configuration. */
export interface AppSettings {
  readonly config: Config;
  readonly logger: Logger;
  readonly clock?: Clock;
  /** For crash tests: dies at a named point. */
  readonly reach?: ReachFaultPoint;
}

/**
 * Takes the data folder, opens the stores and goes on with whatever was open when the last process ended.
 *
 * @throws FolderHeld when another process has the folder.
 */
export const createApp = async ({
  config,
  logger,
  clock = systemClock,
  reach = () => {},
}: AppSettings): Promise<App> => {
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
  const lock = lockFolder(config.dataDir, clock.nowMs());
  const stores = await openStores(config);
  const { database, tasks, keys, webhooks } = stores;
  const spool = await createSpool({ folder: join(config.dataDir, 'spool') });
  await spool.sweep();
  const images = createFsImageStore({ folder: join(config.dataDir, 'images') });
  const outside = createOutside(config, spool);
  const models = await wireModels(config, outside.connect);
  const events = createTaskEvents();
  const { taskTtlMs, urlTtlMs } = config.retention;
  const { taskDeadlineMs, onUnconfirmed } = config;

  const queue = createSqliteJobQueue({
    database,
    clock,
    onFault: (job, fault) =>
      logger.error({ task: job.taskId, err: fault }, 'a task stumbled and is tried again'),
  });
  const draining = new AbortController();
  const health = createProviderHealth({ clock, logger }, () => queue.advance());
  const engine: EngineParts = {
    tasks,
    images,
    spool,
    models,
    health,
    fetcher: outside.fetcher,
    events,
    clock,
    randomBytes,
    random: Math.random,
    logger,
    reach,
    draining: draining.signal,
    taskDeadlineMs,
    onUnconfirmed,
  };
  const runner = createRunner(engine, queue);
  await queue.start(runner);
  const maintenance = startMaintenance({ tasks, webhooks, images, spool, clock, logger, taskTtlMs });

  let isReady = true;
  const upstreams = providersOf(models);
  const linkSecret = await installationSecret(database, 'links', randomBytes(32).toString('base64url'));
  const parts: ServerParts = {
    tasks,
    images,
    spool,
    keys,
    webhooks,
    models,
    events,
    queue,
    places: createQueuePlaces(queue, config.limits.queue),
    clock,
    logger,
    randomBytes,
    linkSecret: Buffer.from(linkSecret, 'base64url'),
    publicUrl: config.server.publicUrl,
    urlTtlMs,
    taskTtlMs,
    providers: () => upstreams.map((provider) => health.stateOf(provider)),
    isReady: () => isReady,
    draining: draining.signal,
    storeReference: async (taskId, picture) => {
      const isFile = !(picture instanceof Uint8Array);
      const name = isFile ? picture.name : `${taskId}-reference-raw`;
      await (isFile ? picture.finish() : spool.writeAll(name, picture));
      await images.put(referenceKey(taskId), spool.path(name));
      return { at: 'store', key: referenceKey(taskId) };
    },
    admit: () => {
      if (draining.signal.aborted) {
        throw new LimnerError(
          'shutting_down',
          'The server is shutting down. Send the request again in a moment.',
        );
      }
    },
  };
  const server = await createServer(parts);
  const origin = publicUrlOf(server.server, config.server.publicUrl);
  const sender = createWebhookSender({
    tasks,
    webhooks,
    fetcher: outside.fetcher,
    present: createPresenter(parts, createLinks({ secret: parts.linkSecret, origin })),
    clock,
    random: Math.random,
    logger,
    reach,
  });
  events.subscribeAll(() => sender.wake());

  return {
    parts,
    keys,
    server,
    listen: async () => {
      await server.listen({ host: config.server.host, port: config.server.port });
      // The links in what is sent begin with the address that has just been taken.
      sender.start();
      return origin();
    },
    close: async () => {
      isReady = false;
      draining.abort();
      const cancelTimer = clock.after(DRAIN_MS, () => {
        runner.abandon();
        sender.abandon();
      });
      await Promise.all([queue.stop(), server.close(), maintenance.stop(), sender.stop()]);
      cancelTimer();
      await outside.close();
      await stores.close();
      lock.release();
    },
  };
};
