/** The only composition root: a configuration becomes everything wired together. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { KeyStore } from './access/keys.ts';
import { openLinkKeys } from './access/link-keys.ts';
import { type Backbone, openEmbeddedBackbone } from './app/backbone.ts';
import { createFleetCatalog, offerOf } from './app/offer.ts';
import { meterWrites } from './app/meter-writes.ts';
import { openImages } from './app/open-images.ts';
import { createStores } from './app/open-stores.ts';
import { openContentPolicy } from './app/open-content-policy.ts';
import { createOutside, type Outside } from './app/outside.ts';
import { connectProvider, providersOf, wireModels } from './app/wire-models.ts';
import type { Config } from './config/config.ts';
import type { Clock } from './core/clock.ts';
import { LimnerError } from './core/errors.ts';
import { adoptSpooled } from './engine/adopt-spooled.ts';
import { createBacklog } from './engine/backlog.ts';
import type { EngineParts } from './engine/engine-parts.ts';
import type { ReachFaultPoint } from './engine/fault-points.ts';
import { startCleaningSpool, startMaintenance } from './engine/maintenance.ts';
import { createProviderHealth } from './engine/provider-health.ts';
import { createRunner } from './engine/runner.ts';
import { referenceKey } from './engine/steps/prepare-reference.ts';
import { createWebhookSender } from './engine/webhooks/webhook-sender.ts';
import type { Fleet } from './fleet/fleet.ts';
import { createLinks } from './http/links.ts';
import { publicUrlOf } from './http/public-url.ts';
import { createPresenter } from './http/routes/generations/present.ts';
import { createServer, type Server } from './http/server.ts';
import { socketLimits } from './http/socket-limits.ts';
import type { ServerParts } from './http/server-parts.ts';
import { createSpool } from './images/spool.ts';
import { createQueuePlaces } from './jobs/queue-places.ts';
import type { Logger } from './observe/logger.ts';
import { createMetrics } from './observe/metrics.ts';
import { systemClock } from './observe/system-clock.ts';
import { createModelCatalog, type ModelCatalog } from './providers/catalog.ts';

/** How long calls without a handle get to finish when the process is told to stop (design §3). */
const DRAIN_MS = 10_000;

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
 * @throws StoreMisconfigured when the image store refuses for good.
 */
