import type { Reservation } from '../access/budgets.ts';
import type { Caller } from '../access/keys.ts';
import { LimnerError } from '../core/errors.ts';
import type { Cost } from '../core/money.ts';
import { costOfRequest } from '../core/plan.ts';
import type { GenerationRequest } from '../core/request.ts';
import type { PublicModel } from '../providers/catalog.ts';
import { hasTaskLimits } from './full-limit.ts';

/**
 * What a request takes of its key's limits; `undefined` when its tasks count against none. Throws `invalid_parameter` when
 * the key has a budget that the model's price cannot be counted against.
 */
export const reservationOf = (
  caller: Pick<Caller, 'limits'>,
  model: PublicModel,
  request: GenerationRequest,
  hasReference: boolean,
): Reservation | undefined => {
  if (!hasTaskLimits(caller)) return undefined;
  const { concurrentTasks, imagesPerDay, budget } = caller.limits;
  const cost = mostOf(model, request, hasReference, budget?.currency);
  return {
    images: request.n,
    ...(cost !== undefined && { cost }),
    ...(concurrentTasks !== undefined && { concurrentTasks }),
    ...(imagesPerDay !== undefined && { imagesPerDay }),
    ...(budget !== undefined && { budget }),
  };
};

/** What the dearest route takes: which one will serve is not known yet. */
const mostOf = (
  model: PublicModel,
  request: GenerationRequest,
  hasReference: boolean,
  budgetCurrency: string | undefined,
): Cost | undefined => {
  let most: Cost | undefined;
  for (const { card, editCard } of model.routes) {
    const used = hasReference ? editCard : card;
    if (used === undefined || (used.isFree === true && used.price === undefined)) continue;
    const cost = costOfRequest(request, used, hasReference);
    if (budgetCurrency !== undefined && cost?.currency !== budgetCurrency) {
      throw notCounted(model.name, budgetCurrency, cost?.currency);
    }
    if (cost !== undefined && cost.micros > (most?.micros ?? -1)) most = cost;
  }
  return most;
};

const notCounted = (model: string, budget: string, price: string | undefined): LimnerError =>
  new LimnerError(
    'invalid_parameter',
    price === undefined
      ? `\`${model}\` has no price here, so it cannot be paid from this key's budget in ${budget}. ` +
          `The operator can set \`models.${model}.price\`.`
      : `\`${model}\` is paid in ${price}, and the budget of this key is in ${budget}.`,
    { param: 'model' },
  );
