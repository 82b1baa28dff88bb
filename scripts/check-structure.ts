/** Checks the repository against the rules of `structure.ts`. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sourceFiles } from './source-files.ts';
import { faultOfFile, faultOfImport, importsOf } from './structure.ts';

const root = join(import.meta.dirname, '..');
const faults: string[] = [];

for (const path of sourceFiles(root, ['src', 'upstreams', 'client/src'])) {
  const text = readFileSync(join(root, path), 'utf8');
  const fault = faultOfFile(path, text);
  if (fault !== undefined) faults.push(`${path}: ${fault}`);
  for (const link of importsOf(path, text)) {
    const linkFault = existsSync(join(root, link.to)) ? faultOfImport(link) : 'there is no such file';
    if (linkFault !== undefined) faults.push(`${path} imports ${link.to}: ${linkFault}`);
  }
}

for (const fault of faults) console.error(fault);
process.exitCode = faults.length === 0 ? 0 : 1;
