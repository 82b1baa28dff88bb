import type { Path } from './path.ts';

/** The environment as Node gives it. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A variable that sets one key of the configuration. */
interface Variable {
  readonly name: string;
  readonly path: Path;
  /** May also be given as a file, by `NAME_FILE`. */
  readonly isSecret?: true;
  /** Holds a list, parted by commas. */
  readonly isList?: true;
}

/** The variables of Limner itself; `LIMNER_CONFIG` says which file is read. */
const ownVariables: readonly Variable[] = [
  { name: 'LIMNER_HOST', path: ['server', 'host'] },
  { name: 'LIMNER_PORT', path: ['server', 'port'] },
  { name: 'LIMNER_PUBLIC_URL', path: ['server', 'public_url'] },
  { name: 'LIMNER_DATA_DIR', path: ['data_dir'] },
  { name: 'LIMNER_LOG_LEVEL', path: ['log_level'] },
  { name: 'LIMNER_FETCH_ALLOW', path: ['fetch_allow'], isList: true },
  { name: 'LIMNER_SANDBOX', path: ['sandbox'] },
  { name: 'LIMNER_S3_ACCESS_KEY_ID', path: ['storage', 'access_key_id'], isSecret: true },
  { name: 'LIMNER_S3_SECRET_ACCESS_KEY', path: ['storage', 'secret_access_key'], isSecret: true },
  { name: 'DATABASE_URL', path: ['database', 'url'], isSecret: true },
];

/** Variables that are read elsewhere: the file's name, the bootstrap key, and the address that the CLI talks to. */
const otherVariables = ['LIMNER_CONFIG', 'LIMNER_API_KEY', 'LIMNER_URL'];

/** The variables of one vendor, which light a provider up without a file. */
interface VendorVariables {
  /** Name of the provider, and of its adapter. */
  readonly provider: string;
  /** Variable → key of the provider. */
  readonly credentials: Readonly<Record<string, string>>;
  readonly baseUrl: string;
}

/** What the vendors' variables are called (design §1.4). */
export const vendorVariables: readonly VendorVariables[] = [
  { provider: 'ark', credentials: { ARK_API_KEY: 'api_key' }, baseUrl: 'ARK_BASE_URL' },
  {
    provider: 'jimeng',
    credentials: { VOLC_ACCESS_KEY_ID: 'access_key_id', VOLC_SECRET_ACCESS_KEY: 'secret_access_key' },
    baseUrl: 'JIMENG_BASE_URL',
  },
  {
    provider: 'kling',
    credentials: { KLING_API_KEY: 'api_key', KLING_ACCESS_KEY: 'access_key', KLING_SECRET_KEY: 'secret_key' },
    baseUrl: 'KLING_BASE_URL',
  },
  { provider: 'openai', credentials: { OPENAI_API_KEY: 'api_key' }, baseUrl: 'OPENAI_BASE_URL' },
];

/** The variable that sets a credential of a provider, if there is one. */
export const credentialVariable = (provider: string, key: string): string | undefined => {
  const vendor = vendorVariables.find((one) => one.provider === provider);
  return Object.entries(vendor?.credentials ?? {}).find(([, name]) => name === key)?.[0];
};

/** Reads variables; an empty one counts as unset, and `NAME_FILE` may name a file that holds the value. */
export interface EnvironmentReader {
  readonly get: (name: string) => string | undefined;
  /** Like `get`, and looks into the file that `NAME_FILE` names. */
  readonly getSecret: (name: string) => string | undefined;
}

/** A reader that reports files it cannot read, and variables that are set twice. */
export const createEnvironmentReader = (
  env: Environment,
  readFile: (path: string) => string,
  report: (name: string, message: string) => void,
): EnvironmentReader => {
  const get = (name: string): string | undefined => (env[name] === '' ? undefined : env[name]);
  const getSecret = (name: string): string | undefined => {
    const [value, path] = [get(name), get(`${name}_FILE`)];
    if (path === undefined) return value;
    if (value !== undefined) {
      report(`${name}_FILE`, `and ${name} are both set; keep one of them`);
      return value;
    }
    try {
      const text = readFile(path).trim();
      if (text === '') report(`${name}_FILE`, `names the file ${path}, which is empty`);
      return text === '' ? undefined : text;
    } catch (error) {
      report(`${name}_FILE`, `names the file ${path}, which cannot be read: ${reasonOf(error)}`);
      return undefined;
    }
  };
  return { get, getSecret };
};

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'permission denied',
  EISDIR: 'it is a folder',
};

/** Why a file could not be read, in words. */
export const reasonOf = (error: unknown): string => {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return code === undefined ? 'unknown reason' : (reasons[code] ?? code);
};

/** A value that the environment sets: the path it belongs to and the variable it comes from. */
export interface Override {
  readonly path: Path;
  readonly value: unknown;
  readonly from: string;
}

/** What Limner's own variables set. */
export const ownOverrides = (environment: EnvironmentReader): readonly Override[] =>
  ownVariables.flatMap(({ name, path, isSecret, isList }) => {
    const text = isSecret ? environment.getSecret(name) : environment.get(name);
    if (text === undefined) return [];
    const value = isList
      ? text
          .split(',')
          .map((item) => item.trim())
          .filter((item) => item !== '')
      : text;
    return [{ path, value, from: name }];
  });

/** What a vendor's variables set for its provider. */
export const vendorOverrides = (
  vendor: VendorVariables,
  environment: EnvironmentReader,
): readonly Override[] => {
  const credentials = Object.entries(vendor.credentials).flatMap(([name, key]) => {
    const value = environment.getSecret(name);
    return value === undefined ? [] : [{ path: ['providers', vendor.provider, key], value, from: name }];
  });
  const baseUrl = environment.get(vendor.baseUrl);
  return baseUrl === undefined
    ? credentials
    : [
        ...credentials,
        { path: ['providers', vendor.provider, 'base_url'], value: baseUrl, from: vendor.baseUrl },
      ];
};

/** Variables that begin like ours and that nothing reads. */
export const unknownVariables = (env: Environment): readonly string[] => {
  const known = new Set([...knownVariables, ...knownVariables.map((name) => `${name}_FILE`)]);
  return Object.keys(env).filter((name) => name.startsWith('LIMNER_') && !known.has(name));
};

/** Every `LIMNER_` variable. */
export const knownVariables: readonly string[] = [...ownVariables.map(({ name }) => name), ...otherVariables];
