/**
 * Runs every check, two at a time, and tells all that is wrong at once.
 * `npm run check -- lint types` runs only those named.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');

const checks: Readonly<Record<string, readonly string[]>> = {
  lint: ['oxlint'],
  docs: ['node', 'scripts/check-docs.ts'],
  deploy: ['node', 'scripts/check-deploy.ts'],
  openapi: ['redocly', 'lint', 'openapi.json', '--format=stylish'],
  unused: ['knip', '--no-progress'],
  types: ['tsc', '--noEmit'],
  client: ['tsc', '--noEmit', '-p', 'client/tsconfig.json'],
  structure: ['node', 'scripts/check-structure.ts'],
  dependencies: ['node', 'scripts/check-dependencies.ts'],
  format: ['oxfmt', '--check'],
};

const run = (command: string, args: readonly string[]): Promise<{ passed: boolean; output: string }> =>
  new Promise((resolve, reject) => {
    const env = { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' };
    const child = spawn(command, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.on('error', reject);
    child.on('close', (code) => resolve({ passed: code === 0, output: Buffer.concat(chunks).toString() }));
  });

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !Object.hasOwn(checks, name));
if (unknown.length > 0) {
  console.error(`There is no check ${unknown.join(', ')}. There are: ${Object.keys(checks).join(', ')}.`);
  process.exit(2);
}

const waiting = Object.entries(checks).filter(
  ([name]) =>
    (asked.length === 0 || asked.includes(name)) &&
    (name !== 'openapi' || existsSync(join(root, 'openapi.json'))),
);
const failed: string[] = [];

const work = async (): Promise<void> => {
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const [name, [command = '', ...args]] = next;
    const startedAt = performance.now();
    const { passed, output } = await run(command, args);
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    console.log(`${passed ? '✓' : '✗'} ${name} (${seconds} s)`);
    if (!passed) {
      failed.push(name);
      console.error(output.trimEnd());
    }
  }
};

await Promise.all([work(), work()]);
if (failed.length > 0) {
  console.error(`\nNot in order: ${failed.join(', ')}. \`npm run fix\` repairs what can be repaired.`);
  process.exitCode = 1;
}
