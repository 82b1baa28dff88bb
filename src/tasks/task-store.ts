/**
 * The truth about tasks, calls and images. Every write of the engine names the claim it believes it holds; a write
 * whose claim was taken over changes nothing and answers `lost`. On return a write survives a power cut.
 */
import type { FullLimit, Reservation } from '../access/budgets.ts';
import type { Adjustment } from '../core/adjustment.ts';
import type { Call, CallStep } from '../core/call.ts';
import type { Image } from '../core/image.ts';
import type { Task, TaskError, TaskStatus, Usage } from '../core/task.ts';
import type { GenerationRequest } from '../core/request.ts';

/** A task as it is accepted. */
export interface NewTask {
  readonly id: string;
  readonly keyId: string;
  readonly request: GenerationRequest;
  readonly createdAtMs: number;
  /** Present when a repetition of the request must not make another task. */
  readonly idempotency?: IdempotencyRecord;
  /** What it takes of its key's limits; absent when they are none of its tasks' business. */
  readonly reservation?: Reservation;
  /** Nothing is to be accepted now: only an earlier task may be answered. */
  readonly isReplayOnly?: true;
}

/** How a request is known again. */
export interface IdempotencyRecord {
  readonly key: string;
  readonly bodyHash: string;
  /** An older record counts for nothing. */
  readonly forgetBeforeMs: number;
  /** This request is known not to be a repetition: the record is of its task from now on. */
  readonly isFirst?: true;
}

/**
 * `created`: the task is new. `replayed`: the same request had made it. `conflict`: the key was used with another body.
 * `declined`: it would be new, and was to be a replay only. `refused`: a limit of its key leaves no room for it.
 */
export type InsertOutcome =
  | { readonly outcome: 'created' }
  | { readonly outcome: 'declined' }
  | { readonly outcome: 'refused'; readonly limit: FullLimit }
  | { readonly outcome: 'replayed'; readonly taskId: string }
  | { readonly outcome: 'conflict' };

/** The right to work on a task; a newer claim makes an older one worthless. */
export interface Claim {
  readonly taskId: string;
  readonly token: string;
}

/** What the engine needs to go on with a task. */
export interface ClaimedTask {
  readonly claim: Claim;
  readonly task: Task;
  readonly calls: readonly Call[];
  /** Images of calls that are already stored. */
  readonly images: readonly Image[];
}

/**
 * Whether a fenced write was made. `lost`: the claim had been lost and nothing changed. `ended`: the task was cancelled
 * meanwhile, and of the write only what it says of the call is kept (`unwanted`).
 */
export type Written = 'written' | 'lost' | 'ended';

/** What a task was planned to do. */
export interface Plan {
  readonly calls: readonly Call[];
  readonly adjustments: readonly Adjustment[];
  readonly atMs: number;
}

/** What a step of a call brought, written with it. */
export interface Brought {
  readonly images?: readonly Image[];
  readonly adjustments?: readonly Adjustment[];
  /** When the call left; only the first time counts. */
  readonly sentAtMs?: number;
  /** A further call that the step made necessary. */
  readonly next?: Call;
}

/** What takes the place of a call that failed. */
export interface Retry {
  /** One for its slot, and others when the next route makes fewer pictures a call. */
  readonly calls: readonly Call[];
  readonly adjustments: readonly Adjustment[];
}

/** How a task ends. */
export type Ending =
  | { readonly status: 'completed'; readonly usage: Usage; readonly adjustments: readonly Adjustment[] }
  | {
      readonly status: 'failed';
      readonly error: TaskError;
      readonly usage: Usage;
      readonly adjustments: readonly Adjustment[];
    };

/** Which of a caller's tasks to list, newest first. */
export interface TaskQuery {
  readonly keyId: string;
  readonly limit: number;
  /** Only tasks older than this one. */
  readonly afterTaskId?: string;
  readonly status?: TaskStatus;
  readonly model?: string;
  /** Inclusive. */
  readonly createdAfterMs?: number;
  /** Exclusive. */
  readonly createdBeforeMs?: number;
}

/** What is to be known of a task to go on with it. */
export interface OpenTask {
  readonly taskId: string;
  readonly keyId: string;
  readonly model: string;
  readonly createdAtMs: number;
}

/** A page of tasks. */
export interface TaskPage {
  readonly tasks: readonly Task[];
  readonly hasMore: boolean;
}

export interface TaskStore {
  /** Accepts a task and its first job in one transaction; the idempotency key decides between racing requests. */
  insert(task: NewTask): Promise<InsertOutcome>;
  /** The task with its images; `undefined` when there is none, or it is another key's. */
  get(taskId: string, keyId: string): Promise<Task | undefined>;
  list(query: TaskQuery): Promise<TaskPage>;

  /** Takes the task over; `undefined` when nothing is left to do for it: it has ended, and so have its calls, or it is gone. */
  claim(claim: Claim): Promise<ClaimedTask | undefined>;
  /** `pending → processing`, with the calls of the plan. */
  start(claim: Claim, plan: Plan): Promise<Written>;
  /** Moves a call one step along its path, with what that step brought. */
  record(claim: Claim, callId: string, step: CallStep, brought?: Brought): Promise<Written>;
  /** What takes the place of a call that failed, in one write with that failure. */
  retry(
    claim: Claim,
    failed: { readonly callId: string; readonly step: CallStep },
    retry: Retry,
  ): Promise<Written>;
  /** The one closing function: ends the task, exactly once. */
  finish(claim: Claim, ending: Ending, atMs: number): Promise<Written>;

  /**
   * Ends an open task as `cancelled`; `ended` when it had ended before. Calls that an upstream has go on until their own
   * end, and what they cost is added to the task's usage then.
   */
  cancel(
    taskId: string,
    keyId: string,
    error: TaskError,
    atMs: number,
  ): Promise<'cancelled' | 'ended' | 'absent'>;
  /** Removes the task and answers the keys of its files; an open task is ended by it. */
  delete(taskId: string, keyId: string): Promise<readonly string[] | undefined>;

  /** An image by its id, whoever it belongs to: the link to it was signed. */
  image(imageId: string): Promise<Image | undefined>;
  /** Removes tasks that ended before the given time, a few at a time, except those with permanent links; answers their files' keys. */
  deleteEndedBefore(
    timeMs: number,
    limit: number,
  ): Promise<{ readonly tasks: number; readonly fileKeys: readonly string[] }>;
  /** Forgets idempotency keys of an earlier day. */
  forgetIdempotencyBefore(timeMs: number): Promise<void>;
  /** Whether an image lies under this file key; otherwise the file is an orphan of a crash, or not stored yet. */
  isFileKnown(fileKey: string): Promise<boolean>;
  /** Whether the task exists and has not ended. */
  isOpen(taskId: string): Promise<boolean>;
  /** The task of a call, while it has work left. */
  taskOfCall(callId: string): Promise<OpenTask | undefined>;
  /** Whether the call has not ended: somebody may still need the files that it left on their way. */
  isCallOpen(callId: string): Promise<boolean>;
}
