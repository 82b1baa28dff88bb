import type { JobQueue } from './job-queue.ts';

/** The bound of the queue: how many tasks may wait that have not begun. */
export interface QueuePlaces {
  /** A place for one more task, to be given back when its job is announced or it was not accepted; `undefined` when all are taken. */
  take(): { release(): void } | undefined;
  /** When a place may be free for somebody who was turned away: a guess. */
  readonly retryAfterMs: number;
}

/** Others want the place that comes free next, too. */
const TURNS = 10;
const SOONEST_MS = 1_000;
const LATEST_MS = 60_000;

/** Counts the tasks that wait and those on their way into the queue, so that no more than `limit` ever do. */
export const createQueuePlaces = (
  queue: Pick<JobQueue, 'queued' | 'beginsEveryMs'>,
  limit: number,
): QueuePlaces => {
  let arriving = 0;
  return {
    take: () => {
      if (queue.queued + arriving >= limit) return undefined;
      arriving += 1;
      let isTaken = true;
      return {
        release: () => {
          if (isTaken) arriving -= 1;
          isTaken = false;
        },
      };
    },
    get retryAfterMs() {
      return Math.min(LATEST_MS, Math.max(SOONEST_MS, queue.beginsEveryMs * TURNS));
    },
  };
};
