/** Sends a paid call, and decides about one that was found `sending`. */
import type { Call, Output } from '../../core/call.ts';
import type { CallFailure } from '../../core/failure.ts';
import type { Moment, Trouble } from '../../core/retry-policy.ts';
import type { Route } from '../../providers/catalog.ts';
import {
  type Accepted,
  type AdapterContext,
  AnswerLost,
  AnswerNotKept,
  inlinePictureName,
  NotSent,
  type Produced,
  ProviderError,
} from '../../providers/provider.ts';
import type { JsonValue } from '../../core/json.ts';
import type { Pass } from '../breaker.ts';
import { ClaimLost, type TaskRun } from '../task-run.ts';
import { betterRoute, failCall, sendElsewhere } from './fail-call.ts';
import { readyReference } from './prepare-reference.ts';
import { lateness } from './too-late.ts';

/** When the call must have been answered. */
export const callDeadlineMs = (run: TaskRun, call: Call, route: Route): number =>
  Math.min(run.deadlineMs, (call.sentAtMs ?? run.parts.clock.nowMs()) + route.provider.callTimeoutMs);

/** What an adapter may touch, as long as it is at work. */
export type CallContext = AdapterContext<never> & Disposable;

/**
 * How long a question about a call may take although the time for the call is over: its picture may be there, paid, for
 * instance after the program stood still for longer than that.
 */
const LAST_QUESTION_MS = 10_000;

