import { type Call, isCallEnded } from '../../core/call.ts';
import { isTaskErrorCode, LimnerError } from '../../core/errors.ts';
import type { TaskRun } from '../task-run.ts';
import { checkCall } from './check-call.ts';
import { collectOutputs } from './collect-outputs.ts';
import { failCall } from './fail-call.ts';
import { resumeSending, sendCall } from './send-call.ts';

/**
 * Takes the call of a slot as far along its path as it goes now.
 *
 * @returns when it wants its next turn, or `undefined` when it has ended.
 */
export const advanceCall = async (run: TaskRun, slot: number): Promise<number | undefined> => {
  for (;;) {
    const call = run.callOf(slot);
    if (isCallEnded(call.step)) {
      // It may have ended with its task, and not by us.
      run.releaseSlot(call);
      return undefined;
    }
    const waitUntilMs = await takeStep(run, call).catch((fault: unknown) => giveUp(run, slot, fault));
    if (waitUntilMs !== undefined) return waitUntilMs;
  }
};

const takeStep = async (run: TaskRun, call: Call): Promise<number | undefined> => {
  const { step } = call;
  const route = run.routeOf(call);
  if (step.state === 'produced') return collectOutputs(run, call, step.outputs, route);
  if (route === undefined) {
    throw new LimnerError(
      'model_unavailable',
      'The configuration no longer has the provider that this call was for.',
    );
  }
  switch (step.state) {
    case 'planned':
      return sendCall(run, call, route, step.notBeforeMs);
    case 'sending':
      return resumeSending(run, call, route);
    case 'accepted':
      return checkCall(run, call, route, step);
    case 'stored':
    case 'failed':
      return undefined;
  }
};

/** A call that cannot go on for a reason that the caller can be told ends with it; any other fault is ours and goes on up. */
const giveUp = async (run: TaskRun, slot: number, fault: unknown): Promise<undefined> => {
  if (!(fault instanceof LimnerError) || !isTaskErrorCode(fault.code)) throw fault;
  const call = run.callOf(slot);
  await failCall(run, call, {
    moment: 'planned',
    trouble: 'ours',
    failure: {
      code: fault.code,
      message: fault.detail,
      charged: call.step.state === 'planned' ? 'no' : 'unknown',
      retryable: false,
    },
  });
};
