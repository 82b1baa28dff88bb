import type { ModelCatalog, PublicModel } from '../providers/catalog.ts';

/** Every public model, whether a provider serves it now or not. */
export const listModels = (parts: { readonly models: ModelCatalog }): readonly PublicModel[] =>
  parts.models.list();
