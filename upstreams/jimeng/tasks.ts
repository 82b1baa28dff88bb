import { randomInt } from 'node:crypto';
import type { Fault } from '../faults.ts';
import type { JimengRefusal } from './errors.ts';
import type { Job } from './job.ts';

/** How a task ends. A stuck one never does. */
export type Ending =
  | { readonly kind: 'done'; readonly images: number }
  | { readonly kind: 'expired' }
  | { readonly kind: 'refused'; readonly refusal: JimengRefusal }
  | { readonly kind: 'stuck' };

export type Task = {
  readonly id: string;
  readonly job: Job;
  /** Unix milliseconds, as all times here. */
  readonly createdAt: number;
  readonly startsAt: number;
  readonly endsAt: number;
  readonly ending: Ending;
  /** What its submission met. */
  readonly fault: Fault | undefined;
};

/** Section 7.3, beside the ends that a query tells otherwise. */
export type TaskState = 'in_queue' | 'generating' | 'ended' | 'not_found';

/** The first tenth of a run is spent in the queue. */
const QUEUE_SHARE = 0.1;
/** Long runs forget the oldest tasks; nobody asks for one that old. */
const REMEMBERED = 200_000;

/** The tasks of the account and the slots they hold. Everything follows from the clock; nothing ticks. */
export class Tasks {
  readonly #now: () => number;
  readonly #ttlMs: number;
  readonly #tasks = new Map<string, Task>();
  readonly #holding = new Map<string, Task[]>();

  /** Tasks are remembered for `ttlMs`. */
  constructor(now: () => number, ttlMs: number) {
    this.#now = now;
    this.#ttlMs = ttlMs;
  }

  /** Takes a job that runs for `runMs` and ends so. */
  add(job: Job, runMs: number, ending: Ending, fault: Fault | undefined): Task {
    const createdAt = this.#now();
    const task: Task = {
      id: newTaskId(),
      job,
      createdAt,
      startsAt: createdAt + runMs * QUEUE_SHARE,
      endsAt: ending.kind === 'stuck' ? Infinity : createdAt + runMs,
      ending,
      fault,
    };
    this.#tasks.set(task.id, task);
    const oldest = this.#tasks.size > REMEMBERED ? this.#tasks.keys().next().value : undefined;
    if (oldest !== undefined) this.#tasks.delete(oldest);
    this.#holding.set(job.model.reqKey, [...this.#running(job.model.reqKey), task]);
    return task;
  }

  /** The task, if it is of this model: a task id means nothing under another `req_key`. */
  find(id: string, reqKey: string): Task | undefined {
    const task = this.#tasks.get(id);
    return task?.job.model.reqKey === reqKey ? task : undefined;
  }

  stateOf(task: Task): TaskState {
    const now = this.#now();
    if (now - task.createdAt >= this.#ttlMs) return 'not_found';
    if (now < task.startsAt) return 'in_queue';
    return now < task.endsAt ? 'generating' : 'ended';
  }

  /** Slots held: from the submission until the task ends (measured, section 10). */
  held(reqKey: string): number {
    const running = this.#running(reqKey);
    this.#holding.set(reqKey, running);
    return running.length;
  }

  #running(reqKey: string): Task[] {
    const held = this.#holding.get(reqKey) ?? [];
    return held.filter((task) => ['in_queue', 'generating'].includes(this.stateOf(task)));
  }
}

/** 19 decimal digits, more than a JavaScript number keeps. */
function newTaskId(): string {
  const digits = (): string => String(randomInt(1_000_000_000)).padStart(9, '0');
  return `7${digits()}${digits()}`;
}
