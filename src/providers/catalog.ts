/** The public models and what serves them, wired from the configuration. */
import type { ModelCard } from '../core/model-card.ts';
import type { Adapter } from './provider.ts';
import type { UpstreamConnection } from './upstream-client.ts';

/** A configured upstream account. */
export interface Provider {
  readonly name: string;
  readonly adapter: Adapter;
  /** Parsed by the adapter's schema; only the adapter knows its type. */
  readonly settings: never;
  readonly http: UpstreamConnection;
  /** Host and port of its base URL, trusted for its results; absent for an adapter without an upstream. */
  readonly trustedHost?: string;
  /** Calls at once for each upstream model. */
  readonly concurrency: number;
  /** Calls that start a generation in any minute, for all upstream models together; absent when nothing limits them. */
  readonly requestsPerMinute?: number;
  readonly pollIntervalMs: number;
  /** From `sending` to `produced`, retries and polling included. */
  readonly callTimeoutMs: number;
}

/** One way to serve a public model. */
export interface Route {
  readonly provider: Provider;
  readonly card: ModelCard;
  /** The card of the model that takes requests with a reference picture; absent when the route cannot. */
  readonly editCard?: ModelCard;
  readonly weight: number;
  /** Lower is tried first. */
  readonly priority: number;
}

/** A stable public name and the routes that serve it now. */
export interface PublicModel {
  readonly name: string;
  /** Empty when no provider serves it: requests are answered `model_unavailable`. */
  readonly routes: readonly Route[];
}

export interface ModelCatalog {
  get(name: string): PublicModel | undefined;
  list(): readonly PublicModel[];
}

/** A catalogue of these models. */
export const createModelCatalog = (models: readonly PublicModel[]): ModelCatalog => {
  const byName = new Map(models.map((model) => [model.name, model]));
  return { get: (name) => byName.get(name), list: () => models };
};