export const createApp = async ({
  config,
  logger,
  clock = systemClock,
  reach = () => {},
}: AppSettings): Promise<App> => {
  const { images, close: closeImages } = await openImages(config, clock, logger);
  const metrics = createMetrics();
  const { meter } = metrics;
  const backbone = await openBackbone(config, clock, logger);
  const { database, queue, events, duties, fleet, holder, adopt } = backbone;
  const { tasks, keys, webhooks, usage, audit } = createStores(
    meterWrites(database, meter),
    clock,
    config.limits.perKey,
  );
  const spool = await createSpool({ folder: join(backbone.folder, 'spool') });
  await spool.sweep();
  const outside = createOutside(config, spool);
  const models = await openModels(config, fleet, outside);
  const contentPolicy = await openContentPolicy(config, outside, logger);
  const { taskTtlMs, urlTtlMs } = config.retention;
  const { taskDeadlineMs, onUnconfirmed, role } = config;

  const draining = new AbortController();
  const health = createProviderHealth({ clock, logger }, () => queue.advance());
  const backlog = createBacklog({ limit: config.limits.unstored, onRoom: () => queue.advance() });
  const engine: EngineParts = {
    tasks,
    images,
    spool,
    models,
    health,
    backlog,
    fetcher: outside.fetcher,
    events,
    fleet,
    clock,
    randomBytes,
    random: Math.random,
    logger,
    meter,
    reach,
    draining: draining.signal,
    taskDeadlineMs,
    onUnconfirmed,
    holder,
  };
  const runner = createRunner(engine, queue);

  let isReady = true;
  const upstreams = providersOf(models);
  const linkKeys = await openLinkKeys({
    database,
    clock,
    randomBytes,
    keepMs: urlTtlMs,
    onFault: (fault) => logger.error({ err: fault }, 'the keys of links could not be looked after'),
  });
  const parts: ServerParts = {
    tasks,
    images,
    spool,
    keys,
    webhooks,
    limiter: backbone.limiter,
    usage,
    audit,
    trustedProxies: config.server.trustedProxies,
    models,
    events,
    queue,
    places: createQueuePlaces(queue, config.limits.queue),
    clock,
    logger,
    meter,
    readMetrics: () => metrics.read(),
    randomBytes,
    linkKeys,
    sockets: { ...socketLimits, connections: config.server.maxConnections },
    corsOrigins: config.server.corsOrigins,
    ...(contentPolicy !== undefined && { contentPolicy }),
    publicUrl: config.server.publicUrl,
    urlTtlMs,
    taskTtlMs,
    providers: () => upstreams.map((provider) => health.stateOf(provider)),
    isReady: () => isReady && fleet.isTogether,
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
  metrics.watch({
    waitingTasks: () => queue.queued,
    providers: parts.providers,
    gates: () => runner.gates(),
    unstoredPictures: () => backlog.pictures,
  });
  const server = await createServer(parts, role);
  const origin = publicUrlOf(server.server, config.server.publicUrl);
  const sender = createWebhookSender({
    tasks,
    webhooks,
    fetcher: outside.fetcher,
    present: createPresenter(parts, createLinks({ keys: linkKeys, origin, images })),
    clock,
    random: Math.random,
    logger,
    meter,
    reach,
  });
  const cleaning = startCleaningSpool({ tasks, spool, clock, logger });

  /** What nodes that work do, each for its own tasks or one of them for all. */
  const beginWork = async (): Promise<void> => {
    await queue.start(runner);
    if (adopt !== undefined) await adoptSpooled({ tasks, spool }, adopt);
    await duties.hold('clean-up', () => {
      const maintenance = startMaintenance({ tasks, webhooks, images, clock, logger, taskTtlMs });
      return () => maintenance.stop();
    });
  };
  if (role !== 'api') await beginWork();

  return {
    parts,
    keys,
    server,
    listen: async () => {
      await server.listen({ host: config.server.host, port: config.server.port });
      // The links in what is sent begin with the address that has just been taken.
      if (role !== 'api') {
        await duties.hold('webhooks', () => {
          sender.start();
          const unsubscribe = events.subscribeAll(() => sender.wake());
          return async () => {
            unsubscribe();
            await sender.stop();
          };
        });
      }
      return origin();
    },
    close: async () => {
      isReady = false;
      draining.abort();
      const cancelTimer = clock.after(DRAIN_MS, () => {
        runner.abandon();
        sender.abandon();
        void closeImages();
      });
      await Promise.all([queue.stop(), server.close(), cleaning.stop(), duties.stop()]);
      cancelTimer();
      linkKeys.stop();
      await outside.close();
      await closeImages();
      await backbone.close();
    },
  };
};

const openBackbone = async (config: Config, clock: Clock, logger: Logger): Promise<Backbone> => {
  const { database, role, models } = config;
  if (database.kind === 'sqlite') return openEmbeddedBackbone(config, clock, logger);
  const { openFleetBackbone } = await import('./app/fleet-backbone.ts');
  const lanes =
    role === 'api' ? [] : models.filter(({ routes }) => routes.length > 0).map(({ name }) => name);
  return openFleetBackbone({
    config,
    database,
    offer: role === 'api' ? null : offerOf(config),
    lanes,
    clock,
    logger,
  });
};

const openModels = async (config: Config, fleet: Fleet, outside: Outside): Promise<ModelCatalog> => {
  if (config.role === 'api') return createFleetCatalog(fleet);
  const providers = await Promise.all(
    config.providers.map((provider) => connectProvider(provider, outside.connect)),
  );
  return createModelCatalog(wireModels(config.models, providers));
};
