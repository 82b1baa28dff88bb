import type { ModelCard } from '../core/model-card.ts';
import type { NodeRole } from '../core/node-role.ts';
import type { Secret } from '../core/secret.ts';
import type { TSchema } from 'typebox';

/** What the configuration needs to know of an adapter; every `Adapter` has it. */
export interface AdapterDescription {
  readonly name: string;
  readonly settingsSchema: TSchema;
  readonly defaultBaseUrl?: string;
  card(upstreamModel: string): ModelCard;
}

/** How much is logged. */
export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

/** When the built-in sandbox serves a public model that has no route: with no provider configured, always, never. */
export const sandboxModes = ['auto', 'on', 'off'] as const;
export type SandboxMode = (typeof sandboxModes)[number];

/** What becomes of a call whose answer was lost and that may have been paid. */
export const unconfirmedPolicies = ['fail', 'resend'] as const;
export type UnconfirmedPolicy = (typeof unconfirmedPolicies)[number];

/** A configured upstream account. */
export interface ProviderConfig {
  readonly name: string;
  readonly adapterName: string;
  /** Without a slash at its end; absent for an adapter without an upstream. */
  readonly baseUrl?: string;
  /** By the adapter's own schema, credentials as `Secret`; keys as in `limner.yaml`. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Calls at once for each upstream model. */
  readonly concurrency: number;
  /** Requests that start a generation, for the whole provider; absent when nothing limits them. */
  readonly requestsPerMinute?: number;
  readonly pollIntervalMs: number;
  /** From `sending` to `produced`, retries and polling included. */
  readonly callTimeoutMs: number;
}

/** One way to serve a public model. */
export interface RouteConfig {
  /** Name of a provider in `Config.providers`. */
  readonly provider: string;
  readonly upstreamModel: string;
  /** Takes requests with a reference picture; absent when the route cannot. */
  readonly editModel?: string;
  readonly weight: number;
  /** Lower is tried first. */
  readonly priority: number;
}

/** A stable public name. */
export interface ModelConfig {
  readonly name: string;
  /** Empty when no provider serves it: requests are answered `model_unavailable`. */
  readonly routes: readonly RouteConfig[];
  /** Laid over the card of every upstream model that serves it, price included. */
  readonly card: Partial<ModelCard>;
}

/** Where the name of a bucket goes in an address: into the path, in front of the host, or nowhere. */
export const bucketAddressings = ['path', 'virtual', 'cname'] as const;
export type BucketAddressing = (typeof bucketAddressings)[number];

/** A bucket of an S3-compatible store. No address has a slash at its end. */
export interface S3Config {
  readonly kind: 's3';
  readonly endpoint: string;
  readonly region: string;
  readonly bucket: string;
  readonly addressing: BucketAddressing;
  /** In front of every key: empty, or with a slash at its end. */
  readonly prefix: string;
  readonly accessKeyId: Secret;
  readonly secretAccessKey: Secret;
  /** Where callers reach the bucket with signed links, when that is not where we do. */
  readonly linkBaseUrl?: string;
  /** Where anyone may read the bucket; without it permanent links lead to Limner. */
  readonly publicBaseUrl?: string;
}

/** Where pictures are kept. */
export type StorageConfig = { readonly kind: 'fs' } | S3Config;

/** Where tasks are kept: in a file of the data folder, or in a PostgreSQL that several nodes share. */
export type DatabaseConfig =
  | { readonly kind: 'sqlite' }
  | {
      readonly kind: 'postgres';
      readonly url: Secret;
      /** Connections that this process has for statements, at most. */
      readonly connections: number;
    };

/** What becomes of a prompt that the moderation service did not judge. */
export const moderationFailurePolicies = ['refuse', 'allow'] as const;
export type ModerationFailurePolicy = (typeof moderationFailurePolicies)[number];

/** What is looked for in prompts before anything is accepted. */
export interface ContentPolicyConfig {
  readonly words: readonly string[];
  /** A service that judges prompts, at an address that is trusted because it is configured. */
  readonly moderation?: {
    readonly url: string;
    readonly apiKey?: Secret;
    readonly model?: string;
    readonly timeoutMs: number;
    readonly onFailure: ModerationFailurePolicy;
  };
}

