/**
 * Kills the program at random under load, with the emulators of all vendors and the receiver of webhooks failing at
 * random, and balances the books at the end: `npm run test:chaos -- --minutes 10 --seed 7`. The same seed makes the same
 * choices; what they meet differs.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { TaskView } from '../../src/http/routes/generations/schema.ts';
import type { Emulator } from '../../upstreams/emulator.ts';
import { createDataFolder } from '../support/data-folder.ts';
import { eventually } from '../support/eventually.ts';
import { type LimnerProcess, startLimner } from '../support/limner-process.ts';
import { configOf } from '../support/makers.ts';
import { drawReference } from '../support/pictures.ts';
import { startVendors } from '../support/vendors.ts';
import { type ReceivedWebhook, startWebhookReceiver } from '../support/webhook-receiver.ts';
import { balance, type Ended } from './balance.ts';
import { createMishaps } from './mishaps.ts';
import { createRandom } from './random.ts';

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '3' }, seed: { type: 'string', default: '1' } },
});
const minutes = Number(values.minutes);
const random = createRandom(Number(values.seed));
const mishapsOf = createMishaps(random);

const path = '/v1/images/generations';
const reference = `data:image/png;base64,${(await drawReference()).toString('base64')}`;

/** How many callers send one task after another. */
const CALLERS = 8;

const models = ['seedream-3.0', 'jimeng', 'keling', 'dall-e-3', 'anybody', 'sandbox'] as const;

await using vendors = await startVendors();
await using receiver = await startWebhookReceiver();
await using folder = await createDataFolder();
const file = join(folder.path, 'limner.yaml');
await writeFile(
  file,
  `${configOf(vendors).replaceAll(/(concurrency: \d+)/g, '$1, call_timeout: 10s')}
  anybody:
    price: { currency: CNY, per_image: 0.3 }
    routes:
      - { provider: ark, upstream_model: doubao-seedream-5-0-pro-260628 }
      - { provider: kling, upstream_model: kling-v3, priority: 1 }
      - { provider: openai, upstream_model: gpt-image-2.6-flare, priority: 2 }
task_deadline: 60s
`,
);
const emulators: readonly Emulator[] = [vendors.ark, vendors.jimeng, vendors.kling, vendors.openai];
const start = (): Promise<LimnerProcess> =>
  startLimner({
    dataDir: folder.path,
    env: { ...vendors.environment, LIMNER_CONFIG: file, LIMNER_FETCH_ALLOW: receiver.host },
  });

let limner = await start();
// However this ends, it leaves no process behind.
process.on('exit', () => void limner.kill());
let isOver = false;
let kills = 0;
let cancels = 0;
/** Accepted tasks, by the word that only their prompt has. */
const accepted = new Map<string, { readonly id: string; readonly hasWebhook: boolean }>();

/** Sends a request until somebody answers it, also somebody who was started meanwhile. */
const ask = async <Body = TaskView>(...request: Parameters<LimnerProcess['api']>) => {
  for (;;) {
    try {
      return await limner.api<Body>(...request);
    } catch (fault) {
      if (!(fault instanceof TypeError || fault instanceof SyntaxError)) throw fault;
      await pause(50);
    }
  }
};

const endpointPath = '/endpoint';
await ask('POST', '/v1/webhooks/endpoints', { url: new URL(endpointPath, receiver.url).href });

/** Webhooks that were answered with 2xx. */
const taken: ReceivedWebhook[] = [];
receiver.answerWith((webhook) => {
  const mood = isOver ? 0 : random.below(20);
  if (mood === 1) return { status: 500 };
  if (mood === 2) return { status: 302, headers: { location: receiver.url } };
  if (mood === 3) return { status: 503, headers: { 'retry-after': '1' } };
  if (mood === 4) return { status: 204, after: new Promise(() => {}) };
  taken.push(webhook);
  return { status: 204, after: pause(mood === 5 ? random.below(3_000) : 0) };
});

const callerWork = async (caller: number): Promise<void> => {
  for (let count = 0; !isOver; count += 1) {
    const word = `word-${caller}-${count}.`;
    const model = random.pick(models);
    const hasWebhook = random.below(2) === 0;
    const body = {
      model,
      prompt: `A boat, ${word}`,
      n: 1 + random.below(4),
      ...(model === 'jimeng' && { seed: 1 }),
      ...(model !== 'anybody' && random.below(4) === 0 && { url: reference }),
      ...(hasWebhook && { webhook_url: receiver.url }),
    };
    const answer = await ask('POST', path, body, { 'idempotency-key': word });
    if (answer.status !== 200) throw new Error(`Refused: ${JSON.stringify(answer.body)}`);
    accepted.set(word, { id: answer.body.task_id, hasWebhook });
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
    emulator.faults.set(mishapsOf(emulator));
    await pause(random.below(1_500));
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

/** Sends again at once what waits for its next attempt, until nothing waits. */
const deliverAll = () =>
  eventually(
    async () => {
      type Page = { readonly data: readonly { readonly id: string; readonly attempts: number }[] };
      const { body } = await limner.api<Page>('GET', '/v1/webhooks/deliveries?state=pending&limit=100');
      for (const { id } of body.data.filter(({ attempts }) => attempts > 0))
        await limner.api('POST', `/v1/webhooks/deliveries/${id}/redeliver`);
      await pause(500);
      return body.data.length === 0 || undefined;
    },
    'every ending is told',
    120_000,
  );

const callers = Array.from({ length: CALLERS }, (_, caller) => callerWork(caller));
const breaking = breakThings();
await killThings(performance.now() + minutes * 60_000);
isOver = true;
await Promise.all([...callers, breaking]);
for (const emulator of emulators) emulator.faults.clear();

const ended = new Map<string, Ended>();
for (const [word, { id, hasWebhook }] of accepted)
  ended.set(word, { task: await limner.endOf(id), hasWebhook });
await eventually(
  async () => folder.rows().jobs === 0 || undefined,
  'the calls of cancelled tasks have ended too',
  100_000,
);
await deliverAll();
// Files that a crash left are removed at the next start.
await limner.stop();
limner = await start();
await pause(3_000);
await limner.stop();

const charges = Map.groupBy(
  emulators.flatMap((emulator) => emulator.ledger.charges),
  ({ prompt }) => /word-\d+-\d+\./.exec(prompt)?.[0] ?? prompt,
);
const { sums, faults } = await balance({
  folder,
  ended,
  charges,
  taken,
  paths: { own: new URL(receiver.url).pathname, endpoint: endpointPath },
});
process.stdout.write(`${JSON.stringify({ minutes, seed: values.seed, kills, cancels, ...sums }, null, 2)}\n`);
for (const fault of faults) process.stdout.write(`${fault}\n`);
process.exitCode = faults.length === 0 ? 0 : 1;
