import Type from 'typebox';
import type { Static, TObject, TProperties, TSchema } from 'typebox';
import { imageFormats } from '../core/request.ts';
import { secretText } from '../core/settings.ts';
import type { AdapterDescription } from './config.ts';
import {
  bucketAddressings,
  logLevels,
  moderationFailurePolicies,
  sandboxModes,
  unconfirmedPolicies,
} from './config.ts';
import { DURATION_PATTERN } from './duration.ts';

/**
 * The shape of `limner.yaml`. `wanted` is how a fault names what belongs there; the rest is JSON Schema, and
 * `config schema` prints it.
 */

const optional = <T extends TSchema>(schema: T) => Type.Optional(schema);

const text = (description: string) => Type.String({ minLength: 1, description, wanted: 'a text' });

const duration = (description: string, byDefault: string) =>
  Type.String({
    pattern: DURATION_PATTERN,
    description,
    default: byDefault,
    wanted: 'a duration such as 250ms, 30s, 15m, 24h or 7d',
  });

const address = (description: string) =>
  Type.String({
    pattern: String.raw`^https?://[^\s/?#@]+(/[^\s?#]*)?$`,
    description,
    wanted: 'an address such as https://host/path, without name, password, query or fragment',
  });

const oneOf = <const T extends readonly string[]>(values: T, description: string, byDefault?: T[number]) =>
  Type.Enum([...values] as T[number][], {
    description,
    wanted: `one of ${values.join(', ')}`,
    ...(byDefault === undefined ? {} : { default: byDefault }),
  });

const count = (minimum: number, maximum: number, description: string, byDefault?: number) =>
  Type.Integer({ minimum, maximum, description, ...(byDefault === undefined ? {} : { default: byDefault }) });

const map = <P extends TProperties>(description: string, properties: P): TObject<P> =>
  Type.Object(properties, { additionalProperties: false, description });

const size = Type.String({
  pattern: String.raw`^[1-9]\d{0,4}x[1-9]\d{0,4}$`,
  wanted: 'a size such as 1024x1024',
});

/** The keys that every provider has, beside those of its adapter. */
const providerProperties = {
  adapter: optional(text('Which protocol it speaks; by default the adapter with the name of the provider.')),
  base_url: optional(address("Where the upstream is; by default the vendor's own address.")),
  concurrency: optional(count(1, 10_000, 'Calls at once for each upstream model.')),
  requests_per_minute: optional(
    count(1, 1_000_000, 'Calls that are started in a minute, at most; not limited by default.'),
  ),
  poll_interval: optional(
    duration('Time between two questions for a call that the upstream accepted.', '2s'),
  ),
  call_timeout: optional(
    duration('How long one call may take from sending to its pictures, retries and polling included.', '10m'),
  ),
} as const;

/** The names of the keys that every provider has. */
export const commonProviderKeys: ReadonlySet<string> = new Set(Object.keys(providerProperties));

/** What those keys hold. */
export type CommonProviderKeys = Static<TObject<typeof providerProperties>>;

const route = map('One way to serve the model.', {
  provider: text('Name of a provider.'),
  upstream_model: text("The upstream's own model id."),
  edit_model: optional(
    text('The model for requests with a reference picture; by default the same one, if it takes any.'),
  ),
  weight: optional(count(0, 1_000_000, 'Share of the requests among routes of one priority.', 1)),
  priority: optional(count(0, 1000, 'Routes with a lower number are tried first.', 0)),
});

const amount = Type.Number({
  minimum: 0,
  description: 'Price of one picture.',
  wanted: 'an amount such as 0.26',
});

const price = map('What one picture costs, in place of what the model card says.', {
  currency: Type.String({
    pattern: '^[A-Z]{3}$',
    description: 'ISO 4217.',
    wanted: 'a currency such as USD or CNY',
  }),
  per_image: optional(amount),
  tiers: optional(
    Type.Array(
      map('The first tier that fits counts.', {
        up_to_pixels: optional(count(1, 1e9, 'For pictures of so many pixels at most.')),
        quality: optional(text('For this quality.')),
        with_reference: optional(
          Type.Boolean({ description: 'For pictures made from a reference, or for those without one.' }),
        ),
        per_image: amount,
      }),
      { minItems: 1, description: 'Prices by size or quality.' },
    ),
  ),
});

