import type { ModelCard, PriceTier } from '../core/model-card.ts';
import { toMicros } from '../core/money.ts';
import { parseSize } from '../core/size.ts';
import { didYouMean } from './check-tree.ts';
import type { AdapterDescription, ModelConfig, ProviderConfig, RouteConfig, SandboxMode } from './config.ts';
import { defaultRoutes } from './default-routes.ts';
import type { Path } from './path.ts';
import type { ConfigTree } from './schema.ts';

type ModelTree = NonNullable<ConfigTree['models']>[string];
type RouteTree = NonNullable<ModelTree['routes']>[number];

/** The name of the built-in provider, its adapter and the public model that it always serves. */
export const SANDBOX = 'sandbox';

/** What the models are resolved from. */
export interface ModelSources {
  readonly models: NonNullable<ConfigTree['models']>;
  readonly providers: readonly ProviderConfig[];
  readonly adapters: readonly AdapterDescription[];
  readonly sandbox: SandboxMode;
  /** Every provider's name that was written, also of one with faults. */
  readonly providerNames: readonly string[];
  readonly report: (path: Path, message: string) => void;
}

/** The public models and whether the sandbox stands in because no provider is configured. */
export interface ResolvedModels {
  readonly models: readonly ModelConfig[];
  readonly isSandboxFallback: boolean;
}

/** Every public model with the routes that serve it (design §1.4). */
export const resolveModels = (sources: ModelSources): ResolvedModels => {
  const { models, providers, sandbox } = sources;
  const hasSandbox = providers.some((provider) => provider.name === SANDBOX);
  const hasOther = providers.some((provider) => provider.adapterName !== SANDBOX);
  const isSandboxFallback = hasSandbox && sandbox === 'auto' && !hasOther;
  const standIn = hasSandbox && (isSandboxFallback || sandbox === 'on') ? [sandboxRoute] : [];
  const names = new Set([
    ...defaultRoutes.map((route) => route.model),
    ...Object.keys(models),
    ...(hasSandbox ? [SANDBOX] : []),
  ]);
  return {
    isSandboxFallback,
    models: [...names].map((name) => {
      const model = models[name] ?? {};
      const routes = routesOf(name, model, sources);
      const card = cardOf(name, model, sources.report);
      if (card.price === undefined) checkCurrencies(name, routes, sources);
      return { name, routes: routes.length === 0 ? standIn : routes, card };
    }),
  };
};

const sandboxRoute: RouteConfig = {
  provider: SANDBOX,
  upstreamModel: SANDBOX,
  editModel: SANDBOX,
  weight: 1,
  priority: 0,
};

const routesOf = (name: string, model: ModelTree, sources: ModelSources): readonly RouteConfig[] => {
  if (model.routes !== undefined) {
    return model.routes.flatMap(
      (route, index) => routeOf(route, ['models', name, 'routes', index], sources) ?? [],
    );
  }
  if (name === SANDBOX)
    return sources.providers.some((provider) => provider.name === SANDBOX) ? [sandboxRoute] : [];
  const route = defaultRoutes.find((one) => one.model === name);
  if (route === undefined) {
    sources.report(['models', name, 'routes'], 'is missing: this public model has none by default');
    return [];
  }
  const provider = sources.providers.find((one) => one.name === route.provider);
  if (provider?.adapterName !== route.provider) return [];
  const { upstreamModel, editModel } = route;
  return [{ provider: provider.name, upstreamModel, editModel, weight: 1, priority: 0 }];
};

const routeOf = (route: RouteTree, path: Path, sources: ModelSources): RouteConfig | undefined => {
  const provider = sources.providers.find((one) => one.name === route.provider);
  if (provider === undefined) {
    const names = sources.providerNames;
    if (!names.includes(route.provider)) {
      const configured = names.length === 0 ? 'none is configured' : `there are ${names.join(', ')}`;
      sources.report(
        [...path, 'provider'],
        `names the provider ${JSON.stringify(route.provider)}, which is not configured: ${configured}${didYouMean(route.provider, names)}`,
      );
    }
    return undefined;
  }
  const adapter = sources.adapters.find((one) => one.name === provider.adapterName);
  const takesReference = adapter?.card(route.upstream_model).reference !== undefined;
  const editModel = route.edit_model ?? (takesReference ? route.upstream_model : undefined);
  return {
    provider: provider.name,
    upstreamModel: route.upstream_model,
    ...(editModel === undefined ? {} : { editModel }),
    weight: route.weight ?? 1,
    priority: route.priority ?? 0,
  };
};

