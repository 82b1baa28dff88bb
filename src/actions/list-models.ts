import type { Caller } from '../access/keys.ts';
import type { ModelCatalog, PublicModel } from '../providers/catalog.ts';
import { isModelAllowed } from './check-model-allowed.ts';

/** Every public model that the caller may use, whether a provider serves it now or not. */
export const listModels = (
  parts: { readonly models: ModelCatalog },
  caller: Pick<Caller, 'models'>,
): readonly PublicModel[] => parts.models.list().filter(({ name }) => isModelAllowed(caller, name));
