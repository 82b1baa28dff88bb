import type { Call } from '../../core/call.ts';
import type { CallFailure } from '../../core/failure.ts';
import { planCalls } from '../../core/plan.ts';
import { requestLimits } from '../../core/request.ts';
import { judge, type Moment, type Trouble, troubleOf, type Verdict } from '../../core/retry-policy.ts';
import type { Route } from '../../providers/catalog.ts';
import type { TaskRun } from '../task-run.ts';

/** What came in the way of a call. */
export interface Mishap {
  readonly moment: Moment;
  readonly failure: CallFailure;
  /** What kind of trouble it is, where the failure's code does not say. */
  readonly trouble?: Trouble;
  /** Whether the call was to show that its provider is back. */
  readonly isProbe?: boolean;
}

/**
 * Does what the policy says of a call that had trouble: it ends, its pictures are asked of the next route, or of the
 * same one later, or the call itself goes on later. Whatever it is, the task must have the time.
 *
 * @returns when the same call goes on, or `undefined` when it has ended.
 */
export const failCall = async (run: TaskRun, call: Call, mishap: Mishap): Promise<number | undefined> => {
  const { failure } = mishap;
  const verdict = judgeMishap(run, call, mishap);
  learn(run, call, mishap, verdict);
  const nowMs = run.parts.clock.nowMs();
  const route = verdict.elsewhere && nowMs < run.deadlineMs ? otherRoute(run, call) : undefined;
  if (route !== undefined) {
    tell(run, call, failure, route.provider.name);
    run.releaseSlot(call);
    await run.moveTo(call.slot, failure, route, planElsewhere(run, call, route));
    return undefined;
  }
  const againAtMs = verdict.remedy === 'end' ? Infinity : nowMs + verdict.afterMs;
  const hasTime = againAtMs < run.deadlineMs;
  if (verdict.remedy === 'ask' && hasTime) return againAtMs;
  tell(run, call, failure, hasTime ? call.provider : undefined);
  // NOTE: who was told to come back later keeps the place at the gate: nobody else would be served in it either.
  const isWaiting = verdict.remedy === 'wait' && hasTime;
  if (!isWaiting) run.releaseSlot(call);
  if (hasTime) await run.retry(call.slot, failure, againAtMs, isWaiting ? 'keeps-place' : 'queues-again');
  else await run.move(call.slot, { state: 'failed', failure });
  return undefined;
};

/** When the same call goes on after this; `undefined` when it does not, by the policy or for want of time. */
export const askAgainAtMs = (run: TaskRun, call: Call, mishap: Mishap): number | undefined => {
  const verdict = judgeMishap(run, call, mishap);
  if (verdict.remedy !== 'ask') return undefined;
  const againAtMs = run.parts.clock.nowMs() + verdict.afterMs;
  return againAtMs < run.deadlineMs ? againAtMs : undefined;
};

const judgeMishap = (run: TaskRun, call: Call, { moment, failure, trouble }: Mishap): Verdict =>
  judge({
    moment,
    failure,
    trouble: trouble ?? troubleOf(failure),
    tries: run.triesOf(call.slot),
    attempt: call.attempt,
    random: run.parts.random(),
  });

/** A route that works and has had no call for these pictures; `undefined` when there is none. */
export const betterRoute = (run: TaskRun, call: Call): Route | undefined => {
  const route = otherRoute(run, call);
  return route !== undefined && isEligible(run, call, route) ? route : undefined;
};

/** Plans the pictures of a call that was not sent for another route. */
export const sendElsewhere = async (run: TaskRun, call: Call, route: Route): Promise<void> => {
  const failure = { ...passedOver, message: `${passedOver.message} Another one was asked.` };
  tell(run, call, failure, route.provider.name);
  run.releaseSlot(call);
  await run.moveTo(call.slot, failure, route, planElsewhere(run, call, route));
};

const passedOver: CallFailure = {
  code: 'provider_unavailable',
  message: 'The provider cannot serve calls for now, and nothing was sent to it.',
  charged: 'no',
  retryable: true,
};

const learn = (run: TaskRun, call: Call, { failure, isProbe = false }: Mishap, verdict: Verdict): void => {
  const route = run.routeOf(call);
  if (verdict.provider === undefined || route === undefined) return;
  const pauseMs = verdict.remedy === 'wait' ? verdict.afterMs : failure.retryAfterMs;
  run.parts.health.learn(route.provider, call.request.model, {
    standing: verdict.provider,
    reason: failure.code,
    isProbe,
    ...(pauseMs !== undefined && { pauseMs }),
  });
};

const tell = (run: TaskRun, call: Call, failure: CallFailure, next: string | undefined): void => {
  run.parts.logger.warn(
    {
      task: call.taskId,
      call: call.id,
      provider: call.provider,
      code: failure.code,
      charged: failure.charged,
      upstream: failure.upstream,
      next,
    },
    'call failed',
  );
};

const isEligible = (run: TaskRun, call: Call, route: Route): boolean => {
  const card = call.request.hasReference ? (route.editCard ?? route.card) : route.card;
  return run.parts.health.isEligible(route.provider, card.upstreamModel);
};

/** The best route for these pictures that no call for them has gone to yet; one that works before one that does not. */
const otherRoute = (run: TaskRun, call: Call): Route | undefined =>
  (run.parts.models.get(run.task.request.model)?.routes ?? [])
    .filter((route) => !run.hasTried(call.slot, route.provider.name))
    .filter((route) => !call.request.hasReference || route.editCard !== undefined)
    .toSorted(
      (one, other) =>
        Number(isEligible(run, call, other)) - Number(isEligible(run, call, one)) ||
        one.priority - other.priority,
    )[0];

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
