/** Sends a paid call, and decides about one that was found `sending`. */
import type { Call, Output } from '../../core/call.ts';
import type { CallFailure } from '../../core/failure.ts';
import { backoffMs } from '../../core/retry-policy.ts';
import type { Route } from '../../providers/catalog.ts';
import {
  type Accepted,
  type AdapterContext,
  AnswerLost,
  inlinePictureName,
  NotSent,
  type Produced,
  ProviderError,
} from '../../providers/provider.ts';
import type { JsonValue } from '../../core/json.ts';
import { ClaimLost, type TaskRun } from '../task-run.ts';
import { failCall } from './fail-call.ts';
import { readyReference } from './prepare-reference.ts';

/** When the call must have been answered. */
export const callDeadlineMs = (run: TaskRun, call: Call, route: Route): number =>
  Math.min(run.deadlineMs, (call.sentAtMs ?? run.parts.clock.nowMs()) + route.provider.callTimeoutMs);

/** What the adapter may touch for this call; the exchange ends with the call's deadline. */
export const contextOf = async (run: TaskRun, call: Call, route: Route): Promise<AdapterContext<never>> => {
  const { clock, spool } = run.parts;
  const nowMs = clock.nowMs();
  const remainingMs = Math.max(1, callDeadlineMs(run, call, route) - nowMs);
  const signal = AbortSignal.any([run.signal, AbortSignal.timeout(remainingMs)]);
  const rule = call.request.hasReference ? run.cardOf(call)?.reference : undefined;
  const reference = rule && (await readyReference(run.parts, run.task, rule, signal));
  let kept = 0;
  return {
    settings: route.provider.settings,
    http: route.provider.http.forCall({ callId: call.id, signal }),
    callId: call.id,
    ...(reference !== undefined && { reference }),
    keep: async (picture) => {
      const name = `${call.id}-${kept}`;
      kept += 1;
      await spool.writeAll(name, picture);
      return { at: 'spool', name };
    },
    nowMs,
    signal,
  };
};

/** Sends a planned call. @returns when its turn comes, if that is not now. */
export const sendCall = async (
  run: TaskRun,
  call: Call,
  route: Route,
  notBeforeMs: number | undefined,
): Promise<number | undefined> => {
  const { clock, draining, reach } = run.parts;
  const nowMs = clock.nowMs();
  if (draining.aborted) return nowMs;
  if (nowMs >= callDeadlineMs(run, call, route)) {
    await failCall(run, call, {
      code: 'deadline_exceeded',
      message: 'The time was over before this call could be sent.',
      charged: 'no',
      retryable: false,
    });
    return undefined;
  }
  if (notBeforeMs !== undefined && notBeforeMs > nowMs) return notBeforeMs;
  const turnMs = run.routing.turnMs(route, call.id);
  if (turnMs > nowMs) return turnMs;
  if (!(await run.takeSlot(call, route))) return clock.nowMs();
  // NOTE: whatever can fail on our side happens before `sending` is written: from then on the call counts as sent.
  const context = await contextOf(run, call, route);
  if (draining.aborted) {
    run.releaseSlot(call);
    return nowMs;
  }
  await run.move(call.slot, { state: 'sending' }, { sentAtMs: clock.nowMs() });
  reach('after-sending');
  return transmit(run, run.callOf(call.slot), route, context);
};

/** Decides about a call that a crash or a lost answer left in `sending` (design §2). */
export const resumeSending = async (run: TaskRun, call: Call, route: Route): Promise<number | undefined> => {
  const { adapter } = route.provider;
  run.holdSlot(call, route);
  if (adapter.resend === 'ambiguous') {
    const outputs = await arrivedOutputs(run, call);
    if (outputs === undefined) return loseAnswer(run, call, route, 'final');
    await storeProduced(run, call, { state: 'produced', outputs });
    return undefined;
  }
  if (run.parts.clock.nowMs() >= callDeadlineMs(run, call, route))
    return loseAnswer(run, call, route, 'final');
  const context = await contextOf(run, call, route);
  if (adapter.resend === 'deduplicated') return transmit(run, call, route, context);
  if (adapter.find === undefined) return loseAnswer(run, call, route, 'final');
  try {
    const found = await adapter.find(context);
    if (found === 'absent') return await transmit(run, call, route, context);
    return await accept(run, call, found);
  } catch (fault) {
    rethrowUnlessUpstream(run, fault);
    return askAgainAtMs(run, call);
  }
};

