import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import Type from 'typebox';
import { describe, expect, it } from 'vitest';
import type { ModelCard } from '../core/model-card.ts';
import { Secret } from '../core/secret.ts';
import { secretText } from '../core/settings.ts';
import { ConfigError } from './config-error.ts';
import type { ConfigFault } from './config-error.ts';
import type { AdapterDescription, Config } from './config.ts';
import { describeConfig } from './describe-config.ts';
import { knownVariables, vendorVariables } from './environment.ts';
import type { Environment } from './environment.ts';
import type { ConfigFlags } from './layers.ts';
import { loadConfig } from './load-config.ts';
import { configJsonSchema } from './schema.ts';

const card: ModelCard = {
  upstreamModel: 'any',
  sizes: { kind: 'list', sizes: [{ width: 1024, height: 1024 }] },
  maxImagesPerCall: 1,
  negativePrompt: false,
  seed: false,
  watermark: false,
  formats: ['png'],
};

const reference = {
  formats: ['png'],
  maxBytes: 1e6,
  minSide: 1,
  maxSide: 4096,
  maxPixels: 1e7,
  maxRatio: 3,
} as const;

/** Adapters with every shape of settings there is: none, one key, a pair, either of two. */
const adapters: readonly AdapterDescription[] = [
  { name: 'sandbox', settingsSchema: Type.Object({}), card: () => ({ ...card, reference }) },
  {
    name: 'ark',
    settingsSchema: Type.Object({ api_key: secretText('Key.') }),
    defaultBaseUrl: 'https://ark.example/api/v3',
    card: (upstreamModel) => (upstreamModel === 'blind' ? card : { ...card, reference }),
  },
  {
    name: 'jimeng',
    settingsSchema: Type.Object({ access_key_id: secretText('Id.'), secret_access_key: secretText('Key.') }),
    defaultBaseUrl: 'https://visual.example',
    card: () => card,
  },
  {
    name: 'kling',
    settingsSchema: Type.Union([
      Type.Object({ api_key: secretText('Key.') }),
      Type.Object({ access_key: secretText('Id.'), secret_key: secretText('Key.') }),
    ]),
    defaultBaseUrl: 'https://kling.example',
    card: () => card,
  },
  {
    name: 'openai',
    settingsSchema: Type.Object({
      api_key: secretText('Key.'),
      organization: Type.Optional(Type.String()),
      retries: Type.Optional(Type.Integer({ minimum: 0, default: 2 })),
    }),
    defaultBaseUrl: 'https://openai.example/v1',
    card: () => card,
  },
];

interface Given {
  readonly yaml?: string;
  readonly env?: Environment;
  readonly flags?: ConfigFlags;
  readonly files?: Readonly<Record<string, string>>;
  readonly adapters?: readonly AdapterDescription[];
}

