/** What a worker tells the nodes that only take requests: its models and who serves them, without any credential. */
import type { Config, ModelConfig, ProviderConfig, RouteConfig } from '../config/config.ts';
import type { JsonValue } from '../core/json.ts';
import type { Fleet } from '../fleet/fleet.ts';
import { createModelCatalog, type ModelCatalog, type Provider } from '../providers/catalog.ts';
import { adapters, adapterByName } from '../providers/registry.ts';
import { noUpstream, wireModels } from './wire-models.ts';

type OfferedProvider = Omit<ProviderConfig, 'settings' | 'baseUrl'>;

interface Offer {
  readonly providers: readonly OfferedProvider[];
  readonly models: readonly ModelConfig[];
}

/** The offer of a worker with this configuration. */
export const offerOf = ({ providers, models }: Pick<Config, 'providers' | 'models'>): JsonValue => {
  const offer: Offer = {
    providers: providers.map((provider) => ({
      name: provider.name,
      adapterName: provider.adapterName,
      concurrency: provider.concurrency,
      ...(provider.requestsPerMinute !== undefined && { requestsPerMinute: provider.requestsPerMinute }),
      pollIntervalMs: provider.pollIntervalMs,
      callTimeoutMs: provider.callTimeoutMs,
    })),
    models,
  };
  return JSON.parse(JSON.stringify(offer)) as JsonValue;
};

const toProvider = ({ adapterName, ...provider }: OfferedProvider): Provider => ({
  ...provider,
  adapter: adapterByName(adapterName),
  settings: undefined as never,
  http: noUpstream,
});

const routeName = ({ provider, upstreamModel }: RouteConfig): string => `${provider}/${upstreamModel}`;

/** The models of all workers together; of a route that several have, one. */
const mergeModels = (offers: readonly Offer[]): readonly ModelConfig[] => {
  const merged = new Map<string, ModelConfig>();
  for (const model of offers.flatMap(({ models }) => models)) {
    const known = merged.get(model.name) ?? { ...model, routes: [] };
    const routes = new Map([...known.routes, ...model.routes].map((route) => [routeName(route), route]));
    merged.set(model.name, { ...known, routes: [...routes.values()] });
  }
  return [...merged.values()];
};

const catalogOf = (offers: readonly Offer[]): ModelCatalog => {
  const known = new Set(adapters.map(({ name }) => name));
  const providers = new Map(
    offers
      .flatMap((offer) => offer.providers)
      // A newer worker may speak a protocol that this node does not know.
      .filter(({ adapterName }) => known.has(adapterName))
      .map((provider) => [provider.name, toProvider(provider)]),
  );
  const models = mergeModels(offers).map((model) => ({
    ...model,
    routes: model.routes.filter(({ provider }) => providers.has(provider)),
  }));
  return createModelCatalog(wireModels(models, [...providers.values()]));
};

/** What a process with this configuration serves, as far as that can be told without reaching anybody. */
export const catalogOfConfig = (config: Pick<Config, 'providers' | 'models'>): ModelCatalog =>
  catalogOf([offerOf(config) as unknown as Offer]);

/** The catalogue of a node that only takes requests: what the workers serve that are there now, or were there last. */
export const createFleetCatalog = (fleet: Fleet): ModelCatalog => {
  let catalog = createModelCatalog([]);
  const look = (): void => {
    const offers = fleet.nodes.flatMap(({ offer }) => (offer === null ? [] : [offer as unknown as Offer]));
    if (offers.length > 0) catalog = catalogOf(offers);
  };
  look();
  fleet.onChange(look);
  return { get: (name) => catalog.get(name), list: () => catalog.list() };
};
