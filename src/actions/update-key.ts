import type { Actor } from '../access/audit.ts';
import { type ApiKey, bootstrapName, type KeyChanges, type KeyStore } from '../access/keys.ts';
import { LimnerError } from '../core/errors.ts';
import type { ModelCatalog } from '../providers/catalog.ts';
import { checkBudgetCurrency } from './check-budget-currency.ts';
import { getKey } from './get-key.ts';

/**
 * Changes what a key may do, within a second everywhere. Throws `key_not_found`, and `invalid_parameter` for the key of
 * `LIMNER_API_KEY`, a name that is taken and a budget in a currency that its models are not paid in.
 */
export const updateKey = async (
  parts: { readonly keys: Pick<KeyStore, 'get' | 'update'>; readonly models: ModelCatalog },
  keyId: string,
  changes: KeyChanges,
  actor: Actor,
): Promise<ApiKey> => {
  const key = await getKey(parts, keyId);
  if (key.name === bootstrapName || changes.name === bootstrapName) {
    throw new LimnerError(
      'invalid_parameter',
      `The key \`${bootstrapName}\` is the one of LIMNER_API_KEY: it has no limits and is changed there.`,
      { param: key.name === bootstrapName ? 'key_id' : 'name' },
    );
  }
  const budget = changes.budget === undefined ? key.limits.budget : (changes.budget ?? undefined);
  const models = changes.models === undefined ? key.models : (changes.models ?? undefined);
  if (changes.budget !== undefined || changes.models !== undefined) {
    checkBudgetCurrency(parts.models, budget, models);
  }
  const updated = await parts.keys.update(keyId, changes, actor);
  return updated ?? key;
};