/** Everything that can be set, with nothing left to look up. */
export interface Config {
  readonly server: {
    readonly host: string;
    /** 0 asks the system for a free one. */
    readonly port: number;
    /** The address that callers see, without a slash at its end; absent: where the server listens. */
    readonly publicUrl?: string;
    /** Proxies whose `X-Forwarded-For` is believed: addresses and CIDR ranges. */
    readonly trustedProxies: readonly string[];
    /** Origins whose pages may read answers; `*` for all. */
    readonly corsOrigins: readonly string[];
    /** Connections at once; more are closed. */
    readonly maxConnections: number;
  };
  /** An absolute path. */
  readonly dataDir: string;
  readonly database: DatabaseConfig;
  /** What this process does. */
  readonly role: NodeRole;
  readonly storage: StorageConfig;
  readonly retention: {
    /** How long a link with `response_format: url` works. */
    readonly urlTtlMs: number;
    /** How long an ended task and its pictures are kept. */
    readonly taskTtlMs: number;
  };
  readonly taskDeadlineMs: number;
  readonly limits: {
    /** Tasks that wait and have not begun; more are refused. */
    readonly queue: number;
    /** Finished pictures that wait on this disk to be stored; while there are so many, no task begins. */
    readonly unstored: number;
    /** What a key of a user may take that has no limit of its own. */
    readonly perKey: {
      readonly requestsPerMinute?: number;
      readonly concurrentTasks?: number;
      readonly imagesPerDay?: number;
    };
  };
  readonly onUnconfirmed: UnconfirmedPolicy;
  readonly logLevel: LogLevel;
  readonly sandbox: SandboxMode;
  readonly contentPolicy?: ContentPolicyConfig;
  /** The admin key that exists from the first start. */
  readonly apiKey?: Secret;
  /** `host[:port]` or CIDR that the fetch guard may reach although private. */
  readonly fetchAllow: readonly string[];
  readonly providers: readonly ProviderConfig[];
  readonly models: readonly ModelConfig[];
  /** Whether the sandbox serves because no provider is configured; the start-up log says so. */
  readonly isSandboxFallback: boolean;
  /** What is accepted but probably not meant, for the start-up log. */
  readonly notices: readonly string[];
  /** Where each value that is no default came from, by its path: a variable's name, `limner.yaml:12`, a flag. */
  readonly origins: ReadonlyMap<string, string>;
}

const second = 1000;
const minute = 60 * second;
const day = 24 * 60 * minute;

/** What holds when nothing is configured (design §1.4). */
export const defaults = {
  host: '127.0.0.1',
  port: 8787,
  dataDir: './data',
  urlTtlMs: day,
  taskTtlMs: 30 * day,
  taskDeadlineMs: 15 * minute,
  queueLimit: 100_000,
  maxConnections: 10_000,
  databaseConnections: 10,
  unstoredLimit: 1_000,
  onUnconfirmed: 'fail',
  logLevel: 'info',
  sandbox: 'auto',
} as const satisfies Partial<Record<string, string | number>>;

/** What holds for a provider that says nothing else. */
export interface ProviderDefaults {
  readonly concurrency: number;
  readonly pollIntervalMs: number;
  readonly callTimeoutMs: number;
}

const ordinary: ProviderDefaults = { concurrency: 5, pollIntervalMs: 2 * second, callTimeoutMs: 10 * minute };

/** The defaults of an adapter's providers; `cpus` is how many pictures this machine can draw at once. */
export const providerDefaults = (adapterName: string, cpus: number): ProviderDefaults => {
  switch (adapterName) {
    case 'ark':
      // 500 images a minute for each model (seedream.md §10): ten calls of 2 s at least stay under it.
      return { ...ordinary, concurrency: 10 };
    case 'jimeng':
      // What a paid account has for each req_key (jimeng.md, limits); more is bought.
      return { ...ordinary, concurrency: 1 };
    case 'kling':
      // The smallest pack for pictures has nine places, and each picture of a call holds one (kling.md §10).
      return { ...ordinary, concurrency: 9 };
    case 'sandbox':
      return { ...ordinary, concurrency: cpus, callTimeoutMs: minute };
    default:
      return ordinary;
  }
};
