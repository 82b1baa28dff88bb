import { expect, test } from 'vitest';
import { createDataFolder } from '../support/data-folder.ts';
import { startLimner } from '../support/limner-process.ts';
import { fuzz, smallHeap } from './fuzz.ts';

test('bears whatever is sent to it', { timeout: 120_000 }, async () => {
  await using folder = await createDataFolder();
  const limner = await startLimner({ dataDir: folder.path, command: smallHeap });
  const { byStatus, before, after } = await fuzz(limner, 1, 8_000);
  // Both sides of the interface were seen.
  expect(Object.keys(byStatus)).toEqual(expect.arrayContaining(['200', '400', '401', '404']));
  // After half a minute it grows no more; a leak in the heap ends the process.
  expect(after.memoryBytes - before.memoryBytes).toBeLessThan(250 * 1024 * 1024);
  expect(limner.output()).not.toMatch(/"level":"(?:error|fatal)"/);
  expect(await limner.stop()).toBe(0);
});
