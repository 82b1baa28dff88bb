#!/usr/bin/env node
// The command `limner`, in JavaScript that an old Node can read: it finds a Node that can run the rest.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import * as module from 'node:module';
import { dirname, join } from 'node:path';

const WANTED_MAJOR = 24;

/** The Node that the package `node` brought, if it is installed. */
const findPinnedNode = () => {
  try {
    const folder = dirname(module.createRequire(import.meta.url).resolve('node/package.json'));
    return ['bin/node', 'bin/node.exe'].map((name) => join(folder, name)).find((path) => existsSync(path));
  } catch {
    // The package is a development dependency: a published Limner has to do without.
    return undefined;
  }
};

/** Runs this very command again on another Node, and ends as that one ends. */
const runOn = (node) => {
  const child = spawn(node, process.argv.slice(1), { stdio: 'inherit' });
  // A terminal sends SIGINT to both processes; the child decides when to end.
  process.on('SIGINT', () => {});
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
};

if (Number.parseInt(process.versions.node, 10) >= WANTED_MAJOR) {
  // Here and not in TypeScript: what is compiled already needs no TypeScript parser, which takes 17 MB.
  module.enableCompileCache?.();
  // A clone runs its source, whatever was built from an older one; a published package has only what was built.
  const source = new URL('../src/main.ts', import.meta.url);
  await import(existsSync(source) ? source.href : new URL('../dist/src/main.js', import.meta.url).href);
} else {
  const pinned = findPinnedNode();
  if (pinned === undefined) {
    console.error(
      `Limner needs Node ${WANTED_MAJOR} or newer and this is ${process.version}: install it, e.g. from https://nodejs.org, or run \`npm ci\` in a clone of Limner, which brings its own.`,
    );
    process.exitCode = 1;
  } else {
    runOn(pinned);
  }
}
