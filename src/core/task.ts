import type { Adjustment } from './adjustment.ts';
import type { TaskErrorCode } from './errors.ts';
import type { Image } from './image.ts';
import type { Micros } from './money.ts';
import type { GenerationRequest } from './request.ts';

/** The public states of a task (design §1.1). */
export const taskStatuses = ['pending', 'processing', 'completed', 'failed'] as const;
export type TaskStatus = (typeof taskStatuses)[number];

/** Why a task failed, as the caller is told. */
export interface TaskError {
  readonly code: TaskErrorCode;
  readonly message: string;
  readonly retryable: boolean;
  /** Present when an upstream spoke. */
  readonly upstream?: { readonly provider: string; readonly code?: string; readonly requestId?: string };
}

/** What the task cost. */
export interface Usage {
  /** Pictures delivered. */
  readonly images: number;
  readonly costMicros: Micros;
  /** ISO 4217; absent when nothing has a price. */
  readonly currency?: string;
}

/** What a caller asked for, and what became of it. */
export interface Task {
  readonly id: string;
  /** The caller's key; nobody else ever sees the task. */
  readonly keyId: string;
  readonly status: TaskStatus;
  readonly request: GenerationRequest;
  readonly createdAtMs: number;
  readonly startedAtMs?: number;
  readonly completedAtMs?: number;
  readonly adjustments: readonly Adjustment[];
  readonly usage?: Usage;
  /** Present when, and only when, the task is completed. */
  readonly images?: readonly Image[];
  /** Present when, and only when, the task has failed. */
  readonly error?: TaskError;
}

/** Whether nothing more happens to a task in this state. */
export const isEnded = (status: TaskStatus): boolean => status === 'completed' || status === 'failed';
