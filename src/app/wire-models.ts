import type { ModelConfig, ProviderConfig } from '../config/config.ts';
import type { ModelCard } from '../core/model-card.ts';
import type { ModelCatalog, Provider, PublicModel } from '../providers/catalog.ts';
import { discreet } from '../providers/discreet.ts';
import { NotSent } from '../providers/provider.ts';
import { adapterByName } from '../providers/registry.ts';
import type { UpstreamConnection } from '../providers/upstream-client.ts';
import type { Outside } from './outside.ts';

/** For an adapter that has no upstream to speak to. */
export const noUpstream: UpstreamConnection = {
  forCall: () => ({
    baseUrl: '',
    exchange: () => Promise.reject(new NotSent('This provider has no upstream')),
  }),
};

export const connectProvider = async (
  config: ProviderConfig,
  connect: Outside['connect'],
): Promise<Provider> => ({
  name: config.name,
  adapter: discreet(adapterByName(config.adapterName), config.settings),
  settings: config.settings as never,
  http: config.baseUrl === undefined ? noUpstream : await connect(config.baseUrl),
  ...(config.baseUrl !== undefined && { trustedHost: new URL(config.baseUrl).host }),
  concurrency: config.concurrency,
  ...(config.requestsPerMinute !== undefined && { requestsPerMinute: config.requestsPerMinute }),
  pollIntervalMs: config.pollIntervalMs,
  callTimeoutMs: config.callTimeoutMs,
});

const publicModel = (config: ModelConfig, providers: ReadonlyMap<string, Provider>): PublicModel => ({
  name: config.name,
  routes: config.routes.map((route) => {
    const provider = providers.get(route.provider);
    if (provider === undefined)
      throw new Error(`The model ${config.name} names the unknown provider ${route.provider}`);
    const cardOf = (upstreamModel: string): ModelCard => ({
      ...provider.adapter.card(upstreamModel),
      ...config.card,
    });
    return {
      provider,
      card: cardOf(route.upstreamModel),
      ...(route.editModel !== undefined && { editCard: cardOf(route.editModel) }),
      weight: route.weight,
      priority: route.priority,
    };
  }),
});

/** Public models over these providers. */
export const wireModels = (
  models: readonly ModelConfig[],
  providers: readonly Provider[],
): readonly PublicModel[] => {
  const byName = new Map(providers.map((provider) => [provider.name, provider]));
  return models.map((model) => publicModel(model, byName));
};

/** The providers that have an upstream, each once. */
export const providersOf = (models: ModelCatalog): readonly Provider[] => {
  const providers = models.list().flatMap(({ routes }) => routes.map(({ provider }) => provider));
  return [...new Set(providers)].filter(({ trustedHost }) => trustedHost !== undefined);
};
