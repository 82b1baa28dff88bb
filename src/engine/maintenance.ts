/** Cleans up what is no longer wanted, a little at a time, so that no request ever waits for it. */
import type { Clock } from '../core/clock.ts';
import type { ImageStore } from '../images/image-store.ts';
import type { Spool } from '../images/spool.ts';
import type { Logger } from '../observe/logger.ts';
import type { TaskStore } from '../tasks/task-store.ts';

/** What clean-up works with. */
export interface MaintenanceParts {
  readonly tasks: TaskStore;
  readonly images: ImageStore;
  readonly spool: Spool;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long an ended task and its pictures are kept. */
  readonly taskTtlMs: number;
  readonly taskDeadlineMs: number;
}

/** Tasks removed in one transaction: few enough for a commit of a few milliseconds. */
const BATCH = 50;

const EVERY_MS = 60_000;

const IDEMPOTENCY_MS = 24 * 60 * 60 * 1000;

/** A file that no row knows may belong to a task that is still on its way; after this long it cannot. */
const ORPHAN_AFTER_MS = 60 * 60 * 1000;

/** Removes tasks past their time, with their pictures. @returns how many. */
export const removeExpired = async (parts: MaintenanceParts): Promise<number> => {
  const nowMs = parts.clock.nowMs();
  let removed = 0;
  for (let batch = BATCH; batch === BATCH;) {
    const { tasks, fileKeys } = await parts.tasks.deleteEndedBefore(nowMs - parts.taskTtlMs, BATCH);
    for (const key of fileKeys) await parts.images.delete(key);
    batch = tasks;
    removed += tasks;
  }
  await parts.tasks.forgetIdempotencyBefore(nowMs - IDEMPOTENCY_MS);
  return removed;
};

/** Removes files that a crash left behind: stored pictures that no row knows, references and spooled files of ended tasks. */
export const removeOrphans = async (parts: MaintenanceParts): Promise<number> => {
  const { tasks, images, spool, clock } = parts;
  const beforeMs = clock.nowMs() - parts.taskDeadlineMs - ORPHAN_AFTER_MS;
  let removed = 0;
  for await (const file of images.list()) {
    if (file.modifiedAtMs > beforeMs || (await tasks.isFileKnown(file.key))) continue;
    const [folder, taskId] = file.key.split('/');
    if (folder === 'references' && taskId !== undefined && (await tasks.isOpen(taskId))) continue;
    await images.delete(file.key);
    removed += 1;
  }
  for await (const file of spool.list()) {
    if (file.modifiedAtMs > beforeMs) continue;
    await spool.remove(file.name);
    removed += 1;
  }
  return removed;
};

/** Cleans up now and then, until it is stopped. */
export const startMaintenance = (parts: MaintenanceParts): { stop(): Promise<void> } => {
  let isStopped = false;
  let cancel = (): void => {};
  const round = async (): Promise<void> => {
    const tasks = await removeExpired(parts);
    if (tasks > 0) parts.logger.info({ tasks }, 'removed tasks past their time');
  };
  const attempt = (work: () => Promise<unknown>): Promise<unknown> =>
    work().catch((fault: unknown) => parts.logger.error({ err: fault }, 'clean-up failed'));
  const again = (): void => {
    if (isStopped) return;
    cancel = parts.clock.after(EVERY_MS, () => {
      current = attempt(round).then(again);
    });
  };
  let current: Promise<unknown> = attempt(() => removeOrphans(parts)).then(() => attempt(round)).then(again);
  return {
    stop: async () => {
      isStopped = true;
      cancel();
      await current;
    },
  };
};