/** What the adapter may touch for this call; the exchange ends with the call's deadline. */
export const contextOf = async (run: TaskRun, call: Call, route: Route): Promise<CallContext> => {
  const { clock, spool } = run.parts;
  const nowMs = clock.nowMs();
  const timeOver = new AbortController();
  const signal = AbortSignal.any([run.signal, timeOver.signal]);
  const maySend = call.step.state !== 'accepted' && !run.isCancelled;
  const rule = maySend && call.request.hasReference ? run.cardOf(call)?.reference : undefined;
  const reference = rule && (await readyReference(run.parts, run.task, rule, run.wanted));
  const leastMs = call.step.state === 'accepted' ? LAST_QUESTION_MS : 1;
  const remainingMs = Math.max(leastMs, callDeadlineMs(run, call, route) - nowMs);
  const stopTimer = clock.after(remainingMs, () =>
    timeOver.abort(new Error('The time for the call is over')),
  );
  let kept = 0;
  return {
    [Symbol.dispose]: stopTimer,
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
  const { clock, draining, health } = run.parts;
  const { provider } = route;
  const nowMs = clock.nowMs();
  if (draining.aborted) return nowMs;
  if (nowMs >= callDeadlineMs(run, call, route)) {
    const late = lateness(health, [provider], 'The time was over before this call could be sent.');
    return failCall(run, call, {
      moment: 'planned',
      failure: { ...late, charged: 'no', retryable: true },
    });
  }
  // A clock that went back must not turn a pause into hours.
  const isClockBack = nowMs < call.createdAtMs;
  if (notBeforeMs !== undefined && notBeforeMs > nowMs && !isClockBack) return notBeforeMs;
  if (!health.isEligible(provider, call.request.model)) {
    const better = betterRoute(run, call);
    if (better !== undefined) {
      await sendElsewhere(run, call, better);
      return undefined;
    }
  }
  if (!health.mayTry(provider, call.request.model)) return nextTryMs(run, call, route);
  const turnMs = run.routing.turnMs(route, call.id);
  if (turnMs > clock.nowMs()) return turnMs;
  if (!(await run.takeSlot(call, route))) return clock.nowMs();
  // NOTE: whatever can fail on our side happens before `sending` is written: from then on the call counts as sent.
  using context = await contextOf(run, call, route);
  if (draining.aborted) {
    run.releaseSlot(call);
    return nowMs;
  }
  const pass = health.enter(provider, call.request.model);
  if (pass === undefined) return nextTryMs(run, call, route);
  try {
    await run.move(call.slot, { state: 'sending' }, { sentAtMs: clock.nowMs() });
    run.parts.reach('after-sending');
    return await transmit(run, run.callOf(call.slot), route, { context, pass });
  } finally {
    pass.close();
  }
};

/** When a call asks again that its provider cannot take now; it ends with its time all the same. */
const nextTryMs = (run: TaskRun, call: Call, route: Route): number =>
  Math.min(run.parts.health.nextTryMs(route.provider, call.request.model), callDeadlineMs(run, call, route));

/** Decides about a call that a crash or a lost answer left in `sending` (design §2). */
export const resumeSending = async (run: TaskRun, call: Call, route: Route): Promise<number | undefined> => {
  const { adapter } = route.provider;
  run.holdSlot(call, route);
  if (adapter.resend === 'ambiguous') {
    const outputs = await arrivedOutputs(run, call);
    if (outputs === undefined) return loseAnswer(run, call, route, 'unconfirmed');
    await storeProduced(run, call, { state: 'produced', outputs });
    return undefined;
  }
  if (run.parts.clock.nowMs() >= callDeadlineMs(run, call, route))
    return loseAnswer(run, call, route, 'unconfirmed');
  using context = await contextOf(run, call, route);
  if (adapter.resend === 'deduplicated' && !run.isCancelled)
    return await transmit(run, call, route, { context });
  if (adapter.find === undefined) return loseAnswer(run, call, route, 'unconfirmed');
  let found: Accepted<JsonValue> | 'absent';
  try {
    found = await adapter.find(context);
  } catch (fault) {
    const failure = doubtful(toFailure(run, fault));
    return failCall(run, call, { moment: 'found-sending', failure });
  }
  if (found !== 'absent') return accept(run, call, found);
  if (run.isCancelled) return failCall(run, call, { moment: 'found-sending', failure: neverSent });
  return transmit(run, call, route, { context });
};

const neverSent: CallFailure = {
  code: 'cancelled',
  message: 'The task was cancelled, and the provider has not got this call.',
  charged: 'no',
  retryable: false,
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

/** What a paid request is sent with; without a pass it is one that has been sent before. */
interface Sending {
  readonly context: AdapterContext<never>;
  readonly pass?: Pass;
}

const transmit = async (
  run: TaskRun,
  call: Call,
  route: Route,
  { context, pass }: Sending,
): Promise<number | undefined> => {
  const { provider } = route;
  const isProbe = pass?.isProbe ?? false;
  let answer: Accepted<JsonValue> | Produced;
  try {
    answer = await provider.adapter.send(call.request, context);
  } catch (fault) {
    const failure = toFailure(run, fault);
    const isFirst = pass !== undefined || provider.adapter.resend === 'lookup';
    // NOTE: where the answer can be had again it is lost like any other, and asked for.
    if (fault instanceof AnswerNotKept && provider.adapter.resend === 'ambiguous') {
      run.parts.logger.error({ call: call.id, err: fault }, 'a paid picture could not be kept');
      return failCall(run, call, { moment: 'sending', failure, isProbe });
    }
    // NOTE: that a repetition did not leave tells nothing of what it repeats.
    if (fault instanceof AnswerLost || (fault instanceof NotSent && !isFirst)) {
      run.parts.logger.warn(
        { call: call.id, provider: call.provider, err: fault },
        'the answer to a call was lost',
      );
      const trouble = provider.adapter.resend === 'ambiguous' ? 'unconfirmed' : 'lost';
      return loseAnswer(run, call, route, trouble, isProbe);
    }
    return failCall(run, call, { moment: 'sending', failure, isProbe });
  }
  run.parts.health.learn(provider, call.request.model, { standing: 'works', isProbe });
  run.parts.reach('after-answer');
  return accept(run, call, answer);
};

const unreachable: CallFailure = {
  code: 'provider_unavailable',
  message: 'The provider could not be reached.',
  charged: 'no',
  retryable: true,
};

const notKept: CallFailure = {
  code: 'storage_failed',
  message:
    'The provider made the picture, and this server could not store it. It was charged and is not made again.',
  charged: 'yes',
  retryable: false,
};

/** The failure that an exchange ended with. Rethrows what is no word about the upstream: a lost claim, a fault of our own. */
export const toFailure = (run: TaskRun, fault: unknown): CallFailure => {
  if (run.signal.aborted) throw run.signal.reason;
  if (fault instanceof ClaimLost) throw fault;
  if (fault instanceof ProviderError) return fault.failure;
  if (fault instanceof AnswerNotKept) return notKept;
  if (fault instanceof AnswerLost || fault instanceof NotSent) return unreachable;
  throw fault;
};

/** The same, of an exchange that only asked: what became of the call is as unknown as before, unless it is paid. */
export const doubtful = (failure: CallFailure): CallFailure =>
  failure.charged === 'yes' ? failure : { ...failure, charged: 'unknown' };

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
const held = (output: Output, holder: string | undefined): Output =>
  output.at === 'spool' && holder !== undefined ? { ...output, holder } : output;

export const storeProduced = async (run: TaskRun, call: Call, produced: Produced): Promise<void> => {
  await run.move(
    call.slot,
    { state: 'produced', outputs: produced.outputs.map((output) => held(output, run.parts.holder)) },
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
  trouble: Trouble & ('lost' | 'unconfirmed'),
  isProbe?: boolean,
): Promise<number | undefined> => {
  const isAmbiguous = route.provider.adapter.resend === 'ambiguous';
  // By order of the operator it counts as not charged.
  const mayResend = isAmbiguous && run.parts.onUnconfirmed === 'resend';
  const moment: Moment = isProbe === undefined ? 'found-sending' : 'sending';
  return failCall(run, call, {
    moment,
    trouble,
    isProbe: isProbe ?? false,
    failure: {
      code: 'submission_unconfirmed',
      message:
        'The provider was sent this call and its answer was lost: it may have been charged, so it is not sent again.',
      charged: mayResend ? 'no' : 'unknown',
      retryable: mayResend,
    },
  });
};
