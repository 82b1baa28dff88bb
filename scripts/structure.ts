/**
 * The rules of direction: which file may import which. `check-structure.ts` applies them to the repository.
 * Import cycles are the linter's business.
 */
import { posix } from 'node:path';
import { isTestMaterial } from './source-files.ts';

/** Lower layers first: an area imports areas of lower layers only. */
const layers: readonly (readonly string[])[] = [
  ['core', 'threads'],
  ['config', 'database', 'providers', 'tasks', 'jobs', 'webhooks', 'images', 'access', 'observe', 'fleet'],
  ['engine', 'actions'],
  ['http', 'cli'],
  ['app'],
  ['main'],
];

/** The imports between areas of one layer that are meant. */
const allowedSiblings = new Set([
  'tasks → access',
  'tasks → database',
  'tasks → webhooks',
  'jobs → database',
  'webhooks → database',
  'access → database',
  'fleet → database',
]);

/** Stores that only the composition root names, as `area/implementation`. */
const concreteStores = [
  'database/sqlite',
  'database/postgres',
  'tasks/sqlite',
  'tasks/postgres',
  'jobs/sqlite',
  'jobs/pg-boss',
  'fleet/postgres-fleet',
  'images/fs',
  'images/s3',
];

/** One import between two files of the repository. */
interface Import {
  readonly from: string;
  readonly to: string;
}

/** The relative imports that a file's text makes: static, re-exported, dynamic, for values and for types. */
export const importsOf = (from: string, text: string): Import[] => {
  const code = text.replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
  const specifiers = code.matchAll(
    /^\s*(?:import|export)\b[^;'"]*?\bfrom\s*['"](\.[^'"]*)['"]|^\s*import\s*['"](\.[^'"]*)['"]|\bimport\s*\(\s*['"](\.[^'"]*)['"]/gm,
  );
  return [...specifiers].map((match) => ({
    from,
    to: posix.join(posix.dirname(from), match[1] ?? match[2] ?? match[3] ?? ''),
  }));
};

/** `src/tasks/sqlite/claim.ts` → `tasks`; `src/app.ts` → `app`. */
const areaOf = (path: string): string => (path.split('/')[1] ?? '').replace(/\.ts$/, '');

const layerOf = (area: string): number => layers.findIndex((layer) => layer.includes(area));

/** `src/providers/kling/index.ts` → `kling`; nothing for `src/providers/*.ts`. */
const adapterOf = (path: string): string | undefined => /^src\/providers\/([^/]+)\//.exec(path)?.[1];

const storeOf = (path: string): string | undefined =>
  concreteStores.find((store) => path.startsWith(`src/${store}/`) || path === `src/${store}.ts`);

/** What is wrong with one import, or nothing. */
export const faultOfImport = ({ from, to }: Import): string | undefined => {
  if (isTestMaterial(from)) return undefined;
  if (isTestMaterial(to)) return 'only tests import test material';
  if (from.startsWith('upstreams/') && to.startsWith('src/')) {
    return 'the emulators know nothing of the code that they test';
  }
  if (from.startsWith('client/src/') && !to.startsWith('client/src/')) {
    return 'the client is a package of its own and brings nothing else along';
  }
  if (!from.startsWith('src/')) return undefined;
  if (to.startsWith('upstreams/')) {
    return from === 'src/cli/commands/upstreams.ts'
      ? undefined
      : 'only src/cli/commands/upstreams.ts starts the emulators';
  }
  if (!to.startsWith('src/')) {
    // package.json and openapi.json, which ship beside the code.
    return /^[^/]+\.json$/.test(to) ? undefined : 'src imports nothing from outside src';
  }
  return faultOfDirection(from, to) ?? faultOfAdapter(from, to) ?? faultOfStore(from, to);
};

const faultOfDirection = (from: string, to: string): string | undefined => {
  const [area, target] = [areaOf(from), areaOf(to)];
  if (area === target || layerOf(target) < layerOf(area)) return undefined;
  if (layerOf(target) > layerOf(area)) return `${target} is above ${area}`;
  return allowedSiblings.has(`${area} → ${target}`)
    ? undefined
    : `${area} and ${target} are siblings and meet only above`;
};

const faultOfAdapter = (from: string, to: string): string | undefined => {
  const [adapter, target] = [adapterOf(from), adapterOf(to)];
  if (target !== undefined && target !== adapter) {
    return from === 'src/providers/registry.ts' || areaOf(from) === 'app'
      ? undefined
      : 'only src/providers/registry.ts and the app name an adapter';
  }
  return undefined;
};

const faultOfStore = (from: string, to: string): string | undefined => {
  const store = storeOf(to);
  return store === undefined || store === storeOf(from) || areaOf(from) === 'app'
    ? undefined
    : 'only the app names a concrete store';
};

/** What is wrong with a file itself, whatever it imports. */
export const faultOfFile = (path: string, text: string): string | undefined => {
  if (!path.startsWith('src/') || isTestMaterial(path)) return undefined;
  if (layerOf(areaOf(path)) === -1) return 'belongs to no layer of scripts/structure.ts';
  if (path.startsWith('src/core/') && /\bnew Date\(\s*\)/.test(text)) {
    return 'the core has no clock: take the time as an argument';
  }
  return undefined;
};
