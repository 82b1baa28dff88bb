/** How a task ends, from what became of its calls. */
import type { Adjustment } from '../core/adjustment.ts';
import { costOfAll } from '../core/call.ts';
import { catalogue } from '../core/errors.ts';
import type { CallFailure } from '../core/failure.ts';
import { mostTelling } from '../core/retry-policy.ts';
import type { TaskError, Usage } from '../core/task.ts';
import type { Ending } from '../tasks/task-store.ts';
import type { TaskRun } from './task-run.ts';

/** The task's error for a call that failed at a provider. */
const toTaskError = (failure: CallFailure, provider: string): TaskError => ({
  code: failure.code,
  message: failure.message,
  retryable: catalogue[failure.code].retryable,
  ...(failure.upstream && {
    upstream: {
      provider,
      ...(failure.upstream.code !== undefined && { code: failure.upstream.code }),
      ...(failure.upstream.requestId !== undefined && { requestId: failure.upstream.requestId }),
    },
  }),
});

/** Pictures delivered, and what is known to have been paid, for pictures that were lost as well. */
const usageOf = ({ calls, images }: TaskRun): Usage => ({
  images: images.length,
  ...costOfAll(calls.map((call) => call.step)),
});

/**
 * The ending of a task whose calls have all ended: completed with what was made, or failed with the reason that
 * tells the caller most.
 */
export const endingOf = (run: TaskRun): Ending => {
  const { task, calls, images, adjustments } = run;
  const usage = usageOf(run);
  const failures = calls.flatMap((call) =>
    call.step.state === 'failed' ? [{ call, failure: call.step.failure }] : [],
  );
  const reason = mostTelling(failures.map(({ failure }) => failure));
  if (images.length === 0) {
    const failed = failures.find(({ failure }) => failure === reason);
    const error: TaskError =
      failed === undefined
        ? {
            code: 'internal_error',
            message: 'The task made no picture and nobody said why.',
            retryable: true,
          }
        : toTaskError(failed.failure, failed.call.provider);
    return { status: 'failed', error, usage, adjustments };
  }
  if (images.length >= task.request.n) return { status: 'completed', usage, adjustments };
  // What was lost on the way is told with the count of what is missing.
  const lost = adjustments.find(({ parameter }) => parameter === 'n');
  const missing: Adjustment = {
    parameter: 'n',
    asked: task.request.n,
    used: images.length,
    reason: reason?.message ?? lost?.reason ?? 'The provider made fewer pictures than it was asked for.',
  };
  return {
    status: 'completed',
    usage,
    adjustments: [...adjustments.filter(({ parameter }) => parameter !== 'n'), missing],
  };
};
