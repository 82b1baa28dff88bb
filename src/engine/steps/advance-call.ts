import { checkCall } from './check-call.ts';
import { collectOutputs } from './collect-outputs.ts';
import { failCall } from './fail-call.ts';
import { resumeSending, sendCall } from './send-call.ts';
import type { TaskRun } from '../task-run.ts';

/**
 * Takes the call of a slot as far along its path as it goes now.
 *
 * @returns when it wants its next turn, or `undefined` when it has ended.
 */
export const advanceCall = async (run: TaskRun, slot: number): Promise<number | undefined> => {
  for (;;) {
    const call = run.callOf(slot);
    const { step } = call;
    if (step.state === 'stored' || step.state === 'failed') return undefined;
    const route = run.routeOf(call);
    let waitUntilMs: number | undefined;
    if (route === undefined && step.state !== 'produced') {
      await failCall(run, call, {
        code: 'model_unavailable',
        message: 'The configuration no longer has the provider that this call was planned for.',
        charged: step.state === 'planned' ? 'no' : 'unknown',
        retryable: false,
      });
    } else if (step.state === 'produced') waitUntilMs = await collectOutputs(run, call, step.outputs, route);
    else if (route === undefined) return undefined;
    else if (step.state === 'planned') waitUntilMs = await sendCall(run, call, route, step.notBeforeMs);
    else if (step.state === 'sending') waitUntilMs = await resumeSending(run, call, route);
    else waitUntilMs = await checkCall(run, call, route, step);
    if (waitUntilMs !== undefined) return waitUntilMs;
  }
};
