import type { Call } from '../../core/call.ts';
import type { CallFailure } from '../../core/failure.ts';
import { planCalls } from '../../core/plan.ts';
import { judge, mayGoElsewhere } from '../../core/retry-policy.ts';
import { requestLimits } from '../../core/request.ts';
import type { Route } from '../../providers/catalog.ts';
import type { TaskRun } from '../task-run.ts';

/**
 * Ends a call that failed. Its pictures are asked of the next route, or of the same one later, when nothing was
 * charged, the policy says so and the task has the time.
 */
export const failCall = async (run: TaskRun, call: Call, failure: CallFailure): Promise<void> => {
  const { clock, random, logger } = run.parts;
  run.releaseSlot(call);
  const verdict = judge(failure, call.attempt, random());
  const retryAtMs = verdict.verdict === 'retry' ? clock.nowMs() + verdict.afterMs : undefined;
  const elsewhere =
    mayGoElsewhere(failure) && clock.nowMs() < run.deadlineMs ? otherRoute(run, call) : undefined;
  const isRetried = retryAtMs !== undefined && retryAtMs < run.deadlineMs;
  logger.warn(
    {
      task: call.taskId,
      call: call.id,
      provider: call.provider,
      code: failure.code,
      charged: failure.charged,
      upstream: failure.upstream,
      next: elsewhere?.provider.name ?? (isRetried ? call.provider : undefined),
    },
    'call failed',
  );
  if (elsewhere !== undefined)
    await run.moveTo(call.slot, failure, elsewhere, planElsewhere(run, call, elsewhere));
  else if (isRetried) await run.retry(call.slot, failure, retryAtMs);
  else await run.move(call.slot, { state: 'failed', failure });
};

/** The best route for these pictures that no call for them has gone to yet. */
const otherRoute = (run: TaskRun, call: Call): Route | undefined =>
  (run.parts.models.get(run.task.request.model)?.routes ?? [])
    .filter((route) => !run.hasTried(call.slot, route.provider.name))
    .filter((route) => !call.request.hasReference || route.editCard !== undefined)
    .toSorted((one, other) => one.priority - other.priority)[0];

const planElsewhere = (run: TaskRun, call: Call, route: Route): ReturnType<typeof planCalls> => {
  const { request } = run.task;
  const { firstImage, images, hasReference } = call.request;
  const card = hasReference ? (route.editCard ?? route.card) : route.card;
  const seed =
    request.seed === undefined ? undefined : (request.seed + firstImage) % (requestLimits.seed + 1);
  const part = { ...request, n: images, ...(seed !== undefined && { seed }) };
  const { calls, adjustments } = planCalls({ request: part, card, hasReference });
  return { calls: calls.map((each) => ({ ...each, firstImage: firstImage + each.firstImage })), adjustments };
};
