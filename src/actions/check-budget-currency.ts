import type { Budget } from '../access/limits.ts';
import { LimnerError } from '../core/errors.ts';
import type { ModelCatalog, PublicModel } from '../providers/catalog.ts';

/** The currencies that the routes of a model are paid in. */
const currenciesOf = ({ routes }: PublicModel): readonly string[] =>
  routes
    .flatMap(({ card, editCard }) => [card, editCard ?? card])
    .flatMap(({ price }) => price?.currency ?? []);

/**
 * Whether a key with this budget could spend it: throws `invalid_parameter` when a model that was named for it is paid in
 * another currency, or when every model is.
 */
export const checkBudgetCurrency = (
  models: ModelCatalog,
  budget: Budget | undefined,
  names: readonly string[] | undefined,
): void => {
  if (budget === undefined) return;
  const paid = models
    .list()
    .filter(({ name }) => names?.includes(name) ?? true)
    .flatMap((model) => currenciesOf(model).map((currency) => ({ name: model.name, currency })));
  const others = paid.filter(({ currency }) => currency !== budget.currency);
  if (others.length === 0 || (names === undefined && others.length < paid.length)) return;
  const told = [...new Set(others.map(({ name, currency }) => `\`${name}\` in ${currency}`))];
  throw new LimnerError(
    'invalid_parameter',
    `\`budget.currency\` is ${budget.currency}, but ${told.join(', ')} is paid: give the budget in that currency, ` +
      'or leave the model out of `models`.',
    { param: 'budget.currency' },
  );
};