const load = (given: Given = {}): Config => {
  const files: Record<string, string> = {
    ...(given.yaml === undefined ? {} : { '/work/limner.yaml': given.yaml }),
    ...given.files,
  };
  return loadConfig({
    env: given.env ?? {},
    cwd: '/work',
    ...(given.flags && { flags: given.flags }),
    adapters: given.adapters ?? adapters,
    cpus: 3,
    readFile: (path) => {
      const text = files[path];
      if (text === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
      return text;
    },
  });
};

const faultsOf = (given: Given): readonly ConfigFault[] => {
  try {
    load(given);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  return [];
};

const routeNames = (config: Config, name: string) =>
  config.models
    .find((model) => model.name === name)
    ?.routes.map((route) => `${route.provider}/${route.upstreamModel}/${route.editModel ?? '-'}`);

const exactly = (message: string | RegExp): unknown =>
  typeof message === 'string' ? message : expect.stringMatching(message);

/** A bucket that is right, with these keys in place of its own. */
const s3 = (keys: Readonly<Record<string, string | undefined>> = {}): string =>
  JSON.stringify({
    storage: {
      kind: 's3',
      endpoint: 'http://minio:9000',
      bucket: 'pictures',
      access_key_id: 'ak',
      secret_access_key: 'hush',
      ...keys,
    },
  });

const revealed = (secret: unknown): string => (secret as Secret).reveal();

describe('with nothing configured', () => {
  it('uses the documented defaults', () => {
    expect(load()).toMatchObject({
      server: { host: '127.0.0.1', port: 8787 },
      dataDir: '/work/data',
      database: { kind: 'sqlite' },
      storage: { kind: 'fs' },
      retention: { urlTtlMs: 86_400_000, taskTtlMs: 30 * 86_400_000 },
      taskDeadlineMs: 900_000,
      onUnconfirmed: 'fail',
      logLevel: 'info',
      sandbox: 'auto',
      fetchAllow: [],
      notices: [],
    });
  });

  it('serves every public model from the sandbox, with one slot for each processor', () => {
    const config = load();
    expect(config.isSandboxFallback).toBe(true);
    expect(config.models.map((model) => model.name)).toEqual([
      'seedream-3.0',
      'jimeng',
      'keling',
      'dall-e-3',
      'sandbox',
    ]);
    for (const model of config.models)
      expect(routeNames(config, model.name)).toEqual(['sandbox/sandbox/sandbox']);
    expect(config.providers).toMatchObject([{ name: 'sandbox', adapterName: 'sandbox', concurrency: 3 }]);
  });

  it('treats an empty file, an empty section and an empty variable as nothing', () => {
    const plain = load();
    for (const given of [
      { yaml: '' },
      { yaml: 'server:\nproviders:\n' },
      { env: { LIMNER_PORT: '', ARK_API_KEY: '' } },
    ]) {
      expect(load(given)).toEqual({ ...plain, origins: expect.any(Map) });
    }
  });
});

describe('variables', () => {
  it.each<[string, string, (config: Config) => unknown, unknown]>([
    ['LIMNER_HOST', '0.0.0.0', (config) => config.server.host, '0.0.0.0'],
    ['LIMNER_PORT', '0', (config) => config.server.port, 0],
    [
      'LIMNER_PUBLIC_URL',
      'https://pictures.example/',
      (config) => config.server.publicUrl,
      'https://pictures.example',
    ],
    ['LIMNER_DATA_DIR', '../elsewhere', (config) => config.dataDir, '/elsewhere'],
    ['LIMNER_LOG_LEVEL', 'debug', (config) => config.logLevel, 'debug'],
    [
      'LIMNER_FETCH_ALLOW',
      '127.0.0.1:8080, 10.0.0.0/8,intranet,[::1]:9',
      (config) => config.fetchAllow,
      ['127.0.0.1:8080', '10.0.0.0/8', 'intranet', '[::1]:9'],
    ],
    ['LIMNER_SANDBOX', 'off', (config) => config.sandbox, 'off'],
    ['LIMNER_API_KEY', 'a-key', (config) => config.apiKey?.reveal(), 'a-key'],
  ])('%s=%s', (name, value, read, expected) => {
    expect(read(load({ env: { [name]: value } }))).toEqual(expected);
  });

  it('LIMNER_CONFIG names the file', () => {
    const files = { '/etc/limner.yaml': 'server: { port: 99 }' };
    expect(load({ env: { LIMNER_CONFIG: '/etc/limner.yaml' }, files }).server.port).toBe(99);
  });

  it.each([
    [
      { ARK_API_KEY: 'k1', ARK_BASE_URL: 'http://127.0.0.1:1/v3/' },
      'ark',
      'http://127.0.0.1:1/v3',
      { api_key: 'k1' },
    ],
    [
      { VOLC_ACCESS_KEY_ID: 'i', VOLC_SECRET_ACCESS_KEY: 's', JIMENG_BASE_URL: 'http://127.0.0.1:2' },
      'jimeng',
      'http://127.0.0.1:2',
      { access_key_id: 'i', secret_access_key: 's' },
    ],
    [{ KLING_API_KEY: 'k2' }, 'kling', 'https://kling.example', { api_key: 'k2' }],
    [
      { KLING_ACCESS_KEY: 'a', KLING_SECRET_KEY: 'b', KLING_BASE_URL: 'http://127.0.0.1:3' },
      'kling',
      'http://127.0.0.1:3',
      { access_key: 'a', secret_key: 'b' },
    ],
    [{ OPENAI_API_KEY: 'k3' }, 'openai', 'https://openai.example/v1', { api_key: 'k3' }],
  ])('%o lights up %s', (env, name, baseUrl, credentials) => {
    const provider = load({ env }).providers.find((one) => one.name === name);
    expect(provider).toMatchObject({ adapterName: name, baseUrl });
    for (const [key, value] of Object.entries(credentials)) {
      const secret = provider?.settings[key];
      expect(secret).toBeInstanceOf(Secret);
      expect(revealed(secret)).toBe(value);
    }
  });

  it.each(['LIMNER_API_KEY', 'ARK_API_KEY', 'OPENAI_API_KEY', 'KLING_API_KEY'])(
    '%s may be in a file',
    (name) => {
      const config = load({
        env: { [`${name}_FILE`]: '/run/secret' },
        files: { '/run/secret': 'from-file\n' },
      });
      const secrets = [config.apiKey, ...config.providers.map((provider) => provider.settings.api_key)];
      expect(secrets.filter((one) => one instanceof Secret).map((one) => one.reveal())).toEqual([
        'from-file',
      ]);
    },
  );

  it('notes a variable that begins like ours and that nothing reads', () => {
    expect(load({ env: { LIMNER_PROT: '1' } }).notices).toEqual([
      'LIMNER_PROT is set, and nothing reads it; did you mean LIMNER_PORT?',
    ]);
  });

  it('notes a base URL without credentials, and a vendor that this version does not speak to', () => {
    const config = load({
      env: { OPENAI_BASE_URL: 'http://127.0.0.1:1', KLING_API_KEY: 'k' },
      adapters: adapters.filter((adapter) => adapter.name !== 'kling'),
    });
    expect(config.notices).toEqual([
      'KLING_API_KEY is set, but this version has no adapter kling',
      'OPENAI_BASE_URL is set without OPENAI_API_KEY, and does nothing',
    ]);
    expect(config.isSandboxFallback).toBe(true);
  });
});

describe('the file', () => {
  it('goes over the defaults, the environment over it, flags over everything', () => {
    const yaml = 'server: { host: a, port: 1, public_url: "http://a" }\ndata_dir: a\nlog_level: warn';
    const env = { LIMNER_HOST: 'b', LIMNER_PORT: '2', LIMNER_DATA_DIR: 'b' };
    const config = load({ yaml, env, flags: { host: 'c', dataDir: 'c' } });
    expect(config.server).toMatchObject({ host: 'c', port: 2, publicUrl: 'http://a' });
    expect(config.dataDir).toBe('/work/c');
    expect(config.logLevel).toBe('warn');
  });

  it('sets everything about a provider', () => {
    const yaml = `
providers:
  openai-eu:
    adapter: openai
    base_url: https://eu.example/v1
    api_key: k
    organization: o
    concurrency: 7
    requests_per_minute: 60
    poll_interval: 500ms
    call_timeout: 1.5m
`;
    expect(load({ yaml }).providers.find((provider) => provider.name === 'openai-eu')).toEqual({
      name: 'openai-eu',
      adapterName: 'openai',
      baseUrl: 'https://eu.example/v1',
      settings: { api_key: expect.any(Secret), organization: 'o', retries: 2 },
      concurrency: 7,
      requestsPerMinute: 60,
      pollIntervalMs: 500,
      callTimeoutMs: 90_000,
    });
  });

  it.each([
    ['ark', { ARK_API_KEY: 'k' }, 10],
    ['jimeng', { VOLC_ACCESS_KEY_ID: 'i', VOLC_SECRET_ACCESS_KEY: 's' }, 1],
    ['kling', { KLING_API_KEY: 'k' }, 9],
    ['openai', { OPENAI_API_KEY: 'k' }, 5],
  ])('gives %s the limits of its vendor by default', (name, env, concurrency) => {
    expect(load({ env }).providers.find((provider) => provider.name === name)).toMatchObject({
      concurrency,
      pollIntervalMs: 2000,
      callTimeoutMs: 600_000,
    });
  });

  it('takes the credentials of the environment for a provider that it describes', () => {
    const config = load({ yaml: 'providers: { ark: { concurrency: 2 } }', env: { ARK_API_KEY: 'k' } });
    expect(config.providers[0]).toMatchObject({ name: 'ark', concurrency: 2 });
  });

  it("leaves a provider alone that has a vendor's name and speaks another protocol", () => {
    const yaml = 'providers: { openai: { adapter: ark, api_key: mine } }';
    const [provider] = load({
      yaml,
      env: { OPENAI_API_KEY: 'theirs', OPENAI_BASE_URL: 'http://theirs' },
    }).providers;
    expect(provider).toMatchObject({ adapterName: 'ark', baseUrl: 'https://ark.example/api/v3' });
    expect(revealed(provider?.settings.api_key)).toBe('mine');
  });

  it('is filled from the environment, in texts, numbers and durations', () => {
    const yaml = `
server:
  host: "\${HOST:-localhost}"
  port: \${PORT}
  public_url: https://\${NAME}.example
task_deadline: \${DEADLINE:-5}m
data_dir: $\${literal}
providers: { ark: { api_key: "\${DIGITS}", base_url: "\${EMPTY:-}" } }
`;
    const config = load({ yaml, env: { PORT: '81', NAME: 'n', DIGITS: '0123', EMPTY: '' } });
    expect(config.server).toMatchObject({ host: 'localhost', port: 81, publicUrl: 'https://n.example' });
    expect(config.taskDeadlineMs).toBe(300_000);
    expect(config.dataDir).toBe('/work/${literal}');
    expect(revealed(config.providers[0]?.settings.api_key)).toBe('0123');
    expect(config.providers[0]?.baseUrl).toBe('https://ark.example/api/v3');
  });

  it('says what is accepted and not read', () => {
    expect(load({ yaml: 'labels: { a: 1 }' }).notices).toEqual([
      'labels is set, and this version does not read it',
    ]);
  });
});

describe('models', () => {
  it('leaves a model without a route as soon as a provider is configured, and keeps the name sandbox', () => {
    const config = load({ env: { ARK_API_KEY: 'k' } });
    expect(config.isSandboxFallback).toBe(false);
    expect(routeNames(config, 'seedream-3.0')).toEqual([
      'ark/doubao-seedream-5-0-pro-260628/doubao-seedream-5-0-pro-260628',
    ]);
    expect(routeNames(config, 'dall-e-3')).toEqual([]);
    expect(routeNames(config, 'sandbox')).toEqual(['sandbox/sandbox/sandbox']);
  });

  it('has the default routes of all four', () => {
    const config = load({
      env: {
        VOLC_ACCESS_KEY_ID: 'i',
        VOLC_SECRET_ACCESS_KEY: 's',
        KLING_API_KEY: 'k',
        OPENAI_API_KEY: 'k',
      },
    });
    expect(routeNames(config, 'jimeng')).toEqual(['jimeng/jimeng_t2i_v40/jimeng_i2i_v30']);
    expect(routeNames(config, 'keling')).toEqual(['kling/kling-v3/kling-v3']);
    expect(routeNames(config, 'dall-e-3')).toEqual(['openai/gpt-image-2.6-flare/gpt-image-2.6-flare']);
  });

  it('LIMNER_SANDBOX=on serves models without a route from the sandbox', () => {
    const config = load({ env: { ARK_API_KEY: 'k', LIMNER_SANDBOX: 'on' } });
    expect(routeNames(config, 'seedream-3.0')?.[0]).toMatch(/^ark\//);
    expect(routeNames(config, 'dall-e-3')).toEqual(['sandbox/sandbox/sandbox']);
  });

  it('LIMNER_SANDBOX=off takes the sandbox away, also its name', () => {
    const config = load({ env: { LIMNER_SANDBOX: 'off' } });
    expect(config.models.map((model) => model.name)).not.toContain('sandbox');
    expect(config.models.flatMap((model) => model.routes)).toEqual([]);
    expect(config.providers).toEqual([]);
    expect(config.isSandboxFallback).toBe(false);
  });

  it('keeps the fallback when the file only adjusts the sandbox', () => {
    const config = load({ yaml: 'providers: { sandbox: { concurrency: 2 } }' });
    expect(config.isSandboxFallback).toBe(true);
    expect(config.providers).toMatchObject([{ name: 'sandbox', concurrency: 2 }]);
  });

  it('takes routes, weights, priorities, edit models, prices and cards from the file', () => {
    const yaml = `
providers: { ark: { api_key: k } }
models:
  seedream-3.0:
    routes:
      - { provider: ark, upstream_model: see, weight: 3, priority: 1 }
      - { provider: ark, upstream_model: blind }
      - { provider: ark, upstream_model: blind, edit_model: see }
    price: { currency: CNY, per_image: 0.259 }
    card: { sizes: [512x512], max_prompt_characters: 800, seed: true, notice: Hello }
  house:
    routes: [{ provider: ark, upstream_model: see }]
    price: { currency: USD, tiers: [{ up_to_pixels: 1000, per_image: 0.1 }, { quality: high, with_reference: false, per_image: 0.2 }] }
    card: { size_range: { min_side: 64, max_side: 2048, min_pixels: 1, max_pixels: 9, max_ratio: 2 } }
`;
    const models = new Map(load({ yaml }).models.map((model) => [model.name, model]));
    expect(models.get('seedream-3.0')).toEqual({
      name: 'seedream-3.0',
      routes: [
        { provider: 'ark', upstreamModel: 'see', editModel: 'see', weight: 3, priority: 1 },
        { provider: 'ark', upstreamModel: 'blind', weight: 1, priority: 0 },
        { provider: 'ark', upstreamModel: 'blind', editModel: 'see', weight: 1, priority: 0 },
      ],
      card: {
        price: { currency: 'CNY', tiers: [{ micros: 259_000 }] },
        sizes: { kind: 'list', sizes: [{ width: 512, height: 512 }] },
        maxPromptCharacters: 800,
        seed: true,
        notice: 'Hello',
      },
    });
    expect(models.get('house')?.card).toEqual({
      price: {
        currency: 'USD',
        tiers: [
          { upToPixels: 1000, micros: 100_000 },
          { quality: 'high', withReference: false, micros: 200_000 },
        ],
      },
      sizes: {
        kind: 'range',
        minSide: 64,
        maxSide: 2048,
        minPixels: 1,
        maxPixels: 9,
        maxRatio: 2,
        multipleOf: 1,
      },
    });
  });
});

describe('limits and proxies', () => {
  it('are read from the file, and are not there unless they are', () => {
    const yaml = `
server: { trusted_proxies: [10.0.0.0/8, "::1"] }
limits: { per_key: { requests_per_minute: 60, images_per_day: 9 } }
`;
    const { server, limits } = load({ yaml });
    expect(server.trustedProxies).toEqual(['10.0.0.0/8', '::1']);
    expect(limits.perKey).toEqual({ requestsPerMinute: 60, imagesPerDay: 9 });
    expect(load().server.trustedProxies).toEqual([]);
    expect(load().limits.perKey).toEqual({});
  });
});

describe('faults', () => {
  it.each<[string, Given, string, string | RegExp]>([
    [
      'a proxy that is no address',
      { yaml: 'server: { trusted_proxies: [proxy.example] }' },
      'server.trusted_proxies[0]',
      /wants an address or CIDR/,
    ],
    [
      'an origin that is none',
      { yaml: 'server: { cors_origins: [https://app.example/path] }' },
      'server.cors_origins[0]',
      /wants an origin such as/,
    ],
    [
      'a list of words that is not there',
      { yaml: 'content_policy: { words_file: words.txt }' },
      'content_policy.words_file',
      /names the file words.txt, which cannot be read/,
    ],
    ['an unknown key', { yaml: 'servr: {}' }, 'servr', 'is not known; did you mean server?'],
    [
      'an unknown key deep down',
      { yaml: 'server: { prot: 1 }' },
      'server.prot',
      'is not known; did you mean port?',
    ],
    [
      'an unknown key of a provider',
      { yaml: 'providers: { ark: { api_kye: k, api_key: k } }' },
      'providers.ark.api_kye',
      'is not known; did you mean api_key?',
    ],
    ['an unknown key like nothing', { yaml: 'zzzzzzzzzz: 1' }, 'zzzzzzzzzz', 'is not known'],
    [
      'a wrong number',
      { yaml: 'server: { port: 70000 }' },
      'server.port',
      'wants a whole number from 0 to 65535, not 70000',
    ],
    [
      'a text for a number',
      { yaml: 'server: { port: p }' },
      'server.port',
      'wants a whole number from 0 to 65535, not "p"',
    ],
    [
      'a wrong variable',
      { env: { LIMNER_PORT: 'p' } },
      'LIMNER_PORT',
      'wants a whole number from 0 to 65535, not "p"',
    ],
    ['a wrong flag', { flags: { port: 'p' } }, '--port', 'wants a whole number from 0 to 65535, not "p"'],
    ['a number for a text', { yaml: 'data_dir: 12' }, 'data_dir', 'wants a text, not 12; write it in quotes'],
    ['a text for a map', { yaml: 'server: here' }, 'server', 'wants a map of keys, not a text'],
    ['a map for a text', { yaml: 'data_dir: { a: 1 }' }, 'data_dir', 'wants a text, not a map of keys'],
    [
      'a text for a list',
      { yaml: 'models: { keling: { routes: x } }' },
      'models.keling.routes',
      'wants a list, not a text',
    ],
    ['a list for the whole', { yaml: '- a' }, 'limner.yaml', 'wants a map of keys'],
    [
      'a wrong duration',
      { yaml: 'task_deadline: 15' },
      'task_deadline',
      /^wants a duration such as 250ms.*, not 15$/,
    ],
    ['a duration of nothing', { yaml: 'task_deadline: 0s' }, 'task_deadline', 'wants more than 0'],
    [
      'a wrong word',
      { yaml: 'on_unconfirmed: maybe' },
      'on_unconfirmed',
      'wants one of fail, resend, not "maybe"',
    ],
    [
      'a wrong sandbox',
      { env: { LIMNER_SANDBOX: 'yes' } },
      'LIMNER_SANDBOX',
      'wants one of auto, on, off, not "yes"',
    ],
    [
      'a wrong log level',
      { env: { LIMNER_LOG_LEVEL: 'loud' } },
      'LIMNER_LOG_LEVEL',
      /^wants one of trace, debug/,
    ],
    [
      'no address',
      { env: { LIMNER_PUBLIC_URL: 'here' } },
      'LIMNER_PUBLIC_URL',
      /^wants an address such as .*, not "here"$/,
    ],
    [
      'an address with a wrong port',
      { env: { LIMNER_PUBLIC_URL: 'http://a:99999' } },
      'LIMNER_PUBLIC_URL',
      /^wants an address/,
    ],
    [
      'an address with a password',
      { yaml: 'providers: { ark: { api_key: k, base_url: "https://me:hush@host/" } }' },
      'providers.ark.base_url',
      /not "https:\/\/\[secret\]@host\/"$/,
    ],
    [
      'another database',
      { yaml: 'database: { url: "mysql://h/d" }' },
      'database.url',
      /^wants an address that begins with postgres/,
    ],
    [
      'another kind of store',
      { yaml: 'storage: { kind: s4, bucket: pictures }' },
      'storage.kind',
      /^wants one of fs, s3/,
    ],
    [
      'a bucket for a folder',
      { yaml: 'storage: { bucket: pictures }' },
      'storage.bucket',
      'is for a bucket; write kind: s3 beside it, or leave it out',
    ],
    [
      'credentials of a bucket for a folder',
      { env: { LIMNER_S3_SECRET_ACCESS_KEY: 'hush' } },
      'LIMNER_S3_SECRET_ACCESS_KEY',
      /^is for a bucket/,
    ],
    ['no bucket', { yaml: s3({ bucket: undefined }) }, 'storage.bucket', /^is missing/],
    ['no such bucket name', { yaml: s3({ bucket: 'B_1' }) }, 'storage.bucket', /^wants the name of a bucket/],
    [
      'a bucket that is misspelled',
      { yaml: s3({ buckett: 'b' }) },
      'storage.buckett',
      /did you mean bucket\?$/,
    ],
    [
      'no secret',
      { yaml: s3({ secret_access_key: undefined }) },
      'storage.secret_access_key',
      'is missing (or LIMNER_S3_SECRET_ACCESS_KEY)',
    ],
    ['neither endpoint nor region', { yaml: s3({ endpoint: undefined }) }, 'storage.region', /^is missing/],
    [
      'a public address with a query',
      { yaml: s3({ public_base_url: 'https://h/?a=b' }) },
      'storage.public_base_url',
      /^wants an address/,
    ],
    ['a prefix that climbs', { yaml: s3({ prefix: '../a' }) }, 'storage.prefix', /^wants letters/],
    [
      'a bucket in front of an IP address',
      { yaml: s3({ endpoint: 'http://127.0.0.1:9000', addressing: 'virtual' }) },
      'storage.addressing',
      'wants path: there are no names below an IP address',
    ],
    [
      'a bucket in the path of OSS',
      { yaml: s3({ endpoint: 'https://s3.oss-cn-hangzhou.aliyuncs.com', addressing: 'path' }) },
      'storage.addressing',
      /^wants virtual: s3\.oss-cn-hangzhou/,
    ],
    [
      'the endpoint of TOS that is not for S3',
      { yaml: s3({ endpoint: 'https://tos-cn-beijing.volces.com' }) },
      'storage.endpoint',
      'wants the address for S3, https://tos-s3-cn-beijing.volces.com',
    ],
    [
      'a bucket twice in the host name',
      { yaml: s3({ endpoint: 'https://pictures.s3.eu-west-1.amazonaws.com' }) },
      'storage.addressing',
      /^wants cname/,
    ],
    [
      'a bucket that no certificate covers',
      { yaml: s3({ endpoint: undefined, region: 'eu-west-1', bucket: 'my.pictures' }) },
      'storage.addressing',
      /^wants path, or a bucket without a dot/,
    ],
    [
      'a wrong allowance',
      { env: { LIMNER_FETCH_ALLOW: '10.0.0.0/8,a b' } },
      'LIMNER_FETCH_ALLOW',
      /^wants host\[:port\] or CIDR.*"a b"$/,
    ],
    [
      'a bootstrap key with a space',
      { env: { LIMNER_API_KEY: 'hush hush' } },
      'LIMNER_API_KEY',
      /^wants ASCII characters/,
    ],
    [
      'a file that is not there',
      { env: { LIMNER_CONFIG: 'no.yaml' } },
      'LIMNER_CONFIG',
      'names the file no.yaml, which cannot be read: there is no such file',
    ],
    [
      'a flag for a file that is not there',
      { flags: { config: 'no.yaml' } },
      '--config',
      /^names the file no\.yaml/,
    ],
    ['no YAML', { yaml: 'a: "b' }, 'limner.yaml:1', /^is not valid YAML: Missing closing/],
    [
      'a key twice',
      { yaml: 'data_dir: a\ndata_dir: b' },
      'limner.yaml:2',
      'is not valid YAML: Map keys must be unique',
    ],
    [
      'a variable that is not set',
      { yaml: 'data_dir: ${NOWHERE}' },
      'data_dir',
      'wants the environment variable NOWHERE, which is not set; set it, or write ${NOWHERE:-default}',
    ],
    ['a broken placeholder', { yaml: 'data_dir: "${a b}"' }, 'data_dir', /^has a `\$\{` that is neither/],
    [
      'a value filled in wrongly',
      { yaml: 'server: { port: "${P}" }', env: { P: 'hush' } },
      'server.port',
      'wants a whole number from 0 to 65535, not what ${P} is filled with',
    ],
    [
      'a secret in two places',
      { env: { ARK_API_KEY: 'a', ARK_API_KEY_FILE: '/f' } },
      'ARK_API_KEY_FILE',
      'and ARK_API_KEY are both set; keep one of them',
    ],
    [
      'a secret file that is not there',
      { env: { ARK_API_KEY_FILE: '/f' } },
      'ARK_API_KEY_FILE',
      'names the file /f, which cannot be read: there is no such file',
    ],
    [
      'an empty secret file',
      { env: { ARK_API_KEY_FILE: '/f' }, files: { '/f': '\n' } },
      'ARK_API_KEY_FILE',
      'names the file /f, which is empty',
    ],
    [
      'a provider without credentials',
      { yaml: 'providers: { ark: {} }' },
      'providers.ark',
      'wants api_key (or ARK_API_KEY)',
    ],
    [
      'half of a pair',
      { env: { VOLC_ACCESS_KEY_ID: 'i' } },
      'providers.jimeng',
      'wants access_key_id (or VOLC_ACCESS_KEY_ID) and secret_access_key (or VOLC_SECRET_ACCESS_KEY)',
    ],
    [
      'half of one of two',
      { env: { KLING_ACCESS_KEY: 'i' } },
      'providers.kling',
      'wants api_key (or KLING_API_KEY), or access_key (or KLING_ACCESS_KEY) and secret_key (or KLING_SECRET_KEY)',
    ],
    [
      'a secret that is no text',
      { yaml: 'providers: { ark: { api_key: 123456789 } }' },
      'providers.ark.api_key',
      'wants a text; what is there is not shown',
    ],
    [
      'an unknown adapter',
      { yaml: 'providers: { mine: { adapter: opneai } }' },
      'providers.mine.adapter',
      'wants one of sandbox, ark, jimeng, kling, openai, not "opneai"; did you mean openai?',
    ],
    [
      'a provider that names no adapter',
      { yaml: 'providers: { mine: { api_key: k } }' },
      'providers.mine.adapter',
      /^wants one of sandbox/,
    ],
    [
      'a wrong limit',
      { yaml: 'providers: { ark: { api_key: k, concurrency: 0 } }' },
      'providers.ark.concurrency',
      'wants a whole number from 1 to 10000, not 0',
    ],
    [
      'an unknown provider',
      {
        yaml: 'providers: { ark: { api_key: k } }\nmodels: { m: { routes: [{ provider: arc, upstream_model: u }] } }',
      },
      'models.m.routes[0].provider',
      'names the provider "arc", which is not configured: there are ark, sandbox; did you mean ark?',
    ],
    [
      'a route without a model',
      { yaml: 'models: { m: { routes: [{ provider: sandbox }] } }' },
      'models.m.routes[0].upstream_model',
      'is missing',
    ],
    ['a new model without routes', { yaml: 'models: { m: {} }' }, 'models.m.routes', /^is missing/],
    [
      'a price without an amount',
      { yaml: 'models: { keling: { price: { currency: CNY } } }' },
      'models.keling.price',
      'wants either per_image or tiers',
    ],
    [
      'two sorts of sizes',
      {
        yaml: 'models: { keling: { card: { sizes: [1x1], size_range: { min_side: 1, max_side: 1, min_pixels: 1, max_pixels: 1, max_ratio: 1 } } } }',
      },
      'models.keling.card.size_range',
      'and sizes exclude each other; keep one of them',
    ],
    [
      'bounds the wrong way round',
      {
        yaml: 'models: { keling: { card: { size_range: { min_side: 2, max_side: 1, min_pixels: 1, max_pixels: 1, max_ratio: 1 } } } }',
      },
      'models.keling.card.size_range',
      'has a lower bound above the upper one',
    ],
    [
      'a day that is not',
      { yaml: 'models: { keling: { card: { retires_at: "2027-13-01" } } }' },
      'models.keling.card.retires_at',
      'wants a date of the calendar',
    ],
  ])('%s', (_name, given, at, message) => {
    const faults = faultsOf(given);
    expect(faults).toEqual([
      expect.objectContaining({
        at,
        message: exactly(message),
      }),
    ]);
    expect(JSON.stringify(faults)).not.toContain('hush');
  });

  it('are all reported together, each with its line', () => {
    const yaml =
      'server:\n  port: x\nproviders:\n  ark:\n    api_key: k\n    concurrency: 0\nlog_levl: info\n';
    expect(faultsOf({ yaml, env: { LIMNER_SANDBOX: 'x' } })).toEqual([
      expect.objectContaining({ at: 'server.port', source: 'limner.yaml:2' }),
      expect.objectContaining({ at: 'providers.ark.concurrency', source: 'limner.yaml:6' }),
      expect.objectContaining({ at: 'log_levl', source: 'limner.yaml:7' }),
      expect.objectContaining({ at: 'LIMNER_SANDBOX' }),
    ]);
  });

  it('name no second fault that follows from the first', () => {
    const yaml =
      'providers: { ark: { api_key: 5 } }\nmodels: { m: { routes: [{ provider: ark, upstream_model: u }] } }';
    expect(faultsOf({ yaml }).map((fault) => fault.at)).toEqual(['providers.ark.api_key']);
  });
});

describe('a bucket', () => {
  it("needs little for a store of one's own", () => {
    const { storage } = load({ yaml: s3() });
    expect(storage).toMatchObject({
      kind: 's3',
      endpoint: 'http://minio:9000',
      region: 'us-east-1',
      bucket: 'pictures',
      addressing: 'path',
      prefix: '',
    });
    if (storage.kind !== 's3') throw new Error('no bucket');
    expect([revealed(storage.accessKeyId), revealed(storage.secretAccessKey)]).toEqual(['ak', 'hush']);
  });

  it.each([
    ['eu-west-1', 'https://s3.eu-west-1.amazonaws.com'],
    ['cn-north-1', 'https://s3.cn-north-1.amazonaws.com.cn'],
  ])('at AWS needs its region: %s', (region, endpoint) => {
    expect(load({ yaml: s3({ endpoint: undefined, region }) }).storage).toMatchObject({
      endpoint,
      region,
      addressing: 'virtual',
    });
  });

  it.each([
    ['https://s3.oss-cn-hangzhou.aliyuncs.com', 'virtual'],
    ['https://tos-s3-cn-beijing.volces.com', 'virtual'],
    ['https://cos.ap-guangzhou.myqcloud.com', 'virtual'],
    ['https://0123.r2.cloudflarestorage.com', 'path'],
  ])('at %s goes into the place that the store takes', (endpoint, addressing) => {
    expect(load({ yaml: s3({ endpoint }) }).storage).toMatchObject({ addressing });
  });

  it('takes addresses and a prefix with or without a slash at their ends', () => {
    const keys = { prefix: 'limner/one', link_base_url: 'https://a/', public_base_url: 'https://b/c/' };
    expect(load({ yaml: s3(keys) }).storage).toMatchObject({
      prefix: 'limner/one/',
      linkBaseUrl: 'https://a',
      publicBaseUrl: 'https://b/c',
    });
  });

  it('takes its credentials from variables and files', () => {
    const { storage } = load({
      yaml: s3({ access_key_id: undefined, secret_access_key: undefined }),
      env: { LIMNER_S3_ACCESS_KEY_ID: 'ak', LIMNER_S3_SECRET_ACCESS_KEY_FILE: '/run/secrets/s3' },
      files: { '/run/secrets/s3': 'from a file\n' },
    });
    if (storage.kind !== 's3') throw new Error('no bucket');
    expect([revealed(storage.accessKeyId), revealed(storage.secretAccessKey)]).toEqual(['ak', 'from a file']);
  });

  it('is described without its secret', () => {
    const described = describeConfig(load({ yaml: s3({ public_base_url: 'https://b' }) }));
    expect(described).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ key: 'storage.bucket', value: 'pictures' }),
        expect.objectContaining({ key: 'storage.secret_access_key', value: '[secret]' }),
        expect.objectContaining({ key: 'storage.public_base_url', value: 'https://b' }),
      ]),
    );
    expect(JSON.stringify(described)).not.toContain('hush');
  });
});

