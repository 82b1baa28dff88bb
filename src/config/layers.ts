import { resolve } from 'node:path';
import type { NodeRole } from '../core/node-role.ts';
import { didYouMean, isMap } from './check-tree.ts';
import type { ConfigFault } from './config-error.ts';
import type { AdapterDescription } from './config.ts';
import {
  createEnvironmentReader,
  knownVariables,
  ownOverrides,
  reasonOf,
  unknownVariables,
  vendorOverrides,
  vendorVariables,
} from './environment.ts';
import type { Environment, EnvironmentReader, Override } from './environment.ts';
import { interpolate } from './interpolate.ts';
import { formatPath } from './path.ts';
import type { Path } from './path.ts';
import { readConfigFile } from './read-config-file.ts';
import type { ConfigFile } from './read-config-file.ts';

/** What the command line says; it goes before everything else. */
export interface ConfigFlags {
  /** The file to read in place of `./limner.yaml`. */
  readonly config?: string;
  readonly host?: string;
  readonly port?: string;
  readonly dataDir?: string;
  readonly logLevel?: string;
}

/** What the layers are read from. */
export interface LayerSources {
  readonly env: Environment;
  /** Relative paths start here. */
  readonly cwd: string;
  readonly flags: ConfigFlags;
  readonly role: NodeRole;
  readonly adapters: readonly AdapterDescription[];
  /** Reads a text file or throws like `readFileSync`. */
  readonly readFile: (path: string) => string;
}

/** A map of keys as it was written. */
export type Tree = Readonly<Record<string, unknown>>;

/** File, environment and flags laid over each other, unchecked. */
export interface Layers {
  readonly tree: Tree;
  /** The texts of the file that were filled from the environment, as they are written, by path. */
  readonly templates: ReadonlyMap<string, string>;
  readonly environment: EnvironmentReader;
  /** Where the value came from: a variable, a flag, `limner.yaml:12`. */
  readonly originOf: (path: Path) => string;
  /** Adds a fault; the first for a path counts. */
  readonly report: (path: Path, message: string) => void;
  /** Adds a fault of a variable that belongs to no path. */
  readonly reportVariable: (name: string, message: string) => void;
  readonly faults: readonly ConfigFault[];
  readonly notices: readonly string[];
}

const DEFAULT_FILE = 'limner.yaml';

