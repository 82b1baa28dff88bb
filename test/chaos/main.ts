/**
 * Kills the program at random under load, with the emulators of all vendors failing at random, and balances the books at
 * the end: `npm run test:chaos -- --minutes 10 --seed 7`. The same seed makes the same choices; what they meet differs.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { TaskView } from '../../src/http/routes/generations/schema.ts';
import type { Emulator } from '../../upstreams/emulator.ts';
import { createDataFolder } from '../support/data-folder.ts';
import { type LimnerProcess, startLimner } from '../support/limner-process.ts';
import { drawReference } from '../support/pictures.ts';
import { startVendors } from '../support/vendors.ts';
import { createRandom } from './random.ts';
import { balance } from './balance.ts';

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '3' }, seed: { type: 'string', default: '1' } },
});
const minutes = Number(values.minutes);
const random = createRandom(Number(values.seed));

const path = '/v1/images/generations';
const reference = `data:image/png;base64,${(await drawReference()).toString('base64')}`;

/** How many callers send one task after another. */
const CALLERS = 8;

const models = ['seedream-3.0', 'jimeng', 'keling', 'dall-e-3', 'sandbox'] as const;
const transportFaults = [
  'drop_before',
  'drop_after',
  'truncated_json',
  'html_502',
  'html_503',
  'html_504',
  'empty_200',
  'charge_then_502',
  'hang',
] as const;
const linkFaults = ['link_500_once', 'link_slow'] as const;

const config = (own: string): string => `${own.replaceAll(' }', ', call_timeout: 10s }')}
task_deadline: 60s
`;

await using vendors = await startVendors();
await using folder = await createDataFolder();
const file = join(folder.path, 'limner.yaml');
await writeFile(file, config(vendors.config));
const emulators: readonly Emulator[] = [vendors.ark, vendors.jimeng, vendors.kling, vendors.openai];
const start = (): Promise<LimnerProcess> =>
  startLimner({ dataDir: folder.path, env: { ...vendors.environment, LIMNER_CONFIG: file } });

let limner = await start();
let isOver = false;
let kills = 0;
let cancels = 0;
/** Accepted tasks, by the word that only their prompt has. */
const accepted = new Map<string, string>();

/** Sends a request until somebody answers it, also somebody who was started meanwhile. */
const ask = async (...request: Parameters<LimnerProcess['api']>) => {
  for (;;) {
    try {
      return await limner.api<TaskView>(...request);
    } catch (fault) {
      if (!(fault instanceof TypeError || fault instanceof SyntaxError)) throw fault;
      await pause(50);
    }
  }
};

const callerWork = async (caller: number): Promise<void> => {
  for (let count = 0; !isOver; count += 1) {
    const word = `word-${caller}-${count}.`;
    const body = {
      model: random.pick(models),
      prompt: `A boat, ${word}`,
      n: 1 + random.below(4),
      ...(random.below(4) === 0 && { url: reference }),
    };
    const answer = await ask('POST', path, body, { 'idempotency-key': word });
    if (answer.status !== 200) throw new Error(`Refused: ${JSON.stringify(answer.body)}`);
    accepted.set(word, answer.body.task_id);
    if (random.below(12) === 0) {
      await pause(random.below(1_000));
      const cancelled = await ask('POST', `${path}/${answer.body.task_id}/cancel`);
      if (cancelled.status === 200) cancels += 1;
    }
    await pause(random.below(1_500));
  }
};

const breakThings = async (): Promise<void> => {
  while (!isOver) {
    const emulator = random.pick(emulators);
    emulator.faults.set([
      { fault: random.pick(transportFaults), times: 1 + random.below(3) },
      { match: 'file', fault: random.pick(linkFaults), times: 1 },
    ]);
    await pause(random.below(2_000));
  }
};

const killThings = async (untilMs: number): Promise<void> => {
  while (performance.now() < untilMs) {
    await pause(1_500 + random.below(6_000));
    await limner.kill();
    kills += 1;
    limner = await start();
  }
};

const callers = Array.from({ length: CALLERS }, (_, caller) => callerWork(caller));
const breaking = breakThings();
await killThings(performance.now() + minutes * 60_000);
isOver = true;
await Promise.all([...callers, breaking]);
for (const emulator of emulators) emulator.faults.set([]);

const ended = new Map<string, TaskView>();
for (const [word, taskId] of accepted) ended.set(word, await limner.endOf(taskId));
// Files that a crash left are removed at the next start.
await limner.stop();
limner = await start();
await pause(3_000);
await limner.stop();

const charges = emulators.flatMap((emulator) =>
  emulator.ledger.charges.map((charge) => ({ vendor: emulator.name, ...charge })),
);
const { sums, faults } = await balance({ folder, ended, charges });
process.stdout.write(`${JSON.stringify({ minutes, seed: values.seed, kills, cancels, ...sums }, null, 2)}\n`);
for (const fault of faults) process.stdout.write(`${fault}\n`);
process.exitCode = faults.length === 0 ? 0 : 1;
