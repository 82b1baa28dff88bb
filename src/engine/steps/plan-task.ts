import { LimnerError } from '../../core/errors.ts';
import { planCalls } from '../../core/plan.ts';
import type { Route } from '../../providers/catalog.ts';
import type { TaskRun } from '../task-run.ts';
import { prepareReference } from './prepare-reference.ts';

/**
 * Decides what a fresh task asks of which upstream and stores it: the task is `processing` from here on.
 *
 * @param reserved the route on which a place is held for it.
 * @throws LimnerError when the task cannot be done at all, with a code that a task may carry.
 */
export const planTask = async (run: TaskRun, reserved: Route | undefined): Promise<void> => {
  const { parts, task } = run;
  const { request } = task;
  if (parts.clock.nowMs() >= run.deadlineMs) {
    throw new LimnerError('deadline_exceeded', 'The task waited in the queue until its time was over. Try again later.');
  }
  const route = reserved ?? parts.models.get(request.model)?.routes[0];
  if (route === undefined) throw new LimnerError('model_unavailable', `No provider serves ${request.model} any more.`);
  const card = request.reference === undefined ? route.card : route.editCard;
  if (card === undefined) {
    throw new LimnerError('model_unavailable', `No route of ${request.model} takes a reference picture.`);
  }
  const planned = planCalls({ request, card, hasReference: request.reference !== undefined });
  const adjustments = [...planned.adjustments];
  if (request.reference !== undefined && card.reference !== undefined) {
    const adjustment = await prepareReference(parts, task, card.reference, run.signal);
    if (adjustment !== undefined) adjustments.push(adjustment);
  }
  await run.start(route, planned.calls, adjustments);
};
