import type { Clock } from '../core/clock.ts';
import type { Job, JobResult, JobWorker, Turn } from './job-queue.ts';

/** The jobs that have begun in this process: at work, or resting until their time comes. */
export interface HeldJobs {
  /** Hands a job to the worker, with its turn when it has not begun before. */
  begin(job: Job, turn?: Turn): void;
  /** Goes on with jobs of an earlier process, a few at a time. */
  recover(jobs: readonly Job[]): Promise<void>;
  /** Handles a resting job at once, and one at work once more when it is done. */
  wake(taskId: string): void;
  has(taskId: string): boolean;
  /** How long it takes from one job that begins with a turn to the next, of late. */
  readonly beginsEveryMs: number;
  /** Begins nothing more, and resolves when the handlers at work have returned. */
  stop(): Promise<void>;
}

/** How long a job rests after its handler threw: a fault of ours must not become a busy loop. */
const PAUSE_AFTER_FAULT_MS = 5_000;

/** However late a job is due it is looked at after this: the clock that said so may have been set since. */
const LONGEST_REST_MS = 60_000;

/** Of how many jobs the rate is told at which they begin. */
const LATE_BEGINS = 32;

/** How many jobs that had begun before a crash go on together: their upstreams shall not meet all of them at once. */
const RECOVERED_TOGETHER = 64;

/** How long such jobs are waited for: one that waits itself, for a place or a slow answer, holds up nobody. */
const RECOVER_EVERY_MS = 250;

/**
 * @param settings.onFault hears what a handler threw.
 * @param settings.onDone hears of each job with which nothing is left to do.
 */
export const createHeldJobs = (settings: {
  readonly worker: JobWorker;
  readonly clock: Clock;
  readonly onFault: (job: Job, fault: unknown) => void;
  readonly onDone?: (job: Job) => void;
}): HeldJobs => {
  const { worker, clock, onFault, onDone = () => {} } = settings;
  const atWork = new Map<string, Promise<void>>();
  /** Jobs woken while their handler was at work: they are handled once more. */
  const woken = new Set<string>();
  const resting = new Map<string, { readonly job: Job; readonly cancel: () => void }>();
  /** When the last jobs took their turns, oldest first. */
  const beganAtMs: number[] = [];
  let isStopped = false;

  const settle = (job: Job, result: JobResult): void => {
    const wasWoken = woken.delete(job.taskId);
    if (result.next === 'done') onDone(job);
    else if (isStopped) return;
    else if (wasWoken) begin(job);
    else rest(job, result.atMs);
  };

  const begin = (job: Job, turn?: Turn): void => {
    if (isStopped) {
      turn?.giveBack();
      return;
    }
    if (turn !== undefined) {
      beganAtMs.push(clock.nowMs());
      if (beganAtMs.length > LATE_BEGINS) beganAtMs.shift();
    }
    const work = (turn === undefined ? worker.handle(job) : turn.take(job)).then(
      (result) => {
        atWork.delete(job.taskId);
        settle(job, result);
      },
      (fault: unknown) => {
        atWork.delete(job.taskId);
        onFault(job, fault);
        settle(job, { next: 'again', atMs: clock.nowMs() + PAUSE_AFTER_FAULT_MS });
      },
    );
    atWork.set(job.taskId, work);
  };

  const rest = (job: Job, untilMs: number): void => {
    const restMs = Math.min(LONGEST_REST_MS, Math.max(0, untilMs - clock.nowMs()));
    const cancel = clock.after(restMs, () => {
      resting.delete(job.taskId);
      begin(job);
    });
    resting.set(job.taskId, { job, cancel });
  };

  return {
    begin,
    recover: async (jobs) => {
      for (let next = 0; next < jobs.length && !isStopped; next += RECOVERED_TOGETHER) {
        const batch = jobs.slice(next, next + RECOVERED_TOGETHER);
        for (const job of batch) begin(job);
        await new Promise<void>((resolve) => {
          const cancel = clock.after(RECOVER_EVERY_MS, resolve);
          void Promise.all(batch.flatMap((job) => atWork.get(job.taskId) ?? [])).then(() => {
            cancel();
            resolve();
          });
        });
      }
    },
    wake: (taskId) => {
      const rested = resting.get(taskId);
      if (rested !== undefined) {
        rested.cancel();
        resting.delete(taskId);
        begin(rested.job);
      } else if (atWork.has(taskId)) woken.add(taskId);
    },
    has: (taskId) => atWork.has(taskId) || resting.has(taskId),
    get beginsEveryMs() {
      // Until now, so that it grows while nothing begins.
      const [oldest] = beganAtMs;
      return oldest === undefined ? 0 : (clock.nowMs() - oldest) / beganAtMs.length;
    },
    stop: async () => {
      isStopped = true;
      for (const { cancel } of resting.values()) cancel();
      resting.clear();
      await Promise.all(atWork.values());
    },
  };
};
