import type { Actor } from '../access/audit.ts';
import { bootstrapName, type KeyStore, type KeyWithSecret, type NewKey } from '../access/keys.ts';
import { LimnerError } from '../core/errors.ts';
import type { ModelCatalog } from '../providers/catalog.ts';
import { checkBudgetCurrency } from './check-budget-currency.ts';

/**
 * Makes an API key; its secret is shown this once. Throws `invalid_parameter` for a name that is taken and for a budget
 * in a currency that its models are not paid in.
 */
export const createKey = (
  parts: { readonly keys: Pick<KeyStore, 'create'>; readonly models: ModelCatalog },
  key: NewKey,
  actor: Actor,
): Promise<KeyWithSecret> => {
  if (key.name === bootstrapName) {
    throw new LimnerError(
      'invalid_parameter',
      `\`name\` cannot be \`${bootstrapName}\`: that is the key of LIMNER_API_KEY.`,
      { param: 'name' },
    );
  }
  checkBudgetCurrency(parts.models, key.limits?.budget, key.models);
  return parts.keys.create(key, actor);
};
