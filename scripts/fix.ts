/** Repairs what `npm run check` can see and a program can mend; what remains is told by `npm run check`. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const run = (command: string, ...args: readonly string[]): boolean =>
  spawnSync(command, args, { cwd: root, stdio: 'inherit' }).status === 0;

const repaired = [
  run('oxlint', '--fix'),
  !existsSync(join(root, 'scripts/write-openapi.ts')) || run('node', 'scripts/write-openapi.ts'),
  run('node', 'scripts/write-client-types.ts'),
  run('node', 'scripts/write-model-tables.ts'),
  run('oxfmt'),
];
process.exitCode = repaired.every(Boolean) ? 0 : 1;
