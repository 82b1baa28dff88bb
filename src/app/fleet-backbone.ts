/** What a node of a fleet stands on: PostgreSQL, pg-boss in it, and messages between the nodes. */
import { createSqlRequestLimiter } from '../access/sql-request-limiter.ts';
import type { Config, DatabaseConfig } from '../config/config.ts';
import type { Clock } from '../core/clock.ts';
import type { JsonValue } from '../core/json.ts';
import { openPostgresBulletin } from '../database/postgres/postgres-bulletin.ts';
import { openPostgresDatabase } from '../database/postgres/postgres-database.ts';
import { joinFleet } from '../fleet/postgres-fleet.ts';
import { createFleetDuties, type FleetDuties } from '../jobs/pg-boss/fleet-duties.ts';
import { openJobBoard } from '../jobs/pg-boss/job-board.ts';
import { createPgBossJobQueue, enqueueOn } from '../jobs/pg-boss/pg-boss-job-queue.ts';
import { createFleetEvents } from '../observe/fleet-events.ts';
import type { Logger } from '../observe/logger.ts';
import type { Backbone } from './backbone.ts';
import { takeNodeFolder } from './node-folder.ts';

/** How to join. */
export interface FleetSettings {
  readonly config: Config;
  readonly database: Extract<DatabaseConfig, { readonly kind: 'postgres' }>;
  /** What this node serves, for those that only take requests. */
  readonly offer: JsonValue;
  /** Public models of which it works. */
  readonly lanes: readonly string[];
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Puts up again what the board lost, once per fleet and then now and then. */
const RESTORE_EVERY_MS = 10 * 60_000;

/**
 * Joins the nodes that share this database.
 *
 * @throws Error when PostgreSQL cannot be reached, or when its schema is newer than this program.
 */
export const openFleetBackbone = async ({
  config,
  database: { url: secretUrl, connections },
  offer,
  lanes,
  clock,
  logger,
}: FleetSettings): Promise<Backbone> => {
  const { role } = config;
  const url = secretUrl.reveal();
  const onFault = (fault: unknown): void => {
    // Not the fault itself: `pg` hangs its whole connection on it.
    const { message, code } = fault as { readonly message?: string; readonly code?: string };
    logger.error({ reason: message, code }, 'the database stumbled');
  };
  const folder = await takeNodeFolder(config.dataDir, clock.nowMs());
  let duties: FleetDuties | undefined;
  const board = await openJobBoard({
    url,
    clock,
    connections: Math.max(2, Math.floor(connections / 3)),
    isWatching: role !== 'api',
    onFault,
    onLost: (jobId) => duties?.lost(jobId),
  });
  const database = await openPostgresDatabase({
    url,
    clock,
    connections,
    enqueue: enqueueOn(board),
  }).catch(async (fault: unknown) => {
    await board.close();
    throw fault;
  });
  const bulletin = await openPostgresBulletin({ url, clock, onFault });
  const fleet = await joinFleet({ database, bulletin, clock, node: { id: folder.id, role, offer }, onFault });
  const events = createFleetEvents(bulletin, clock);
  const queue = createPgBossJobQueue({
    board,
    database,
    bulletin,
    clock,
    lanes,
    mostCounted: config.limits.queue + 1,
    onFault: (fault, job) => {
      if (job === undefined) onFault(fault);
      else logger.error({ task: job.taskId, err: fault }, 'a task stumbled and is tried again');
    },
  });
  duties = createFleetDuties({ board, clock, onFault });
  fleet.onChange(() => queue.advance());
  if (role !== 'api') {
    await duties.hold('restore', () => {
      let cancel = (): void => {};
      let current: Promise<void>;
      const again = (): void => {
        current = queue.restore().catch(onFault);
        cancel = clock.after(RESTORE_EVERY_MS, again);
      };
      again();
      return async () => {
        cancel();
        await current;
      };
    });
  }
  return {
    database,
    queue,
    events,
    duties,
    fleet,
    limiter: createSqlRequestLimiter(database, clock),
    folder: folder.path,
    holder: folder.id,
    adopt: (job) => queue.adopt(job),
    close: async () => {
      await fleet.leave();
      events.close();
      await bulletin.close();
      await board.close();
      await database.close();
      folder.release();
    },
  };
};