/** Reads everything there is; what cannot be read is a fault and left out. */
export const readLayers = (sources: LayerSources): Layers => {
  const faults: ConfigFault[] = [];
  const overridden = new Map<string, string>();
  const readText = (path: string) => sources.readFile(resolve(sources.cwd, path));

  const reportOnce = (fault: ConfigFault) => {
    if (!faults.some((other) => other.at === fault.at)) faults.push(fault);
  };
  const reportVariable = (at: string, message: string) => reportOnce({ at, message });
  const environment = createEnvironmentReader(sources.env, readText, reportVariable);

  const asked = sources.flags.config ?? environment.get('LIMNER_CONFIG');
  const fileName = asked ?? DEFAULT_FILE;
  const openFile = (): ConfigFile | undefined => {
    let text: string;
    try {
      text = readText(fileName);
    } catch (error) {
      if (asked === undefined && (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      const at = sources.flags.config === undefined ? 'LIMNER_CONFIG' : '--config';
      faults.push({
        at: asked === undefined ? fileName : at,
        message: `${asked === undefined ? '' : `names the file ${fileName}, which `}cannot be read: ${reasonOf(error)}`,
      });
      return undefined;
    }
    return readConfigFile(text, (line, message) => void faults.push({ at: `${fileName}:${line}`, message }));
  };
  const file = openFile();

  const overrideOf = (path: Path): string | undefined =>
    path
      .map((_, index) => overridden.get(formatPath(path.slice(0, index + 1))))
      .findLast((from) => from !== undefined);
  const lineOf = (path: Path): string | undefined => {
    const line = file?.lineOf(path);
    return line === undefined ? undefined : `${fileName}:${line}`;
  };
  const report = (path: Path, message: string) => {
    const from = overrideOf(path);
    const source = lineOf(path);
    reportOnce(
      from === undefined
        ? { at: formatPath(path), message, ...(source !== undefined && { source }) }
        : { at: from, message },
    );
  };

  const written = sources.role === 'api' ? withoutServing(file?.tree) : file?.tree;
  const filled = interpolate(written ?? {}, environment.getSecret, report);
  if (!isMap(filled.tree)) faults.push({ at: fileName, message: 'wants a map of keys' });
  const fileTree = isMap(filled.tree) ? filled.tree : {};

  const vendors =
    sources.role === 'api'
      ? { overrides: [], notices: [] }
      : vendorLayers(fileTree, sources.adapters, environment);
  const overrides = [...ownOverrides(environment), ...vendors.overrides, ...flagOverrides(sources.flags)];
  for (const { path, from } of overrides) overridden.set(formatPath(path), from);

  return {
    tree: overrides.reduce<Tree>((tree, { path, value }) => placed(tree, path, value), fileTree),
    templates: new Map([...filled.templates].filter(([path]) => !overridden.has(path))),
    environment,
    originOf: (path) => overrideOf(path) ?? lineOf(path) ?? fileName,
    report,
    reportVariable,
    faults,
    notices: [
      ...unknownVariables(sources.env).map(
        (name) => `${name} is set, and nothing reads it${didYouMean(name, knownVariables)}`,
      ),
      ...vendors.notices,
    ],
  };
};

/** What a process that only takes requests need not know: it has no credentials either. */
const withoutServing = (tree: unknown): unknown =>
  isMap(tree) ? Object.fromEntries(Object.entries(tree).filter(([key]) => !servingKeys.has(key))) : tree;

const servingKeys = new Set(['providers', 'models']);

/** Name of the adapter that a provider is written for: its own name, unless it says otherwise. */
export const adapterNameOf = (name: string, provider: unknown): string =>
  isMap(provider) && typeof provider.adapter === 'string' ? provider.adapter : name;

/** The vendors' variables that count, and what to say of those that do not. */
const vendorLayers = (
  fileTree: Tree,
  adapters: readonly AdapterDescription[],
  environment: EnvironmentReader,
): { readonly overrides: readonly Override[]; readonly notices: readonly string[] } => {
  const notices: string[] = [];
  const overrides = vendorVariables.flatMap((vendor) => {
    const found = vendorOverrides(vendor, environment);
    if (found.length === 0) return [];
    const written = isMap(fileTree.providers) ? fileTree.providers[vendor.provider] : undefined;
    // A provider of this name that speaks another protocol has nothing to do with the vendor.
    if (adapterNameOf(vendor.provider, written) !== vendor.provider) return [];
    if (!adapters.some((adapter) => adapter.name === vendor.provider)) {
      const names = found.map((override) => override.from).join(', ');
      notices.push(`${names} is set, but this version has no adapter ${vendor.provider}`);
      return [];
    }
    if (!isMap(written) && found.every((override) => override.from === vendor.baseUrl)) {
      const names = Object.keys(vendor.credentials).join(' or ');
      notices.push(`${vendor.baseUrl} is set without ${names}, and does nothing`);
      return [];
    }
    return found;
  });
  return { overrides, notices };
};

const flagOverrides = (flags: ConfigFlags): readonly Override[] =>
  [
    { path: ['server', 'host'], value: flags.host, from: '--host' },
    { path: ['server', 'port'], value: flags.port, from: '--port' },
    { path: ['data_dir'], value: flags.dataDir, from: '--data-dir' },
    { path: ['log_level'], value: flags.logLevel, from: '--log-level' },
  ].filter(({ value }) => value !== undefined);

/** The tree with the value at the path; what is no map on the way there stays, and is a fault later. */
const placed = (tree: Tree, path: Path, value: unknown): Tree => {
  const [step, ...rest] = path;
  if (step === undefined) return tree;
  if (rest.length === 0) return { ...tree, [step]: value };
  const below = tree[step] ?? {};
  return isMap(below) ? { ...tree, [step]: placed(below, rest, value) } : tree;
};
