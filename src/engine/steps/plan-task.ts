import { LimnerError } from '../../core/errors.ts';
import type { ModelCard } from '../../core/model-card.ts';
import { planCalls } from '../../core/plan.ts';
import type { Route } from '../../providers/catalog.ts';
import type { TaskRun } from '../task-run.ts';
import { prepareReference } from './prepare-reference.ts';
import { lateness } from './too-late.ts';

/**
 * Decides what a fresh task asks of which upstream and stores it: the task is `processing` from here on.
 *
 * @param reserved the route on which a place is held for it.
 * @throws LimnerError when the task cannot be done at all, with a code that a task may carry.
 */
export const planTask = async (run: TaskRun, reserved: Route | undefined): Promise<void> => {
  const { parts, task } = run;
  const { request } = task;
  const cardOf = (route: Route): ModelCard | undefined =>
    request.reference === undefined ? route.card : route.editCard;
  const routes = (parts.models.get(request.model)?.routes ?? [])
    .filter((route) => cardOf(route) !== undefined)
    .toSorted((one, other) => one.priority - other.priority);
  const route = reserved !== undefined && routes.includes(reserved) ? reserved : routes[0];
  const card = route && cardOf(route);
  if (route === undefined || card === undefined) {
    const missing =
      request.reference === undefined ? 'No provider serves' : 'No route takes a reference picture for';
    throw new LimnerError('model_unavailable', `${missing} ${request.model} any more.`);
  }
  if (parts.clock.nowMs() >= run.deadlineMs) {
    const { code, message } = lateness(
      parts.health,
      routes.map(({ provider }) => provider),
      'The task waited in the queue until its time was over. Try again later.',
    );
    throw new LimnerError(code, message);
  }
  const planned = planCalls({ request, card, hasReference: request.reference !== undefined });
  const adjustments = [...planned.adjustments];
  if (request.reference !== undefined && card.reference !== undefined) {
    const adjustment = await prepareReference(parts, task, card.reference, run.wanted);
    if (adjustment !== undefined) adjustments.push(adjustment);
  }
  await run.start(route, planned.calls, adjustments);
};
