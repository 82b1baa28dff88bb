import { Check, Default } from 'typebox/value';
import { Secret } from '../core/secret.ts';
import { isSecretText } from '../core/settings.ts';
import { baseAddress, positiveDuration } from './values.ts';
import { providerDefaults } from './config.ts';
import type { AdapterDescription, ProviderConfig } from './config.ts';
import { credentialVariable } from './environment.ts';
import type { Path } from './path.ts';
import { commonProviderKeys, settingsShape } from './schema.ts';
import type { CommonProviderKeys } from './schema.ts';

/** What a provider is resolved with. */
export interface ProviderContext {
  readonly adapter: AdapterDescription;
  /** The keys that were given, also those with a fault of their own. */
  readonly written: ReadonlySet<string>;
  /** How many pictures this machine can draw at once. */
  readonly cpus: number;
  readonly report: (path: Path, message: string) => void;
}

/** A provider with its defaults, its credentials hidden; `undefined` when something is missing. */
export const resolveProvider = (
  name: string,
  keys: CommonProviderKeys,
  { adapter, written, cpus, report }: ProviderContext,
): ProviderConfig | undefined => {
  const path = ['providers', name];
  const { properties, alternatives } = settingsShape(adapter.settingsSchema);
  const given = Default(
    adapter.settingsSchema,
    Object.fromEntries(Object.entries(keys).filter(([key]) => !commonProviderKeys.has(key))),
  ) as Readonly<Record<string, unknown>>;

  if (!alternatives.some((set) => set.every((key) => given[key] !== undefined))) {
    if (alternatives.some((set) => set.every((key) => written.has(key)))) return undefined;
    report(
      path,
      `wants ${alternatives.map((set) => set.map((key) => withVariable(name, key)).join(' and ')).join(', or ')}`,
    );
    return undefined;
  }
  if (!Check(adapter.settingsSchema, given)) {
    report(path, `wants other settings than these for the adapter ${adapter.name}`);
    return undefined;
  }
  const baseUrl = keys.base_url ?? adapter.defaultBaseUrl;
  const usual = providerDefaults(adapter.name, cpus);
  return {
    name,
    adapterName: adapter.name,
    ...(baseUrl !== undefined && { baseUrl: baseAddress(baseUrl, [...path, 'base_url'], report) }),
    settings: Object.fromEntries(
      Object.entries(given).map(([key, value]) => {
        const schema = properties[key];
        return [key, schema && isSecretText(schema) && typeof value === 'string' ? new Secret(value) : value];
      }),
    ),
    concurrency: keys.concurrency ?? usual.concurrency,
    ...(keys.requests_per_minute !== undefined && { requestsPerMinute: keys.requests_per_minute }),
    pollIntervalMs:
      positiveDuration(keys.poll_interval, [...path, 'poll_interval'], report) ?? usual.pollIntervalMs,
    callTimeoutMs:
      positiveDuration(keys.call_timeout, [...path, 'call_timeout'], report) ?? usual.callTimeoutMs,
  };
};

/** A missing key, and the variable that would do as well. */
const withVariable = (provider: string, key: string): string => {
  const variable = credentialVariable(provider, key);
  return variable === undefined ? key : `${key} (or ${variable})`;
};
