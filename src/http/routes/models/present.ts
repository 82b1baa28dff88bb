import { allowedSizes, seedSizes } from '../../../core/model-card.ts';
import { fromMicros } from '../../../core/money.ts';
import { requestLimits } from '../../../core/request.ts';
import { formatSize } from '../../../core/size.ts';
import type { PublicModel, Route } from '../../../providers/catalog.ts';
import { retirementNotice, retirementsOf } from '../../../providers/retirements.ts';
import type { ServerParts } from '../../server-parts.ts';
import type { ModelView } from './schema.ts';

/** Shows a model with what is thought of its providers now. */
export const createModelPresenter =
  (parts: Pick<ServerParts, 'providers'>): ((model: PublicModel) => ModelView) =>
  (model) => {
    const out = new Set(
      parts
        .providers()
        .filter(({ state }) => state !== 'ok')
        .map(({ name }) => name),
    );
    return presentModel(model, ({ provider }) => !out.has(provider.name));
  };

/**
 * Shows a public model by the card of the route that is tried first; which provider that is stays inside.
 *
 * @param isServing whether the provider of a route serves now.
 */
export const presentModel = (
  model: PublicModel,
  isServing: (route: Route) => boolean = () => true,
): ModelView => {
  const { name, routes } = model;
  const route = routes.toSorted((one, other) => one.priority - other.priority)[0];
  const base = {
    id: name,
    object: 'model' as const,
    created: 0,
    owned_by: 'limner',
    available: routes.some(isServing),
    max_images: requestLimits.images,
  };
  if (route === undefined) return base;
  const { card } = route;
  const sizes = allowedSizes(card);
  const [soonest] = retirementsOf(model);
  const notices = [card.notice ?? [], soonest === undefined ? [] : retirementNotice(soonest)].flat();
  return {
    ...base,
    sizes: {
      always: seedSizes.map(formatSize),
      min_side: sizes.minSide,
      max_side: sizes.maxSide,
      max_pixels: sizes.maxPixels,
    },
    ...(card.maxPromptCharacters !== undefined && { max_prompt_characters: card.maxPromptCharacters }),
    image_to_image: routes.some((each) => each.editCard !== undefined),
    parameters: {
      negative_prompt: card.negativePrompt,
      seed: card.seed,
      guidance_scale: card.guidanceScale !== undefined,
      quality: card.qualities !== undefined,
      style: card.styles !== undefined,
      watermark: card.watermark,
    },
    ...(card.price !== undefined && {
      price: {
        currency: card.price.currency,
        tiers: card.price.tiers.map((tier) => ({
          ...(tier.upToPixels !== undefined && { up_to_pixels: tier.upToPixels }),
          ...(tier.quality !== undefined && { quality: tier.quality }),
          ...(tier.withReference !== undefined && { with_reference: tier.withReference }),
          per_image: fromMicros(tier.micros),
        })),
      },
    }),
    ...(soonest !== undefined && { retires_at: Math.floor(soonest.atMs / 1000) }),
    ...(notices.length > 0 && { notice: notices.join(' ') }),
  };
};