describe('secrets', () => {
  const planted = 'plAnted-s3cret';
  const places: readonly Given[] = [
    { yaml: `providers: { ark: ${planted} }` },
    { yaml: `providers: { ark: { api_key: [${planted}] } }` },
    { yaml: `providers: { ark: { apikey: ${planted} } }` },
    { yaml: `providers: ${planted}` },
    { yaml: `providers:\n  ark:\n    api_key: "${planted}` },
    { yaml: `providers:\n  ark: { api_key: ${planted}: ${planted} }` },
    { yaml: 'server: { port: "${K}" }', env: { K: planted } },
    { yaml: 'providers: { ark: { base_url: "${K}" } }', env: { K: planted } },
    { env: { LIMNER_API_KEY: `${planted} ${planted}` } },
    { env: { DATABASE_URL: planted } },
    { env: { KLING_SECRET_KEY: planted } },
    { yaml: s3({ bucket: undefined, secret_access_key: planted }) },
    { env: { LIMNER_S3_SECRET_ACCESS_KEY: planted } },
    { env: { ARK_API_KEY: planted, ARK_BASE_URL: `https://${planted}@host` } },
  ];

  it.each(places)('are not in the fault of %o', (given) => {
    const faults = faultsOf(given);
    expect(faults.length).toBeGreaterThan(0);
    expect(`${new ConfigError(faults).message}${JSON.stringify(faults)}`).not.toContain(planted);
  });

  it('are not in a configuration that is printed, nor in its description', () => {
    const config = load({
      yaml: `providers: { openai: { api_key: ${planted} } }`,
      env: { LIMNER_API_KEY: planted, ARK_API_KEY: planted },
    });
    const printed = [
      inspect(config, { depth: 9 }),
      JSON.stringify(config),
      JSON.stringify(describeConfig(config)),
    ];
    for (const text of printed) {
      expect(text).toContain('[secret]');
      expect(text).not.toContain(planted);
    }
  });
});

