/**
 * Checks that the documents say what the code does: one page per error code and per adapter, the tables of upstream
 * models as the cards have them, `openapi.json` as the server would write it, the types of the client as it has them, and every `LIMNER_*` variable in the
 * README.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { catalogue } from '../src/core/errors.ts';
import { adapterNames, withModelTable } from './model-tables.ts';
import { isTestMaterial, sourceFiles } from './source-files.ts';

const root = join(import.meta.dirname, '..');
const read = (path: string): string => {
  const file = join(root, path);
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
};

const faultsOfErrorPages = (): string[] => {
  const codes = new Set(Object.keys(catalogue));
  const pages = new Set(globSync('docs/errors/*.md', { cwd: root }).map((path) => basename(path, '.md')));
  pages.delete('README');
  return [
    ...[...codes.difference(pages)].map((code) => `docs/errors/${code}.md is missing`),
    ...[...pages.difference(codes)].map((page) => `docs/errors/${page}.md has no code in src/core/errors.ts`),
  ];
};

const faultsOfProviderPages = (): string[] =>
  adapterNames.flatMap((name) => {
    const path = `docs/providers/${name}.md`;
    const page = read(path);
    const fresh = withModelTable(page, name);
    if (fresh === undefined) return [`${path} is missing, or has no table of upstream models`];
    return fresh === page ? [] : [`${path}: its table is not what the model cards say: run \`npm run fix\``];
  });

/** Complains when a file is not what the script would write. */
const faultsOfWritten = (path: string, script: string, complaint: string): string[] => {
  const folder = mkdtempSync(join(tmpdir(), 'limner-written-'));
  try {
    const fresh = join(folder, 'fresh');
    execFileSync(process.execPath, [script, fresh], { cwd: root });
    return readFileSync(fresh, 'utf8') === read(path) ? [] : [`${path} ${complaint}: run \`npm run fix\``];
  } finally {
    rmSync(folder, { recursive: true });
  }
};

const faultsOfReadme = (): string[] => {
  const rows = read('README.md')
    .split('\n')
    .filter((line) => line.trimStart().startsWith('|'))
    .join('\n');
  const documented = new Set(rows.match(/\bLIMNER_[A-Z0-9_]+\b/g));
  const variables = new Set(
    sourceFiles(root, ['src/config'])
      .filter((path) => !isTestMaterial(path))
      .flatMap((path) => read(path).match(/\bLIMNER_[A-Z0-9_]+\b/g) ?? []),
  );
  return [...variables.difference(documented)].map(
    (name) => `README.md: the configuration table lacks ${name}`,
  );
};

const faults = [
  ...faultsOfErrorPages(),
  ...faultsOfProviderPages(),
  ...faultsOfWritten('openapi.json', 'scripts/write-openapi.ts', 'is not what the server says'),
  ...faultsOfWritten(
    'client/src/schemas.ts',
    'scripts/write-client-types.ts',
    'is not what openapi.json says',
  ),
  ...faultsOfReadme(),
];
for (const fault of faults) console.error(fault);
process.exitCode = faults.length === 0 ? 0 : 1;
