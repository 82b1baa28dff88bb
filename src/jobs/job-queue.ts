/**
 * Who works when. The queue may be lost without losing a task: the domain tables are the truth, and the queue
 * is filled from them at start. A job is made durable inside the transaction that makes its task.
 */

/** One piece of work: to go on with a task. */
export interface Job {
  readonly taskId: string;
  /** Jobs of one lane wait for the same capacity, so that a slow model never holds up a fast one. */
  readonly lane: string;
  /** Whose it is: turns go round among the keys that wait. */
  readonly keyId: string;
  /** When its task was accepted. */
  readonly createdAtMs: number;
}

/** What a handler says when it is done with a job for now. */
export type JobResult =
  /** Nothing is left to do. */
  | { readonly next: 'done' }
  /** Call again then; nothing is held in between but the place in memory. */
  | { readonly next: 'again'; readonly atMs: number };

/** What a job needs to begin, reserved for it. */
export interface Turn {
  /** Begins the job with what was reserved. When it throws, `JobWorker.handle` is called after a pause. */
  take(job: Job): Promise<JobResult>;
  /** Nobody wants it. */
  giveBack(): void;
}

/** Who does the work. */
export interface JobWorker {
  /** Reserves what one job of this lane needs to begin; `undefined` when nothing is free. Each is taken or given back. */
  reserve(lane: string): Turn | undefined;
  /** Whether the time of a job is over, so that it is handled although nothing is free for it. */
  isOverdue(job: Job): boolean;
  /** Goes on with a task that has begun, or whose time is over. When it throws, it is called again after a pause. */
  handle(job: Job): Promise<JobResult>;
}

export interface JobQueue {
  /** Fills the queue from the tables and starts handing out jobs. */
  start(worker: JobWorker): Promise<void>;
  /** Tells the queue of a job that a transaction has just made durable. */
  announce(job: Job): void;
  /** Handles a job that waits for its time at once, because something happened to its task. */
  wake(taskId: string): void;
  /** Asks for turns again, because capacity came free. */
  advance(): void;
  /** How many jobs have not begun. */
  readonly queued: number;
  /** How long it takes from one job that begins to the next, of late. */
  readonly beginsEveryMs: number;
  /** Hands out nothing more, and resolves when the handlers at work have returned. */
  stop(): Promise<void>;
}
