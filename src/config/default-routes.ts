/**
 * Which living upstream model stands behind each public name (design §1.4; the upstream sheets say why).
 * A route counts when a provider of this name and adapter is configured.
 */

/** A route that needs no configuration. */
export interface DefaultRoute {
  readonly model: string;
  /** Name of the provider, and of its adapter. */
  readonly provider: string;
  readonly upstreamModel: string;
  readonly editModel: string;
}

/** One for each public model of the contract. */
export const defaultRoutes: readonly DefaultRoute[] = [
  {
    model: 'seedream-3.0',
    provider: 'ark',
    upstreamModel: 'doubao-seedream-5-0-pro-260628',
    editModel: 'doubao-seedream-5-0-pro-260628',
  },
  { model: 'jimeng', provider: 'jimeng', upstreamModel: 'jimeng_t2i_v40', editModel: 'jimeng_i2i_v30' },
  { model: 'keling', provider: 'kling', upstreamModel: 'kling-v3', editModel: 'kling-v3' },
  {
    model: 'dall-e-3',
    provider: 'openai',
    upstreamModel: 'gpt-image-2.6-flare',
    editModel: 'gpt-image-2.6-flare',
  },
];
