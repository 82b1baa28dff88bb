import type { Call, CallStep } from '../../core/call.ts';
import type { CallFailure } from '../../core/failure.ts';
import type { Route } from '../../providers/catalog.ts';
import type { Progress } from '../../providers/provider.ts';
import type { TaskRun } from '../task-run.ts';
import { failCall } from './fail-call.ts';
import { callDeadlineMs, contextOf, doubtful, storeProduced, toFailure } from './send-call.ts';

/** The largest part of the interval by which a question comes later. */
const POLL_JITTER = 0.1;

/** Asks the upstream for a call that it has. @returns when to ask again while it is at work. */
export const checkCall = async (
  run: TaskRun,
  call: Call,
  route: Route,
  step: CallStep & { readonly state: 'accepted' },
): Promise<number | undefined> => {
  const { clock, logger } = run.parts;
  const { adapter, pollIntervalMs } = route.provider;
  run.holdSlot(call, route);
  const nowMs = clock.nowMs();
  // A clock that went back says nothing of how long the upstream has been at work.
  const isClockBack = nowMs < (call.sentAtMs ?? nowMs);
  if (nowMs < step.checkAtMs && !isClockBack) return step.checkAtMs;
  if (adapter.check === undefined)
    throw new Error(`The adapter ${adapter.name} accepts calls and cannot check them`);
  let progress: Progress;
  try {
    using context = await contextOf(run, call, route);
    progress = await adapter.check(step.handle, context);
  } catch (fault) {
    const failure = doubtful(toFailure(run, fault));
    const againAtMs = await failCall(run, call, { moment: 'asking', failure });
    // Pictures that came and found no room are asked for again as long as the task has time.
    if (againAtMs === undefined || failure.code === 'storage_failed') return againAtMs;
    progress = { state: 'running', checkAfterMs: againAtMs - clock.nowMs() };
  }
  if (progress.state === 'produced') {
    await storeProduced(run, call, progress);
    return undefined;
  }
  if (progress.state === 'failed')
    return failCall(run, call, { moment: 'accepted', failure: progress.failure });
  if (progress.warning !== undefined)
    logger.warn({ call: call.id, provider: call.provider }, progress.warning);
  if (clock.nowMs() >= callDeadlineMs(run, call, route))
    return failCall(run, call, { moment: 'accepted', failure: unfinished });
  // What was accepted together is not asked for together for ever.
  const jitter = 1 + run.parts.random() * POLL_JITTER;
  return clock.nowMs() + Math.max(progress.checkAfterMs, Math.round(pollIntervalMs * jitter));
};

const unfinished: CallFailure = {
  code: 'provider_timeout',
  message: 'The provider took the call and did not finish it in time.',
  charged: 'unknown',
  retryable: false,
};
