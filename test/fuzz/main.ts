/**
 * Sends every route what nobody should, for minutes: `npm run test:fuzz -- --minutes 10 --seed 7`. The same seed sends the
 * same requests.
 */
import { parseArgs } from 'node:util';
import { createDataFolder } from '../support/data-folder.ts';
import { startLimner } from '../support/limner-process.ts';
import { fuzz, smallHeap } from './fuzz.ts';

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '3' }, seed: { type: 'string', default: '1' } },
});

await using folder = await createDataFolder();
const limner = await startLimner({ dataDir: folder.path, command: smallHeap });
try {
  const report = await fuzz(limner, Number(values.seed), Number(values.minutes) * 60_000);
  console.log(JSON.stringify(report, null, 2));
} catch (error) {
  console.error(error instanceof Error ? error.message.slice(0, 20_000) : error);
  process.exitCode = 1;
} finally {
  const faults = limner
    .output()
    .split('\n')
    .filter((line) => /"level":"(?:error|fatal)"/.test(line));
  if (faults.length > 0) process.exitCode = 1;
  console.error(faults.slice(0, 20).join('\n'));
  await limner.stop();
}
