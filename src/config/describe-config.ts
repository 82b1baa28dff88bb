import { Secret } from '../core/secret.ts';
import type { Config } from './config.ts';
import { formatDuration } from './duration.ts';

/** One setting, fit to be shown. */
export interface DescribedSetting {
  /** Its path in `limner.yaml`. */
  readonly key: string;
  /** `[secret]` for a credential. */
  readonly value: string;
  /** `default`, a variable's name, a flag, or `limner.yaml:12`. */
  readonly from: string;
}

/** Every setting as it holds, and where it came from. */
export const describeConfig = (config: Config): readonly DescribedSetting[] => {
  const settings: DescribedSetting[] = [];
  const add = (key: string, value: unknown, from = config.origins.get(key) ?? 'default') => {
    if (value !== undefined) settings.push({ key, value: shown(value), from });
  };
  add('server.host', config.server.host);
  add('server.port', config.server.port);
  add('server.public_url', config.server.publicUrl);
  const { trustedProxies } = config.server;
  add('server.trusted_proxies', trustedProxies.length === 0 ? undefined : trustedProxies);
  const { corsOrigins } = config.server;
  add('server.cors_origins', corsOrigins.length === 0 ? undefined : corsOrigins);
  add('server.max_connections', config.server.maxConnections);
  add('data_dir', config.dataDir);
  add('database', config.database.kind);
  add('storage.kind', config.storage.kind);
  if (config.storage.kind === 's3') {
    const { storage } = config;
    add('storage.endpoint', storage.endpoint);
    add('storage.region', storage.region);
    add('storage.bucket', storage.bucket);
    add('storage.addressing', storage.addressing);
    add('storage.prefix', storage.prefix === '' ? undefined : storage.prefix);
    add('storage.access_key_id', storage.accessKeyId);
    add('storage.secret_access_key', storage.secretAccessKey);
    add('storage.link_base_url', storage.linkBaseUrl);
    add('storage.public_base_url', storage.publicBaseUrl);
  }
  add('retention.url_ttl', formatDuration(config.retention.urlTtlMs));
  add('retention.task_ttl', formatDuration(config.retention.taskTtlMs));
  add('task_deadline', formatDuration(config.taskDeadlineMs));
  add('limits.queue', config.limits.queue);
  add('limits.unstored', config.limits.unstored);
  const { requestsPerMinute, concurrentTasks, imagesPerDay } = config.limits.perKey;
  add('limits.per_key.requests_per_minute', requestsPerMinute);
  add('limits.per_key.concurrent_tasks', concurrentTasks);
  add('limits.per_key.images_per_day', imagesPerDay);
  add('on_unconfirmed', config.onUnconfirmed);
  add('log_level', config.logLevel);
  add('fetch_allow', config.fetchAllow.length === 0 ? undefined : config.fetchAllow);
  add('sandbox', config.sandbox);
  const { words = [], moderation } = config.contentPolicy ?? {};
  add('content_policy.words', words.length === 0 ? undefined : words.length);
  add('content_policy.moderation.url', moderation?.url);
  add('content_policy.moderation.api_key', moderation?.apiKey);
  add('content_policy.moderation.model', moderation?.model);
  add('content_policy.moderation.timeout', moderation && formatDuration(moderation.timeoutMs));
  add('content_policy.moderation.on_failure', moderation?.onFailure);
  add('api_key', config.apiKey, 'LIMNER_API_KEY');
  for (const provider of config.providers) {
    const key = `providers.${provider.name}`;
    add(`${key}.adapter`, provider.adapterName);
    add(`${key}.base_url`, provider.baseUrl);
    for (const [name, value] of Object.entries(provider.settings)) add(`${key}.${name}`, value);
    add(`${key}.concurrency`, provider.concurrency);
    add(`${key}.requests_per_minute`, provider.requestsPerMinute);
    add(`${key}.poll_interval`, formatDuration(provider.pollIntervalMs));
    add(`${key}.call_timeout`, formatDuration(provider.callTimeoutMs));
  }
  for (const model of config.models) {
    const key = `models.${model.name}`;
    const routes = model.routes.map(
      ({ provider, upstreamModel, editModel }) =>
        `${provider}/${upstreamModel}${editModel === undefined || editModel === upstreamModel ? '' : ` (edit: ${editModel})`}`,
    );
    add(`${key}.routes`, routes.length === 0 ? 'none' : routes.join(', '));
    for (const [name, value] of Object.entries(model.card))
      add(`${key}.card.${name}`, value, originBelow(config, key));
  }
  return settings;
};

const shown = (value: unknown): string => {
  if (typeof value === 'string') return value;
  return value instanceof Secret ? value.toString() : JSON.stringify(value);
};

/** Where the first setting under the key came from. */
const originBelow = (config: Config, key: string): string =>
  [...config.origins].find(([path]) => path.startsWith(`${key}.`))?.[1] ?? 'default';