const card = map('What the upstream models behind this name can do, in place of what their cards say.', {
  sizes: optional(Type.Array(size, { minItems: 1, description: 'The sizes it makes, and no others.' })),
  size_range: optional(
    map('Any size within these bounds.', {
      min_side: count(1, 65_536, 'Shortest side.'),
      max_side: count(1, 65_536, 'Longest side.'),
      min_pixels: count(1, 1e9, 'Fewest pixels.'),
      max_pixels: count(1, 1e9, 'Most pixels.'),
      max_ratio: Type.Number({ minimum: 1, description: 'Longer side divided by shorter side, at most.' }),
      multiple_of: optional(count(1, 1024, 'Sides are multiples of this.', 1)),
    }),
  ),
  max_images_per_call: optional(count(1, 16, 'Pictures that one call makes, at most.')),
  max_prompt_characters: optional(count(1, 1_000_000, 'Longest prompt.')),
  negative_prompt: optional(Type.Boolean({ description: 'Whether it takes a negative prompt.' })),
  seed: optional(Type.Boolean({ description: 'Whether it takes a seed.' })),
  watermark: optional(Type.Boolean({ description: 'Whether a visible mark can be asked for and left out.' })),
  qualities: optional(
    Type.Array(text('A quality that it takes.'), { description: 'The qualities it takes.' }),
  ),
  styles: optional(Type.Array(text('A style that it takes.'), { description: 'The styles it takes.' })),
  formats: optional(
    Type.Array(oneOf(imageFormats, 'A file format.'), {
      minItems: 1,
      description: 'File formats to ask for.',
    }),
  ),
  retires_at: optional(
    Type.String({
      pattern: String.raw`^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2})?Z)?$`,
      description: 'When the vendor stops serving it.',
      wanted: 'a date such as 2027-01-31',
    }),
  ),
  notice: optional(text('Said with every task of this model.')),
});

const storage = map('Where pictures are kept.', {
  kind: optional(oneOf(['fs', 's3'], 'In the data folder, or in a bucket of an S3-compatible store.', 'fs')),
  endpoint: optional(address("Where the store is; by default AWS's own address for the region.")),
  region: optional(
    text('The region of the bucket; needed without `endpoint`, by default `us-east-1` with it.'),
  ),
  bucket: optional(
    Type.String({
      pattern: '^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$',
      description: 'The bucket; it has to be there.',
      wanted: 'the name of a bucket: 3 to 63 lower-case letters, digits, dots and hyphens',
    }),
  ),
  addressing: optional(
    oneOf(
      bucketAddressings,
      "Where the bucket's name goes: into the path, in front of the host, or nowhere because the endpoint is its own.",
    ),
  ),
  prefix: optional(
    Type.String({
      pattern: String.raw`^[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*/?$`,
      maxLength: 200,
      description: 'In front of every key; needed when others use the bucket too.',
      wanted: 'letters, digits and _ . - in parts between slashes, such as limner/',
    }),
  ),
  access_key_id: optional(secretText('Access key.')),
  secret_access_key: optional(secretText('Its secret.')),
  link_base_url: optional(
    address('Where callers reach the bucket, its name included, when that is not where Limner does.'),
  ),
  public_base_url: optional(
    address('Where anyone may read the bucket, its name included; `oss_url` begins with it.'),
  ),
});

const contentPolicy = map('What nobody may ask for; a prompt is checked before anything is paid.', {
  words: optional(
    Type.Array(text('A word or phrase.'), { description: 'Words and phrases that no prompt may hold.' }),
  ),
  words_file: optional(text('More of them, one a line; relative to the working folder.')),
  moderation: optional(
    map("A service that judges prompts, with the interface of OpenAI's moderation.", {
      url: address('Its whole address, such as https://api.openai.com/v1/moderations.'),
      api_key: optional(secretText('Sent to it as bearer token.')),
      model: optional(text('The model it is to judge with.')),
      timeout: optional(duration('How long it may take.', '5s')),
      on_failure: optional(
        oneOf(moderationFailurePolicies, 'What becomes of a prompt when it does not answer.', 'refuse'),
      ),
    }),
  ),
});

/** `content_policy` when nothing in it is wrong. */
export type ContentPolicyTree = Static<typeof contentPolicy>;

const model = map('A stable public name.', {
  routes: optional(
    Type.Array(route, { description: 'What serves it; the four public models have a route by default.' }),
  ),
  price: optional(price),
  card: optional(card),
});

const anything = (description: string) => Type.Record(Type.String(), Type.Unknown(), { description });

/** `storage` when nothing in it is wrong. */
export type StorageTree = Static<typeof storage>;