/**
 * The pictures of an answer that was arriving when the process died, if any lies complete in the spool. Those that
 * do not are among them: they were paid for as well, so they count as lost and not as missing.
 */
const arrivedOutputs = async (
  { parts: { spool } }: TaskRun,
  call: Call,
): Promise<readonly Output[] | undefined> => {
  const names = Array.from({ length: call.request.images }, (_, place) => inlinePictureName(call.id, place));
  const arrived = await Promise.all(names.map((name) => spool.exists(name)));
  return arrived.includes(true) ? names.map((name) => ({ at: 'spool', name })) : undefined;
};

const transmit = async (
  run: TaskRun,
  call: Call,
  route: Route,
  context: AdapterContext<never>,
): Promise<number | undefined> => {
  let answer: Accepted<JsonValue> | Produced;
  try {
    answer = await route.provider.adapter.send(call.request, context);
  } catch (fault) {
    rethrowUnlessUpstream(run, fault);
    if (fault instanceof AnswerLost) {
      run.parts.logger.warn(
        { call: call.id, provider: call.provider, err: fault },
        'the answer to a call was lost',
      );
      return loseAnswer(run, call, route, 'may-ask-again');
    }
    await failCall(run, call, fault instanceof ProviderError ? fault.failure : unreachable);
    return undefined;
  }
  run.parts.reach('after-answer');
  return accept(run, call, answer);
};

const unreachable: CallFailure = {
  code: 'provider_unavailable',
  message: 'The provider could not be reached.',
  charged: 'no',
  retryable: true,
};

const accept = async (
  run: TaskRun,
  call: Call,
  answer: Accepted<JsonValue> | Produced,
): Promise<number | undefined> => {
  if (answer.state === 'accepted') {
    const checkAtMs = run.parts.clock.nowMs() + answer.checkAfterMs;
    await run.move(call.slot, { state: 'accepted', handle: answer.handle, checkAtMs });
    run.parts.reach('after-accepted');
    return checkAtMs;
  }
  await storeProduced(run, call, answer);
  return undefined;
};

/** The upstream is done: what it made is written down before anything else. */
export const storeProduced = async (run: TaskRun, call: Call, produced: Produced): Promise<void> => {
  await run.move(
    call.slot,
    { state: 'produced', outputs: produced.outputs },
    { adjustments: produced.adjustments ?? [] },
  );
  run.releaseSlot(call);
  run.parts.reach('after-produced');
};

/** Nobody knows whether the upstream made the picture; what is unknown is never paid for again on a guess. */
const loseAnswer = async (
  run: TaskRun,
  call: Call,
  route: Route,
  chance: 'may-ask-again' | 'final',
): Promise<number | undefined> => {
  const isAmbiguous = route.provider.adapter.resend === 'ambiguous';
  if (!isAmbiguous && chance === 'may-ask-again') return askAgainAtMs(run, call);
  const mayResend = isAmbiguous && run.parts.onUnconfirmed === 'resend';
  await failCall(run, call, {
    code: 'submission_unconfirmed',
    message:
      'The provider was sent this call and its answer was lost: it may have been charged, so it is not sent again.',
    charged: mayResend ? 'no' : 'unknown',
    retryable: mayResend,
  });
  return undefined;
};

/** When to ask the upstream again about a call in doubt. */
export const askAgainAtMs = (run: TaskRun, call: Call): number => {
  const { clock, random } = run.parts;
  return clock.nowMs() + 1_000 + backoffMs(Math.min(call.attempt + 1, 3), random());
};

/** Lets through what is no word about the upstream: a lost claim, a shutdown, a fault of our own. */
export const rethrowUnlessUpstream = (run: TaskRun, fault: unknown): void => {
  if (run.signal.aborted) throw run.signal.reason;
  if (fault instanceof ClaimLost) throw fault;
  if (!(fault instanceof ProviderError || fault instanceof AnswerLost || fault instanceof NotSent))
    throw fault;
};
