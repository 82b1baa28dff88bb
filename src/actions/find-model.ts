import { didYouMean } from '../core/closest-name.ts';
import { LimnerError } from '../core/errors.ts';
import type { ModelCatalog, PublicModel } from '../providers/catalog.ts';

/** The public model of this name; throws `model_not_found` when there is none, `model_unavailable` when none is known yet. */
export const findModel = (models: ModelCatalog, name: string): PublicModel => {
  const model = models.get(name);
  if (model !== undefined) return model;
  const names = models.list().map((known) => known.name);
  if (names.length === 0) {
    throw new LimnerError(
      'model_unavailable',
      'No worker has told yet what it serves. Start one, or send the request again in a moment.',
      { param: 'model' },
    );
  }
  const written = name.length > 64 ? `${name.slice(0, 64)}…` : name;
  throw new LimnerError(
    'model_not_found',
    `There is no model \`${written}\`.${didYouMean(name, names)} The models are: ${names.join(', ')}.`,
    { param: 'model' },
  );
};