const properties = <P extends TSchema>(providers: P) =>
  ({
    server: optional(
      map('Where the server listens.', {
        host: optional(text('Address to listen on.')),
        port: optional(count(0, 65_535, 'Port to listen on; 0 takes a free one.', 8787)),
        public_url: optional(
          address('The address under which callers reach it; links to pictures begin with it.'),
        ),
        trusted_proxies: optional(
          Type.Array(text('Address or CIDR.'), {
            description: 'Proxies in front of it: who calls is then read from their `X-Forwarded-For`.',
          }),
        ),
        cors_origins: optional(
          Type.Array(text('`https://host[:port]`, or `*` for all.'), {
            description:
              'Origins whose pages in browsers may use `/v1` and the rest; `/openai` is open to all.',
          }),
        ),
        max_connections: optional(
          count(1, 1_000_000, 'Connections at once; more are closed at once.', 10_000),
        ),
      }),
    ),
    data_dir: optional(text('Folder for the database and the pictures; relative to the working folder.')),
    database: optional(
      map('Where tasks are kept.', {
        url: optional(
          secretText(
            'Nothing for SQLite in the data folder; `postgres://…` for a database that nodes share.',
          ),
        ),
        connections: optional(
          count(2, 1000, 'Connections to PostgreSQL that this process has for statements, at most.', 10),
        ),
      }),
    ),
    storage: optional(storage),
    retention: optional(
      map('How long things are kept.', {
        url_ttl: optional(duration('How long a link with `response_format: url` works.', '24h')),
        task_ttl: optional(duration('How long an ended task and its pictures are kept.', '30d')),
      }),
    ),
    task_deadline: optional(duration('How long a task may take from its acceptance.', '15m')),
    on_unconfirmed: optional(
      oneOf(
        unconfirmedPolicies,
        'What becomes of a call whose answer was lost and that may be paid.',
        'fail',
      ),
    ),
    log_level: optional(oneOf(logLevels, 'How much is logged.', 'info')),
    fetch_allow: optional(
      Type.Array(text('`host[:port]` or CIDR.'), {
        description: 'What the fetch guard may reach although it is private.',
      }),
    ),
    sandbox: optional(
      oneOf(
        sandboxModes,
        'When the built-in sandbox serves a model without a route: with no provider configured, always, never.',
        'auto',
      ),
    ),
    providers: optional(providers),
    models: optional(Type.Record(Type.String(), model, { description: 'Public model names.' })),
    limits: optional(
      map('How much is taken.', {
        queue: optional(
          count(1, 10_000_000, 'Tasks that may wait before they begin; more are refused.', 100_000),
        ),
        unstored: optional(
          count(
            1,
            1_000_000,
            'Finished pictures that may wait on this disk for the store; while there are so many no task begins.',
            1_000,
          ),
        ),
        per_key: optional(
          map('For keys with the role `user` that have no limit of their own; not limited by default.', {
            requests_per_minute: optional(count(1, 1_000_000, 'Requests of any kind.')),
            concurrent_tasks: optional(count(1, 10_000, 'Tasks that have not ended.')),
            images_per_day: optional(
              count(1, 10_000_000, 'Pictures asked for in a day of UTC, less those that were not delivered.'),
            ),
          }),
        ),
      }),
    ),
    content_policy: optional(contentPolicy),
    labels: optional(anything('Not read yet.')),
  }) as const;

/** The keys of an adapter's settings, and the sets of keys of which one must be given. */
export interface SettingsShape {
  readonly properties: Readonly<Record<string, TSchema>>;
  readonly alternatives: readonly (readonly string[])[];
}

/** Reads an adapter's settings schema: an object, or a union or intersection of such. */
export const settingsShape = (schema: TSchema): SettingsShape => {
  const node = schema as {
    readonly properties?: Record<string, TSchema>;
    readonly required?: readonly string[];
    readonly anyOf?: readonly TSchema[];
    readonly oneOf?: readonly TSchema[];
    readonly allOf?: readonly TSchema[];
  };
  const either = [...(node.anyOf ?? []), ...(node.oneOf ?? [])].map(settingsShape);
  const all = (node.allOf ?? []).map(settingsShape);
  const branches = either.length === 0 ? [[]] : either.flatMap((shape) => shape.alternatives);
  return {
    properties: Object.assign({}, ...[...either, ...all].map((shape) => shape.properties), node.properties),
    alternatives: all.reduce<readonly (readonly string[])[]>(
      (sets, shape) => sets.flatMap((set) => shape.alternatives.map((other) => [...set, ...other])),
      branches.map((branch) => [...branch, ...(node.required ?? [])]),
    ),
  };
};

const providerOf = (adapter: AdapterDescription | undefined): TObject => {
  const settings = adapter === undefined ? {} : settingsShape(adapter.settingsSchema).properties;
  return map('An upstream account.', {
    ...Object.fromEntries(Object.entries(settings).map(([key, schema]) => [key, optional(schema)])),
    ...providerProperties,
  });
};

/** The shape of `limner.yaml` with these providers, each by its adapter. */
export const configSchema = (providers: ReadonlyMap<string, AdapterDescription | undefined>) =>
  map(
    '',
    properties(
      map('', Object.fromEntries([...providers].map(([name, adapter]) => [name, providerOf(adapter)]))),
    ),
  );

/** `limner.yaml` when nothing in it is wrong. */
export type ConfigTree = Static<ReturnType<typeof configSchema>>;

/** The JSON Schema of `limner.yaml`, for editors. */
export const configJsonSchema = (adapters: readonly AdapterDescription[]): unknown => {
  const providers = Type.Record(Type.String(), Type.Union(adapters.map(providerOf)), {
    description: 'Upstream accounts.',
  });
  const schema = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'limner.yaml',
    ...map('The configuration of Limner.', properties(providers)),
  };
  return JSON.parse(JSON.stringify(schema, (key, value: unknown) => (key === 'wanted' ? undefined : value)));
};