/** A task tells its cost in one currency, whichever of its routes made the pictures. */
const checkCurrencies = (
  name: string,
  routes: readonly RouteConfig[],
  { providers, adapters, report }: ModelSources,
): void => {
  const currencies = routes.flatMap(({ provider, upstreamModel, editModel }) => {
    const { adapterName } = providers.find((one) => one.name === provider) ?? {};
    const adapter = adapters.find((one) => one.name === adapterName);
    return [upstreamModel, editModel ?? upstreamModel].map((model) => adapter?.card(model).price?.currency);
  });
  const known = [...new Set(currencies)].filter((currency) => currency !== undefined);
  if (known.length < 2) return;
  report(
    ['models', name, 'routes'],
    `have prices in ${known.join(' and ')}, and a task tells its cost in one currency: set models.${name}.price to what a picture costs you, for all of them`,
  );
};

const cardOf = (name: string, model: ModelTree, report: ModelSources['report']): Partial<ModelCard> => {
  const { card = {}, price } = model;
  const path = ['models', name, 'card'];
  if (card.sizes !== undefined && card.size_range !== undefined) {
    report([...path, 'size_range'], 'and sizes exclude each other; keep one of them');
  }
  const range = card.size_range;
  if (range !== undefined && (range.min_side > range.max_side || range.min_pixels > range.max_pixels)) {
    report([...path, 'size_range'], 'has a lower bound above the upper one');
  }
  if (card.retires_at !== undefined && Number.isNaN(Date.parse(card.retires_at))) {
    report([...path, 'retires_at'], 'wants a date of the calendar');
    return {};
  }
  const listed = card.sizes?.map((text) => parseSize(text)).filter((size) => size !== undefined);
  return {
    ...(listed && { sizes: { kind: 'list', sizes: listed } }),
    ...(range && {
      sizes: {
        kind: 'range',
        minSide: range.min_side,
        maxSide: range.max_side,
        minPixels: range.min_pixels,
        maxPixels: range.max_pixels,
        maxRatio: range.max_ratio,
        multipleOf: range.multiple_of ?? 1,
      },
    }),
    ...(card.max_images_per_call !== undefined && { maxImagesPerCall: card.max_images_per_call }),
    ...(card.max_prompt_characters !== undefined && { maxPromptCharacters: card.max_prompt_characters }),
    ...(card.negative_prompt !== undefined && { negativePrompt: card.negative_prompt }),
    ...(card.seed !== undefined && { seed: card.seed }),
    ...(card.watermark !== undefined && { watermark: card.watermark }),
    ...(card.qualities && { qualities: card.qualities }),
    ...(card.styles && { styles: card.styles }),
    ...(card.formats && { formats: card.formats }),
    ...(card.retires_at !== undefined && { retiresAt: new Date(card.retires_at).toISOString() }),
    ...(card.notice !== undefined && { notice: card.notice }),
    ...(price && { price: { currency: price.currency, tiers: tiersOf(name, price, report) } }),
  };
};

const tiersOf = (
  name: string,
  price: NonNullable<ModelTree['price']>,
  report: ModelSources['report'],
): readonly PriceTier[] => {
  if ((price.per_image === undefined) === (price.tiers === undefined)) {
    report(['models', name, 'price'], 'wants either per_image or tiers');
  }
  return (price.tiers ?? [{ per_image: price.per_image ?? 0 }]).map((tier) => ({
    micros: toMicros(tier.per_image),
    ...('up_to_pixels' in tier && tier.up_to_pixels !== undefined && { upToPixels: tier.up_to_pixels }),
    ...('quality' in tier && tier.quality !== undefined && { quality: tier.quality }),
    ...('with_reference' in tier &&
      tier.with_reference !== undefined && { withReference: tier.with_reference }),
  }));
};
