/** What `/metrics` of the real program tells. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startArkEmulator } from '../upstreams/ark/index.ts';
import { arkEnvironment } from './support/ark.ts';
import { createDataFolder } from './support/data-folder.ts';
import { newPostgresUrl } from './support/databases.ts';
import { eventually } from './support/eventually.ts';
import { apiKey, type LimnerProcess, startLimner } from './support/limner-process.ts';
import { scrape } from './support/scrape.ts';
import { startWebhookReceiver } from './support/webhook-receiver.ts';

const path = '/v1/images/generations';
const arkModel = 'doubao-seedream-5-0-pro-260628';
const arkCalls = `provider="ark",upstream_model="${arkModel}"`;

test('/metrics counts what became of tasks, calls, pictures, webhooks and requests', async () => {
  await using ark = await startArkEmulator();
  await using receiver = await startWebhookReceiver();
  await using folder = await createDataFolder();
  const limner = await startLimner({
    dataDir: folder.path,
    env: { ...arkEnvironment(ark), LIMNER_FETCH_ALLOW: receiver.host },
  });
  const submit = async (body: object): Promise<string> => (await limner.api('POST', path, body)).body.task_id;

  const paid = await submit({ model: 'seedream-3.0', prompt: 'A boat', n: 2, webhook_url: receiver.url });
  const refused = await submit({ model: 'sandbox', prompt: 'No [sandbox:fail=content_policy_violation]' });
  const slow = await submit({ model: 'sandbox', prompt: 'Later [sandbox:delay=1h]' });
  const { usage } = await limner.endOf(paid);
  await limner.endOf(refused);
  await limner.api('POST', `${path}/${slow}/cancel`);
  await limner.api('POST', path, { model: 'no-such-model', prompt: 'A boat' });
  await fetch(`${limner.url}/no/such/${paid}`);
  const told = await eventually(async () => {
    const seen = await scrape(limner.url);
    return seen.value('limner_webhook_attempts_total{outcome="delivered"}') === 1 ? seen : undefined;
  }, 'the webhook is counted');

  expect(told.contentType).toMatch(/^text\/plain; version=0\.0\.4/);
  expect(usage?.images).toBe(2);
  const expected: Readonly<Record<string, number>> = {
    'limner_tasks_accepted_total{model="seedream-3.0"}': 1,
    'limner_tasks_accepted_total{model="sandbox"}': 2,
    'limner_tasks_ended_total{model="seedream-3.0",outcome="completed"}': 1,
    'limner_tasks_ended_total{model="sandbox",outcome="content_policy_violation"}': 1,
    'limner_tasks_ended_total{model="sandbox",outcome="cancelled"}': 1,
    [`limner_calls_ended_total{${arkCalls},outcome="stored"}`]: 2,
    [`limner_call_duration_seconds_count{${arkCalls}}`]: 2,
    limner_images_stored_total: 2,
    limner_tasks_waiting: 0,
    limner_pictures_unstored: 0,
    'limner_provider_state{provider="ark",state="ok"}': 1,
    'limner_provider_state{provider="ark",state="refused"}': 0,
    [`limner_gate_places{${arkCalls}}`]: 10,
    [`limner_gate_places_taken{${arkCalls}}`]: 0,
    [`limner_http_request_duration_seconds_count{method="POST",route="${path}",status="2xx"}`]: 3,
    [`limner_http_request_duration_seconds_count{method="POST",route="${path}",status="4xx"}`]: 1,
    'limner_http_request_duration_seconds_count{method="GET",route="none",status="4xx"}': 1,
  };
  expect(Object.fromEntries(Object.keys(expected).map((series) => [series, told.value(series)]))).toEqual(
    expected,
  );
  const bytes = await Promise.all(
    (await folder.files('images')).map((file) => readFile(join(folder.path, 'images', file))),
  );
  expect(told.value('limner_image_bytes_stored_total')).toBe(
    bytes.reduce((sum, { length }) => sum + length, 0),
  );
  expect(
    told.value('limner_database_write_duration_seconds_count{operation="insertTask"}'),
  ).toBeGreaterThanOrEqual(3);
  expect(told.value('process_resident_memory_bytes')).toBeGreaterThan(50 * 1024 * 1024);

  for (const secret of [paid, slow, apiKey, ark.apiKey]) expect(told.text).not.toContain(secret);
  expect(await limner.stop()).toBe(0);
});

test(
  'every node of a fleet tells the length of the one queue, and each its own calls',
  { timeout: 60_000 },
  async () => {
    await using folder = await createDataFolder();
    const database = await newPostgresUrl();
    const config = join(folder.path, 'limner.yaml');
    await writeFile(config, 'providers: { sandbox: { concurrency: 2 } }');
    const startNode = (role: 'api' | 'worker'): Promise<LimnerProcess> =>
      startLimner({
        dataDir: join(folder.path, role),
        env: { DATABASE_URL: database, LIMNER_CONFIG: config },
        command: ['src/main.ts', 'serve', '--role', role],
      });
    const [worker, api] = [await startNode('worker'), await startNode('api')];
    for (let count = 0; count < 5; count += 1) {
      await api.api('POST', path, { model: 'sandbox', prompt: 'Later [sandbox:delay=1h]' });
    }

    const taken = 'limner_gate_places_taken{provider="sandbox",upstream_model="sandbox"}';
    for (const node of [worker, api]) {
      const waiting = await eventually(async () => {
        const told = await scrape(node.url);
        return told.value('limner_tasks_waiting') === 3 ? told : undefined;
      }, 'three tasks wait');
      expect(waiting.value(taken)).toBe(node === worker ? 2 : undefined);
    }
    expect((await scrape(api.url)).value('limner_tasks_accepted_total{model="sandbox"}')).toBe(5);
    expect((await worker.api('POST', path, {})).status).toBe(404);
    await Promise.all([worker.stop(), api.stop()]);
  },
);
