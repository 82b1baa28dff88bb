/**
 * Who works when. The queue may be lost without losing a task: the domain tables are the truth, and the queue
 * is filled from them at start. A job is enqueued inside the transaction that makes its task.
 */

/** One piece of work: to go on with a task. */
export interface Job {
  readonly taskId: string;
  /** Lane of the job: each lane has its own slots, so that a slow model never starves a fast one. */
  readonly lane: string;
  /** Whose it is: slots go round among the keys that wait. */
  readonly keyId: string;
}

/** What a handler says when it is done with a job for now. */
export type JobResult =
  /** Nothing is left to do. */
  | { readonly next: 'done' }
  /** Call again then; no slot is held in between. */
  | { readonly next: 'again'; readonly atMs: number };

export interface JobQueue {
  /** Starts handing jobs to the handler, at most `slots(lane)` of a lane at a time. A handler that throws is called again later. */
  start(handler: (job: Job) => Promise<JobResult>): Promise<void>;
  /** Tells the queue of a job that a transaction has just made durable. */
  announce(job: Job): void;
  /** Calls the handler for a waiting job at once, because something happened to its task. */
  wake(taskId: string): void;
  /** How many jobs wait for a slot or for their time. */
  readonly waiting: number;
  /** Hands out nothing more and resolves when the running handlers have returned. */
  stop(): Promise<void>;
}
