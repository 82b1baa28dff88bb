import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import type { NodeRole } from '../core/node-role.ts';
import { Secret } from '../core/secret.ts';
import { checkTree, didYouMean, isMap } from './check-tree.ts';
import { ConfigError } from './config-error.ts';
import { defaults } from './config.ts';
import type {
  AdapterDescription,
  Config,
  DatabaseConfig,
  ProviderConfig,
  SandboxMode,
  StorageConfig,
} from './config.ts';
import type { Environment } from './environment.ts';
import { adapterNameOf, readLayers } from './layers.ts';
import type { ConfigFlags, Layers } from './layers.ts';
import { formatPath } from './path.ts';
import type { Path } from './path.ts';
import { resolveContentPolicy } from './resolve-content-policy.ts';
import { resolveModels, SANDBOX } from './resolve-models.ts';
import { resolveProvider } from './resolve-providers.ts';
import { resolveStorage } from './resolve-storage.ts';
import { configSchema } from './schema.ts';
import type { CommonProviderKeys, ConfigTree } from './schema.ts';
import {
  baseAddress,
  checkAddressRange,
  checkAllowance,
  checkDatabaseUrl,
  checkOrigin,
  positiveDuration,
} from './values.ts';

/** Where the configuration comes from. */
export interface ConfigSources {
  readonly env: Environment;
  /** Relative paths start here. */
  readonly cwd: string;
  readonly flags?: ConfigFlags;
  /** What the process is to do; `all` unless told. One that only takes requests learns from the workers what they serve. */
  readonly role?: NodeRole;
  /** The adapters of this version. */
  readonly adapters: readonly AdapterDescription[];
  /** Reads a text file or throws like `readFileSync`, which it is by default. */
  readonly readFile?: (path: string) => string;
  /** How many pictures the sandbox may draw at once; by default as many as there are processors. */
  readonly cpus?: number;
}

/**
 * The configuration: defaults, then `limner.yaml`, then the environment, then flags, each over the one before.
 * Throws a `ConfigError` with every fault at once; no fault holds the value of a secret.
 */
export const loadConfig = ({
  env,
  cwd,
  flags = {},
  role = 'all',
  adapters,
  readFile = (path) => readFileSync(path, 'utf8'),
  cpus = availableParallelism(),
}: ConfigSources): Config => {
  const layers = readLayers({ env, cwd, flags, role, adapters, readFile });
  const written = providersIn(layers, adapters);
  const tree = checkShape(layers, written);
  const sandbox = tree.sandbox ?? defaults.sandbox;
  const providers = resolveProviders(tree, written, { adapters, sandbox, cpus, layers });
  const models =
    role === 'api'
      ? nothingServed
      : resolveModels({
          models: tree.models ?? {},
          providers,
          adapters,
          sandbox,
          providerNames: [...new Set([...providers.map(({ name }) => name), ...written.keys()])],
          report: layers.report,
        });
  const contentPolicy = resolveContentPolicy(tree.content_policy ?? {}, {
    cwd,
    readFile,
    report: layers.report,
  });
  const config: Config = {
    ...ownSettings(tree, cwd, layers),
    ...(contentPolicy !== undefined && { contentPolicy }),
    role,
    sandbox,
    providers,
    ...models,
    notices: [...layers.notices, ...unreadKeys(tree), ...unreachableLinks(tree)],
    origins: new Map(leavesOf(layers.tree).map((path) => [formatPath(path), layers.originOf(path)])),
  };
  if (layers.faults.length > 0) throw new ConfigError(layers.faults);
  return config;
};

const nothingServed = { models: [], isSandboxFallback: false };

/** The providers that are written, each with its adapter; one whose adapter does not exist is a fault. */
const providersIn = (
  layers: Layers,
  adapters: readonly AdapterDescription[],
): ReadonlyMap<string, AdapterDescription | undefined> => {
  const { providers } = layers.tree;
  const written = Object.entries(isMap(providers) ? providers : {}).filter(
    ([, provider]) => provider !== null,
  );
  return new Map(
    written.map(([name, provider]) => {
      const adapterName = adapterNameOf(name, provider);
      const adapter = adapters.find((one) => one.name === adapterName);
      if (adapter === undefined && isMap(provider)) {
        const names = adapters.map((one) => one.name);
        layers.report(
          ['providers', name, 'adapter'],
          `wants one of ${names.join(', ')}, not ${JSON.stringify(adapterName)}${didYouMean(adapterName, names)}`,
        );
      }
      return [name, adapter];
    }),
  );
};

/** What is right in the layers, by the schema; what is wrong is reported. */
const checkShape = (
  { tree, templates, report }: Layers,
  written: ReadonlyMap<string, AdapterDescription | undefined>,
): ConfigTree => {
  const { providers } = tree;
  const shape = configSchema(new Map([...written].filter(([, adapter]) => adapter !== undefined)));
  const looked = {
    ...tree,
    // The keys of a provider without an adapter cannot be judged.
    ...(isMap(providers) && {
      providers: Object.fromEntries(
        Object.entries(providers).filter(
          ([name, provider]) => !isMap(provider) || written.get(name) !== undefined,
        ),
      ),
    }),
  };
  return checkTree(shape, looked, { templates, report }) ?? {};
};

