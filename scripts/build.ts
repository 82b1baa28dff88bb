/** Writes `dist/`: the JavaScript of `src` and `upstreams`, and what they read at run time, at the same distances. */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const dist = join(root, 'dist');

rmSync(dist, { recursive: true, force: true });
execFileSync('tsc', ['-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' });

const isAsset = (path: string): boolean => !path.endsWith('.ts') && !/[\\/]contract$/.test(path);
for (const asset of ['src', 'upstreams', 'openapi.json', 'package.json']) {
  if (existsSync(join(root, asset)))
    cpSync(join(root, asset), join(dist, asset), { recursive: true, filter: isAsset });
}
