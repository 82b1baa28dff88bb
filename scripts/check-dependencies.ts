/**
 * Checks what is installed, without any network: each package has a licence that fits Apache-2.0, each direct dependency a
 * line in `docs/decisions/dependencies.md`, and the lock a hash for every package.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const readJson = (path: string): unknown => JSON.parse(readFileSync(join(root, path), 'utf8'));

interface Manifest {
  readonly license?: unknown;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

interface Locked {
  readonly dev?: boolean;
  readonly devOptional?: boolean;
  readonly link?: boolean;
  readonly integrity?: string;
}

/** Of what is shipped. Each lets it be used and passed on in a work under Apache-2.0. */
const allowed = new Set([
  'MIT',
  'MIT-0',
  'ISC',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  '0BSD',
  'BlueOak-1.0.0',
  'CC0-1.0',
  'Unlicense',
  // A font: it may be passed on with a program, and not sold alone.
  'OFL-1.1',
]);

/** Of what only builds and tests. */
const allowedForDevelopment = new Set([...allowed, 'MPL-2.0', 'Python-2.0', 'CC-BY-4.0', 'CC-BY-3.0']);

/** Taken although its licence is none of these; docs/decisions/dependencies.md says why. */
const excepted: readonly RegExp[] = [
  /^node_modules\/@img\/sharp-libvips-/,
  /^node_modules\/@img\/sharp-win32-/,
];

/** Whether an SPDX expression leaves a choice that is allowed. */
const isAllowed = (licence: unknown, among: ReadonlySet<string>): boolean =>
  typeof licence === 'string' &&
  licence
    .replaceAll(/[()]/g, '')
    .split(' OR ')
    .some((choice) => choice.split(' AND ').every((one) => among.has(one.trim())));

const { packages } = readJson('package-lock.json') as { packages: Readonly<Record<string, Locked>> };

const faultsOf = ([path, locked]: readonly [string, Locked]): string[] => {
  if (!path.includes('node_modules/') || locked.link === true) return [];
  const unhashed = locked.integrity === undefined ? [`${path}: has no hash in package-lock.json`] : [];
  // Packages of other platforms are not installed.
  if (!existsSync(join(root, path, 'package.json')) || excepted.some((pattern) => pattern.test(path))) {
    return unhashed;
  }
  const { license } = readJson(`${path}/package.json`) as Manifest;
  const isForDevelopment = locked.dev === true || locked.devOptional === true;
  return isAllowed(license, isForDevelopment ? allowedForDevelopment : allowed)
    ? unhashed
    : [...unhashed, `${path}: has the licence ${JSON.stringify(license)}, which is not on the list`];
};

const { dependencies = {}, devDependencies = {} } = readJson('package.json') as Manifest;
const reasons = readFileSync(join(root, 'docs/decisions/dependencies.md'), 'utf8');
const unexplained = [...Object.entries(dependencies), ...Object.entries(devDependencies)].flatMap(
  ([name, version]) => [
    ...(reasons.includes(`\`${name}\``) ? [] : [`docs/decisions/dependencies.md has no line for ${name}`]),
    ...(/^(file:|(npm:[@\w/-]+@)?\d)/.test(version) ? [] : [`package.json: ${name} has no exact version`]),
  ],
);

const faults = [...Object.entries(packages).flatMap(faultsOf), ...unexplained];
for (const fault of faults) console.error(fault);
process.exitCode = faults.length === 0 ? 0 : 1;
