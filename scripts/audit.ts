/**
 * Asks the registry for known holes in what is shipped, and fails on grave ones. A registry that cannot be asked, or does
 * not know, is said and is no fault: a build must not need the network.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const { stdout } = spawnSync('npm', ['audit', '--omit=dev', '--json'], {
  cwd: join(import.meta.dirname, '..'),
  encoding: 'utf8',
  timeout: 60_000,
});

/** How many holes of each severity the registry knows; `undefined` when it did not say. */
const known = (): Readonly<Record<string, number>> | undefined => {
  try {
    const { metadata } = JSON.parse(stdout) as {
      readonly metadata?: { readonly vulnerabilities?: Readonly<Record<string, number>> };
    };
    return metadata?.vulnerabilities;
  } catch {
    return undefined;
  }
};

const holes = known();
if (holes === undefined) {
  console.log('Not audited: the registry cannot be asked, or knows no advisories.');
} else {
  console.log(
    `Audited: ${Object.entries(holes)
      .map(([severity, count]) => `${count} ${severity}`)
      .join(', ')}.`,
  );
  if ((holes['high'] ?? 0) + (holes['critical'] ?? 0) > 0) {
    console.error('`npm audit --omit=dev` tells which.');
    process.exitCode = 1;
  }
}