describe('the description', () => {
  it('says what holds and where it came from', () => {
    const config = load({
      yaml: 'retention:\n  url_ttl: 90m\nproviders: { ark: { concurrency: 4 } }',
      env: { ARK_API_KEY: 'k', LIMNER_PORT: '1' },
      flags: { host: 'h' },
    });
    expect(describeConfig(config)).toEqual(
      expect.arrayContaining([
        { key: 'server.host', value: 'h', from: '--host' },
        { key: 'server.port', value: '1', from: 'LIMNER_PORT' },
        { key: 'retention.url_ttl', value: '90m', from: 'limner.yaml:2' },
        { key: 'retention.task_ttl', value: '30d', from: 'default' },
        { key: 'providers.ark.api_key', value: '[secret]', from: 'ARK_API_KEY' },
        { key: 'providers.ark.concurrency', value: '4', from: 'limner.yaml:3' },
        { key: 'models.dall-e-3.routes', value: 'none', from: 'default' },
      ]),
    );
  });
});

describe('limner.example.yaml', () => {
  const example = readFileSync(new URL('../../limner.example.yaml', import.meta.url), 'utf8');

  it('holds what holds without it', () => {
    expect(load({ yaml: example })).toEqual({ ...load(), origins: expect.any(Map) });
  });

  it('has no fault when everything in it is switched on', () => {
    const yaml = example
      .replaceAll(/^#(?=[^ ]|  )/gm, '')
      .replace('fetch_allow: []\n', '')
      .replace('  kind: fs\n', '');
    const env = Object.fromEntries([...yaml.matchAll(/\$\{([A-Z_]{5,})\}/g)].map(([, name]) => [name, 'k']));
    const config = load({
      yaml,
      env: { ...env, DATABASE_URL: 'postgres://h/d' },
      files: { '/work/words.txt': '# bad ones\n\nthird\r\n fourth ' },
    });
    expect(config.contentPolicy?.words).toEqual(['first phrase', 'second', 'third', 'fourth']);
    expect(config.providers.map((provider) => provider.name)).toEqual([
      'ark',
      'jimeng',
      'kling',
      'openai',
      'openai-eu',
      'sandbox',
    ]);
    expect(config.models.map((model) => model.name)).toContain('house-style');
  });

  it('and docs/configuration.md name every key and every variable', () => {
    const keys = JSON.stringify(configJsonSchema(adapters)).matchAll(/"([a-z_]{3,})":\{/g);
    const manual = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8');
    const beside = new Set(['properties', 'items', 'limits', 'labels', 'url', 'organization', 'retries']);
    const wanted = [...keys].map(([, key]) => key ?? '').filter((key) => !beside.has(key));
    expect(wanted.filter((key) => !manual.includes(key))).toEqual([]);
    const variables = [
      ...knownVariables,
      ...vendorVariables.flatMap((vendor) => [...Object.keys(vendor.credentials), vendor.baseUrl]),
    ];
    expect(variables.filter((name) => !manual.includes(`\`${name}\``))).toEqual([]);
  });
});
