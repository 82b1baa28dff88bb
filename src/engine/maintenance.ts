/** Cleans up what is no longer wanted, a little at a time, so that no request ever waits for it. */
import type { Clock } from '../core/clock.ts';
import { requestLimits } from '../core/request.ts';
import { isId } from '../core/ids.ts';
import { webhookLimits } from '../core/webhook.ts';
import type { ImageStore } from '../images/image-store.ts';
import type { Spool } from '../images/spool.ts';
import type { Logger } from '../observe/logger.ts';
import type { TaskStore } from '../tasks/task-store.ts';
import type { WebhookStore } from '../webhooks/webhook-store.ts';

/** What cleaning the spool works with. */
export interface CleanSpoolParts {
  readonly tasks: TaskStore;
  readonly spool: Spool;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What clean-up works with. */
export interface MaintenanceParts {
  readonly tasks: TaskStore;
  readonly webhooks: Pick<WebhookStore, 'deleteDeliveriesBefore'>;
  readonly images: ImageStore;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long an ended task and its pictures are kept. */
  readonly taskTtlMs: number;
}

/** Tasks or deliveries removed in one transaction: few enough for a commit of a few milliseconds. */
const BATCH = 50;

const EVERY_MS = 60_000;

/** A file has its name before the row that knows it is written; after this long the row is there or never comes. */
const UNKNOWN_AFTER_MS = 60_000;

/** Removes tasks past their time, with their pictures. @returns how many. */
const removeExpired = async (parts: MaintenanceParts): Promise<number> => {
  const nowMs = parts.clock.nowMs();
  let removed = 0;
  for (let batch = BATCH; batch === BATCH;) {
    const { tasks, fileKeys } = await parts.tasks.deleteEndedBefore(nowMs - parts.taskTtlMs, BATCH);
    await parts.images.delete(...fileKeys);
    batch = tasks;
    removed += tasks;
  }
  await parts.tasks.forgetIdempotencyBefore(nowMs - requestLimits.idempotencyMs);
  return removed;
};

/** Removes deliveries that ended and are past their time. @returns how many. */
const removeOldDeliveries = async ({ webhooks, clock }: MaintenanceParts): Promise<number> => {
  let removed = 0;
  for (let batch = BATCH; batch === BATCH;) {
    batch = await webhooks.deleteDeliveriesBefore(clock.nowMs() - webhookLimits.keptMs, BATCH);
    removed += batch;
  }
  return removed;
};

/** The call or task that a file is named for. */
const ownerOf = (fileName: string): string => fileName.split('-', 1)[0] ?? '';

/** Whether the call or task that a file is named for may still need it. */
const isNeeded = async (tasks: TaskStore, fileName: string): Promise<boolean> => {
  const owner = ownerOf(fileName);
  return isId('call', owner) ? tasks.isCallOpen(owner) : tasks.isOpen(owner);
};

/** Removes files on their way, written before the given time, that nobody waits for any more. @returns how many. */
const removeStrays = async ({ tasks, spool }: CleanSpoolParts, beforeMs: number): Promise<number> => {
  let removed = 0;
  for await (const file of spool.list()) {
    if (file.modifiedAtMs > beforeMs || (await isNeeded(tasks, file.name))) continue;
    await spool.remove(file.name);
    removed += 1;
  }
  return removed;
};

/**
 * Removes stored files, written before the given time, that a crash left without a row: pictures, and references of
 * tasks that ended or never were. It walks all files, so it is for a start. @returns how many.
 */
const removeOrphans = async ({ tasks, images }: MaintenanceParts, beforeMs: number): Promise<number> => {
  let removed = 0;
  for await (const file of images.list()) {
    if (file.modifiedAtMs > beforeMs) continue;
    const name = file.key.slice(file.key.indexOf('/') + 1);
    // A bucket may hold what is not ours.
    if (!isId('call', ownerOf(name)) && !isId('task', ownerOf(name))) continue;
    // NOTE: in this order: the write that ends a call is the one that makes its pictures known.
    if (await isNeeded(tasks, name)) continue;
    if (await tasks.isFileKnown(file.key)) continue;
    await images.delete(file.key);
    removed += 1;
  }
  return removed;
};

/** Something that goes on until it is stopped. */
interface Cleaning {
  stop(): Promise<void>;
}

/** Works now and then, first at once; a round that fails is told of, and the next one comes. */
const nowAndThen = (
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
  round: () => Promise<void>,
): Cleaning => {
  let isStopped = false;
  let cancel = (): void => {};
  let current: Promise<void>;
  const go = (): void => {
    current = round()
      .catch((fault: unknown) => logger.error({ err: fault }, 'clean-up failed'))
      .then(() => {
        if (!isStopped) cancel = clock.after(EVERY_MS, go);
      });
  };
  go();
  return {
    stop: async () => {
      isStopped = true;
      cancel();
      await current;
    },
  };
};

/** Cleans the spool of this process, first of what an earlier one left, until it is stopped. */
export const startCleaningSpool = (parts: CleanSpoolParts): Cleaning => {
  const startMs = parts.clock.nowMs();
  let isFirst = true;
  return nowAndThen(parts, async () => {
    // Of an earlier process, and it has ended: the folder is ours.
    const beforeMs = isFirst ? startMs : parts.clock.nowMs() - UNKNOWN_AFTER_MS;
    isFirst = false;
    const files = await removeStrays(parts, beforeMs);
    if (files > 0) parts.logger.info({ files }, 'removed files that were on their way to nobody');
  });
};

/** Cleans up what all processes share, until it is stopped; one of them does it for all. */
export const startMaintenance = (parts: MaintenanceParts): Cleaning => {
  const startMs = parts.clock.nowMs();
  let isFirst = true;
  return nowAndThen(parts, async () => {
    if (isFirst) {
      isFirst = false;
      const files = await removeOrphans(parts, startMs);
      if (files > 0) parts.logger.info({ files }, 'removed files that nobody needs any more');
    }
    const tasks = await removeExpired(parts);
    if (tasks > 0) parts.logger.info({ tasks }, 'removed tasks past their time');
    const deliveries = await removeOldDeliveries(parts);
    if (deliveries > 0) parts.logger.info({ deliveries }, 'removed deliveries past their time');
  });
};
