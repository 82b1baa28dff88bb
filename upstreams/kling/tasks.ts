import { randomBytes } from 'node:crypto';
import type { Fault } from '../faults.ts';
import type { KlingParameters } from './parameters.ts';

/** A task on its way: `submitted`, `processing`, then `succeed` or `failed`. */
export type KlingTask = {
  readonly id: string;
  readonly parameters: KlingParameters;
  /** Units it costs when it succeeds. */
  readonly units: number;
  readonly fault: Fault | undefined;
  /** Unix milliseconds. */
  readonly createdAt: number;
  /** What is still to come, soonest first. */
  readonly changes: Change[];
  state: TaskState;
  /** Settles when the links of its pictures can be read. */
  linksReady: Promise<unknown>;
  /** Unix milliseconds. */
  updatedAt: number;
};

export type TaskState =
  | { readonly status: 'submitted' | 'processing' }
  | { readonly status: 'succeed'; readonly images: readonly TaskImage[]; readonly units: number }
  | { readonly status: 'failed'; readonly message: string };

export type TaskImage = { readonly index: number; readonly url: string; readonly watermark_url?: string };

export type Change = { readonly at: number; readonly state: TaskState['status'] };

const FAILURES: Readonly<Record<string, string>> = {
  mod_run: 'Failure to pass the risk control system',
  failed: 'Service busy, please try again later',
  failed_ratio: 'The resolution or aspect ratio of the input image is invalid',
};

/** Faults of a task's life, beside the error table, the transport and the link faults. */
export const TASK_FAULTS = [
  ...Object.keys(FAILURES),
  'fewer_images',
  'other_size',
  'stuck_submitted',
  'stuck',
  'no_result',
  'no_deduction',
  'data_null',
  'lost',
  'unknown_status',
  'succeeded_word',
  'legacy_task_id',
  'timeout_with_task',
  'callback_twice',
  'callback_reordered',
  'callback_bad_signature',
] as const;

/** Why a task with this fault fails; `undefined` when it does not. */
export function failureOf(fault: Fault | undefined): string | undefined {
  const message = FAILURES[fault?.fault ?? ''];
  return message === undefined ? undefined : (fault?.message ?? message);
}

/** When a task that was accepted now will change, and into what: section 14.3. */
export function plannedChanges(
  fault: Fault | undefined,
  createdAt: number,
  queueMs: number,
  totalMs: number,
): Change[] {
  if (fault?.fault === 'stuck_submitted') return [];
  const processing: Change = { at: createdAt + Math.min(queueMs, totalMs), state: 'processing' };
  if (fault?.fault === 'stuck') return [processing];
  return [
    processing,
    { at: createdAt + totalMs, state: failureOf(fault) === undefined ? 'succeed' : 'failed' },
  ];
}

/** Section 4.4: 18 digits now, a base64-like token until about the middle of 2025. */
export function newTaskId(now: number, serial: number, fault: Fault | undefined): string {
  if (fault?.fault === 'legacy_task_id') return randomBytes(16).toString('base64url');
  return `${String(now).padStart(13, '9')}${String(serial % 100_000).padStart(5, '0')}`;
}

export function isEnded({ state }: KlingTask): boolean {
  return state.status === 'succeed' || state.status === 'failed';
}

/** Section 5: the task as a query, a list and a callback show it. */
export function taskFields(task: KlingTask): Readonly<Record<string, unknown>> {
  const { state, fault, parameters } = task;
  return {
    ...createdFields(task),
    task_status: shownStatus(state, fault),
    task_status_msg: state.status === 'failed' ? state.message : '',
    ...(parameters.watermark !== undefined && { watermark_info: { enabled: parameters.watermark } }),
    ...(state.status === 'succeed' &&
      fault?.fault !== 'no_result' && { task_result: { images: state.images } }),
    ...(state.status === 'succeed' &&
      fault?.fault !== 'no_deduction' && { final_unit_deduction: String(state.units) }),
    ...(state.status === 'failed' && { final_unit_deduction: '0' }),
  };
}

/** Section 4.4: the task as its create answers it. */
export function createdFields({
  id,
  parameters,
  createdAt,
  updatedAt,
}: KlingTask): Readonly<Record<string, unknown>> {
  const { externalTaskId } = parameters;
  return {
    task_id: id,
    task_info: externalTaskId === undefined ? {} : { external_task_id: externalTaskId },
    task_status: 'submitted',
    created_at: createdAt,
    updated_at: updatedAt,
  };
}

function shownStatus({ status }: TaskState, fault: Fault | undefined): string {
  if (fault?.fault === 'unknown_status' && status === 'processing') return 'reviewing';
  if (fault?.fault === 'succeeded_word' && status === 'succeed') return 'succeeded';
  return status;
}

/** The account's tasks by both of their ids; the oldest ended ones are forgotten in long runs. */
export class TaskList {
  readonly #tasks = new Map<string, KlingTask>();
  readonly #byExternalId = new Map<string, KlingTask>();
  /** Those that hold slots. */
  readonly #open = new Set<KlingTask>();

  add(task: KlingTask): void {
    this.#tasks.set(task.id, task);
    if (task.parameters.externalTaskId !== undefined) {
      this.#byExternalId.set(task.parameters.externalTaskId, task);
    }
    this.#open.add(task);
    const oldest = this.#tasks.size > 200_000 ? this.#tasks.values().next().value : undefined;
    if (oldest === undefined || !isEnded(oldest)) return;
    this.#tasks.delete(oldest.id);
    this.#byExternalId.delete(oldest.parameters.externalTaskId ?? '');
  }

  /** By task id or external id. */
  find(id: string): KlingTask | undefined {
    return this.#tasks.get(id) ?? this.#byExternalId.get(id);
  }

  hasExternalId(id: string): boolean {
    return this.#byExternalId.has(id);
  }

  get open(): readonly KlingTask[] {
    return [...this.#open];
  }

  close(task: KlingTask): void {
    this.#open.delete(task);
  }

  /** Newest first, `page` counted from 1. */
  page(page: number, size: number): readonly KlingTask[] {
    return [...this.#tasks.values()].toReversed().slice((page - 1) * size, page * size);
  }
}
