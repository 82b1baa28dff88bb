import type { ErrorBody, Task, TaskError } from './schemas.ts';

/** Every code that Limner may give; `docs/errors` has a page for each. A newer server may know more. */
export type ErrorCode = ErrorBody['error']['code'] | TaskError['code'];

/** What Limner, or the way to it, said instead of an answer. */
export class LimnerError extends Error {
  override readonly name: string = 'LimnerError';
  /** `connection_lost` when no answer came, `unexpected_answer` when it was not Limner's. */
  readonly code: ErrorCode | 'connection_lost' | 'unexpected_answer';
  /** The HTTP status; absent when no answer came, and when a task failed. */
  readonly status: number | undefined;
  /** The parameter at fault. */
  readonly param: string | undefined;
  /** The `x-request-id`, for the log of the server. */
  readonly requestId: string | undefined;
  /** When trying again makes sense, if the server said so. */
  readonly retryAfterMs: number | undefined;

  constructor(
    code: LimnerError['code'],
    message: string,
    details: {
      readonly status?: number | undefined;
      readonly param?: string | undefined;
      readonly requestId?: string | undefined;
      readonly retryAfterMs?: number | undefined;
      readonly cause?: unknown;
    } = {},
  ) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.status = details.status;
    this.param = details.param;
    this.requestId = details.requestId;
    this.retryAfterMs = details.retryAfterMs;
  }
}

/** A task that ended without pictures; `code` is that of `task.error`. */
export class TaskFailed extends LimnerError {
  override readonly name = 'TaskFailed';
  readonly task: Task;
  /** Whether the same request may succeed later, unchanged. */
  readonly retryable: boolean;

  constructor(task: Task) {
    super(task.error?.code ?? 'internal_error', task.error?.message ?? 'The task failed without saying why.');
    this.task = task;
    this.retryable = task.error?.retryable ?? false;
  }
}

/** The error that an answer is; reads its body. */
export const errorOf = async (response: Response): Promise<LimnerError> => {
  const { status } = response;
  const retryAfter = Number(response.headers.get('retry-after') ?? Number.NaN);
  const details = {
    status,
    requestId: response.headers.get('x-request-id') ?? undefined,
    retryAfterMs: Number.isFinite(retryAfter) ? retryAfter * 1000 : undefined,
  };
  const text = await response.text();
  try {
    const { error } = JSON.parse(text) as Partial<ErrorBody>;
    if (error !== undefined && typeof error.code === 'string') {
      return new LimnerError(error.code, error.message, { ...details, param: error.param ?? undefined });
    }
  } catch {
    // A page of a proxy, perhaps.
  }
  return new LimnerError('unexpected_answer', `The answer was HTTP ${status}, and not Limner's.`, details);
};

/** Codes that say: not now. Whoever sends the same again may get an answer. */
const passing: ReadonlySet<string> = new Set([
  'connection_lost',
  'concurrency_limit_exceeded',
  'database_unavailable',
  'idempotency_in_progress',
  'queue_full',
  'rate_limit_exceeded',
  'shutting_down',
]);

/** Whether the same request may be answered in a moment. */
export const isPassing = ({ code, status }: LimnerError): boolean =>
  passing.has(code) ||
  (code === 'unexpected_answer' && status !== undefined && [408, 429, 502, 503, 504].includes(status));