const resolveProviders = (
  tree: ConfigTree,
  known: ReadonlyMap<string, AdapterDescription | undefined>,
  options: {
    readonly adapters: readonly AdapterDescription[];
    readonly sandbox: SandboxMode;
    readonly cpus: number;
    readonly layers: Layers;
  },
): readonly ProviderConfig[] => {
  const { adapters, sandbox, cpus } = options;
  const { report, tree: layered } = options.layers;
  const trees: Readonly<Record<string, CommonProviderKeys>> = {
    ...(tree.providers as Readonly<Record<string, CommonProviderKeys>> | undefined),
    ...(known.has(SANDBOX) ? {} : { [SANDBOX]: {} }),
  };
  return Object.entries(trees).flatMap(([name, keys]) => {
    const adapterName = adapterNameOf(name, keys);
    const adapter = adapters.find((one) => one.name === adapterName);
    if (adapter === undefined || (adapterName === SANDBOX && sandbox === 'off')) return [];
    const given = isMap(layered.providers) ? layered.providers[name] : undefined;
    const written = new Set(Object.keys(isMap(given) ? given : {}));
    return resolveProvider(name, keys, { adapter, written, cpus, report }) ?? [];
  });
};

const databaseOf = ({ database = {} }: ConfigTree, report: Layers['report']): DatabaseConfig => {
  const { url, connections = defaults.databaseConnections } = database;
  if (url === undefined) return { kind: 'sqlite' };
  checkDatabaseUrl(String(url), ['database', 'url'], report);
  return { kind: 'postgres', url: new Secret(String(url)), connections };
};

const perKeyOf = ({ limits }: ConfigTree): Config['limits']['perKey'] => {
  const { requests_per_minute, concurrent_tasks, images_per_day } = limits?.per_key ?? {};
  return {
    ...(requests_per_minute !== undefined && { requestsPerMinute: requests_per_minute }),
    ...(concurrent_tasks !== undefined && { concurrentTasks: concurrent_tasks }),
    ...(images_per_day !== undefined && { imagesPerDay: images_per_day }),
  };
};

/** A server that listens on every network does not know by which of its addresses callers reach it. */
const unreachableLinks = ({ server }: ConfigTree): readonly string[] =>
  server?.public_url === undefined && ['0.0.0.0', '::'].includes(server?.host ?? defaults.host)
    ? [
        `server.host is ${server?.host} and server.public_url is not set: links to pictures begin with http://localhost, which other machines cannot follow; set LIMNER_PUBLIC_URL`,
      ]
    : [];

/** Everything but providers and models. */
const ownSettings = (tree: ConfigTree, cwd: string, layers: Layers) => {
  const { environment, report, reportVariable } = layers;
  for (const [index, allowance] of (tree.fetch_allow ?? []).entries()) {
    checkAllowance(allowance, ['fetch_allow', index], report);
  }
  for (const [index, range] of (tree.server?.trusted_proxies ?? []).entries()) {
    checkAddressRange(range, ['server', 'trusted_proxies', index], report);
  }
  for (const [index, origin] of (tree.server?.cors_origins ?? []).entries()) {
    checkOrigin(origin, ['server', 'cors_origins', index], report);
  }
  const apiKey = environment.getSecret('LIMNER_API_KEY');
  if (apiKey !== undefined && !/^[\x21-\x7e]+$/.test(apiKey)) {
    reportVariable('LIMNER_API_KEY', 'wants ASCII characters without spaces; what is there is not shown');
  }
  const publicUrl = tree.server?.public_url;
  const { retention } = tree;
  return {
    server: {
      host: tree.server?.host ?? defaults.host,
      port: tree.server?.port ?? defaults.port,
      trustedProxies: tree.server?.trusted_proxies ?? [],
      corsOrigins: tree.server?.cors_origins ?? [],
      maxConnections: tree.server?.max_connections ?? defaults.maxConnections,
      ...(publicUrl !== undefined && { publicUrl: baseAddress(publicUrl, ['server', 'public_url'], report) }),
    },
    dataDir: resolve(cwd, tree.data_dir ?? defaults.dataDir),
    database: databaseOf(tree, report),
    storage: storageOf(tree, layers),
    retention: {
      urlTtlMs: positiveDuration(retention?.url_ttl, ['retention', 'url_ttl'], report) ?? defaults.urlTtlMs,
      taskTtlMs:
        positiveDuration(retention?.task_ttl, ['retention', 'task_ttl'], report) ?? defaults.taskTtlMs,
    },
    taskDeadlineMs:
      positiveDuration(tree.task_deadline, ['task_deadline'], report) ?? defaults.taskDeadlineMs,
    limits: {
      queue: tree.limits?.queue ?? defaults.queueLimit,
      unstored: tree.limits?.unstored ?? defaults.unstoredLimit,
      perKey: perKeyOf(tree),
    },
    onUnconfirmed: tree.on_unconfirmed ?? defaults.onUnconfirmed,
    logLevel: tree.log_level ?? defaults.logLevel,
    ...(apiKey !== undefined && { apiKey: new Secret(apiKey) }),
    fetchAllow: tree.fetch_allow ?? [],
  } as const;
};

/** When the kind of store is a fault already, nothing can be said of the keys beside it. */
const storageOf = ({ storage }: ConfigTree, { tree, report }: Layers): StorageConfig => {
  const isKindWrong = isMap(tree.storage) && typeof tree.storage.kind === 'string' && !storage?.kind;
  return isKindWrong ? { kind: 'fs' } : resolveStorage(storage ?? {}, report);
};

const unreadKeys = (tree: ConfigTree): readonly string[] =>
  (['labels'] as const)
    .filter((key) => Object.keys(tree[key] ?? {}).length > 0)
    .map((key) => `${key} is set, and this version does not read it`);

/** The paths of all values that are neither map nor list of maps. */
const leavesOf = (value: unknown, path: Path = []): readonly Path[] =>
  isMap(value) ? Object.entries(value).flatMap(([key, item]) => leavesOf(item, [...path, key])) : [path];
