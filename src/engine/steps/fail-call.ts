import type { Call } from '../../core/call.ts';
import type { CallFailure } from '../../core/failure.ts';
import { judge } from '../../core/retry-policy.ts';
import type { TaskRun } from '../task-run.ts';

/** Ends a call that failed; a new one takes its place when the policy says so and the task has the time. */
export const failCall = async (run: TaskRun, call: Call, failure: CallFailure): Promise<void> => {
  const { clock, random, logger } = run.parts;
  run.releaseSlot(call);
  const verdict = judge(failure, call.attempt, random());
  const retryAtMs = verdict.verdict === 'retry' ? clock.nowMs() + verdict.afterMs : undefined;
  const isRetried = retryAtMs !== undefined && retryAtMs < run.deadlineMs;
  logger.warn(
    {
      task: call.taskId,
      call: call.id,
      provider: call.provider,
      code: failure.code,
      charged: failure.charged,
      upstream: failure.upstream,
      isRetried,
    },
    'call failed',
  );
  if (isRetried) await run.retry(call.slot, failure, retryAtMs);
  else await run.move(call.slot, { state: 'failed', failure });
};
