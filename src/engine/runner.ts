/**
 * Goes on with a task from wherever its stored path says it is: a fresh task and one found after a crash take the
 * same way. The process may die between any two lines; what was written before is all that is known afterwards.
 */
import { setMaxListeners } from 'node:events';
import { isTaskErrorCode, LimnerError } from '../core/errors.ts';
import { newId } from '../core/ids.ts';
import type { GateReading } from '../observe/metrics.ts';
import type { Job, JobQueue, JobResult, JobWorker } from '../jobs/job-queue.ts';
import type { Route } from '../providers/catalog.ts';
import type { ClaimedTask } from '../tasks/task-store.ts';
import { endingOf } from './close-task.ts';
import type { EngineParts } from './engine-parts.ts';
import type { Slot } from './gate.ts';
import { createRouting } from './routing.ts';
import { advanceCalls } from './steps/advance-calls.ts';
import { dropCollected } from './steps/collect-outputs.ts';
import { planTask } from './steps/plan-task.ts';
import { dropReference } from './steps/prepare-reference.ts';
import { ClaimLost, TaskCancelled, TaskRun } from './task-run.ts';

/** Works on tasks. */
export interface Runner extends JobWorker {
  /** Stops waiting for upstreams: calls with a handle can be resumed, the others stay `sending`, as after a crash. */
  abandon(): void;
  /** How full the gates are. */
  gates(): readonly GateReading[];
}

const isEnding = (fault: unknown): boolean => fault instanceof ClaimLost || fault instanceof TaskCancelled;

/** What was reserved for a task about to begin. */
interface Reservation {
  readonly route: Route;
  readonly slot: Slot;
}

/** @param queue is told when capacity comes free. */
export const createRunner = (parts: EngineParts, queue: Pick<JobQueue, 'advance'>): Runner => {
  const { tasks, events, clock } = parts;
  const routing = createRouting(parts, () => queue.advance());
  /** Places of calls that an upstream has, by task and call: they outlive a single turn. */
  const slots = new Map<string, Map<string, Slot>>();
  const abandoned = new AbortController();
  setMaxListeners(0, abandoned.signal);

  const slotsOf = (taskId: string): Map<string, Slot> => {
    const known = slots.get(taskId) ?? new Map<string, Slot>();
    slots.set(taskId, known);
    return known;
  };

  const forget = (taskId: string): void => {
    for (const slot of slots.get(taskId)?.values() ?? []) slot.release();
    slots.delete(taskId);
    parts.backlog.forget(taskId);
  };

  const proceed = async (run: TaskRun, reserved: Route | undefined): Promise<JobResult> => {
    if (run.task.status === 'pending') await planTask(run, reserved);
    const slots = run.calls.map((call) => call.slot);
    const turns = await advanceCalls(run, slots);
    const fault = turns.find((turn) => turn.status === 'rejected');
    if (fault !== undefined) throw fault.reason;
    // A call may have brought another: it takes its first turn at once.
    if (run.calls.length > slots.length) return { next: 'again', atMs: clock.nowMs() };
    const waits = turns.flatMap((turn) =>
      turn.status === 'fulfilled' && turn.value !== undefined ? [turn.value] : [],
    );
    const untilMs = Math.min(...waits);
    if (Number.isFinite(untilMs)) return { next: 'again', atMs: untilMs };
    await run.finish(endingOf(run));
    return { next: 'done' };
  };

  /** Ends the task when it cannot go on at all, e.g. because its reference picture is not there. */
  const failWhole = async (run: TaskRun, fault: unknown): Promise<JobResult> => {
    if (!(fault instanceof LimnerError) || !isTaskErrorCode(fault.code)) throw fault;
    await run.finish({
      status: 'failed',
      error: { code: fault.code, message: fault.detail, retryable: fault.isRetryable },
      usage: { images: 0, costMicros: 0 },
      adjustments: run.adjustments,
    });
    return { next: 'done' };
  };

  const work = async (
    claimed: ClaimedTask,
    ended: AbortSignal,
    reservation: Reservation | undefined,
  ): Promise<JobResult> => {
    const taskId = claimed.task.id;
    const run = new TaskRun({
      parts,
      routing,
      claimed,
      ended,
      abandoned: abandoned.signal,
      slots: slotsOf(taskId),
      reserved: reservation?.slot,
    });
    try {
      return await proceed(run, reservation?.route).catch((fault: unknown) => failWhole(run, fault));
    } catch (fault) {
      if (isEnding(fault) && !(await tasks.isOpen(taskId))) await dropCollected(parts, run.calls);
      throw fault;
    } finally {
      run.releaseReserved();
    }
  };

  const claim = async (taskId: string): Promise<ClaimedTask> => {
    const claimed = await tasks.claim({ taskId, token: newId('claim', clock.nowMs(), parts.randomBytes) });
    if (claimed === undefined) throw new ClaimLost(`Nothing is left to do for ${taskId}`);
    return claimed;
  };

  const handle = async (job: Job, reservation?: Reservation): Promise<JobResult> => {
    const ended = new AbortController();
    const unsubscribe = events.subscribe(job.taskId, () => {
      void tasks.isOpen(job.taskId).then((isOpen) => {
        if (!isOpen) ended.abort(new TaskCancelled(`Task ${job.taskId} ended`));
      });
    });
    try {
      const claimed = await claim(job.taskId).catch((fault: unknown) => {
        reservation?.slot.release();
        throw fault;
      });
      parts.reach('after-claim');
      const result = await work(claimed, ended.signal, reservation);
      if (result.next === 'done') {
        forget(job.taskId);
        if (claimed.task.request.reference !== undefined) await dropReference(parts, job.taskId);
      }
      return result;
    } catch (fault) {
      if (!isEnding(fault)) throw fault;
      if (!(await tasks.isOpen(job.taskId))) await dropReference(parts, job.taskId);
      // The next turn sees which of its calls an upstream has, and goes on with those.
      if (fault instanceof TaskCancelled) return { next: 'again', atMs: clock.nowMs() };
      forget(job.taskId);
      return { next: 'done' };
    } finally {
      unsubscribe();
    }
  };

  return {
    reserve: (lane) => {
      const route = routing.choose(lane);
      if (route === undefined) {
        // NOTE: a model without any route ends its tasks at once; one whose routes are busy lets them wait.
        const hasRoutes = (parts.models.get(lane)?.routes ?? []).length > 0;
        return hasRoutes ? undefined : { take: (job) => handle(job), giveBack: () => {} };
      }
      if (parts.backlog.isFull) return undefined;
      const slot = routing.gate(route, route.card.upstreamModel).force(1);
      return { take: (job) => handle(job, { route, slot }), giveBack: () => slot.release() };
    },

    isOverdue: (job) => clock.nowMs() >= job.createdAtMs + parts.taskDeadlineMs,

    handle: (job) => handle(job),

    gates: () => routing.gates(),

    abandon: () => abandoned.abort(new ClaimLost('The process is shutting down')),
  };
};
