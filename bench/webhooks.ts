/** What telling of an ending adds to a task. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { apiKey, type Measured, runLoad, startLimner } from './processes.ts';
import { cpuMs } from './process-figures.ts';
import { startRefusingUpstream } from './refusing-upstream.ts';

const TASKS = 2_000;
const ROUNDS = 5;

/** Answers every webhook with 204, and counts them. */
const startReceiver = async () => {
  let received = 0;
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      received += 1;
      response.writeHead(204).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    host,
    url: `http://${host}/hook`,
    get received() {
      return received;
    },
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};

/** CPU of the gateway for one task that is accepted, refused by the upstream and ended. */
const cpuOfTask = async (limner: Measured, webhookUrl: string | undefined): Promise<number> => {
  const before = cpuMs(limner.pid);
  const { failures } = await runLoad({
    url: `${limner.origin}/v1/images/generations`,
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'seedream-3.0',
      prompt: 'A paper boat in the rain',
      size: '1024x1024',
      ...(webhookUrl !== undefined && { webhook_url: webhookUrl }),
    }),
    connections: 16,
    requests: TASKS,
  });
  if (failures > 0) throw new Error(`${failures} tasks were refused`);
  await quiet(limner);
  return (cpuMs(limner.pid) - before) / TASKS;
};

/** Waits until the process does nothing to speak of. */
const quiet = async ({ pid }: Measured): Promise<void> => {
  for (let before = -1; cpuMs(pid) - before > 10;) {
    before = cpuMs(pid);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
};

/** Runs it; `say` prints a line. */
export const measureWebhooks = async (say: (line: string) => void): Promise<void> => {
  const upstream = await startRefusingUpstream();
  upstream.open();
  const receiver = await startReceiver();
  const limner = await startLimner({
    port: 9485,
    env: {
      ...upstream.environment,
      LIMNER_CONFIG: join(import.meta.dirname, 'webhooks.yaml'),
      LIMNER_FETCH_ALLOW: receiver.host,
    },
  });
  const added: number[] = [];
  // The first round only warms up.
  for (let round = 0; round <= ROUNDS; round += 1) {
    const silent = await cpuOfTask(limner, undefined);
    const before = receiver.received;
    const told = await cpuOfTask(limner, receiver.url);
    const received = receiver.received - before;
    if (received !== TASKS) throw new Error(`${received} of ${TASKS} endings were told`);
    if (round === 0) continue;
    added.push(told - silent);
    say(`webhooks: CPU ${silent.toFixed(2)} ms a task, ${told.toFixed(2)} ms with a webhook`);
  }
  added.sort((one, other) => one - other);
  say(`webhooks: ${(added[added.length >> 1] ?? 0).toFixed(2)} ms CPU added by each (median of ${ROUNDS})`);
  await limner.stop();
  await upstream.close();
  await receiver.close();
};
