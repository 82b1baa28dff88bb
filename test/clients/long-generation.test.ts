/** A proxy that gives up on a silent server must not cut off a slow picture. */
import { createServer, request } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import OpenAI from 'openai';
import OpenAI6 from 'openai-6';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApp, type RunningApp } from '../support/app.ts';
import { createHurriedClock } from '../support/hurried-clock.ts';
import { measure } from '../support/pictures.ts';

/** The program's clock is ten times as fast: it has 80 seconds of work in 8, and says that it is there after 2.5. */
const TIMES = 10;
const READ_TIMEOUT_MS = 3_000;

/** Passes everything on, and gives up after three seconds without a byte, as nginx does after sixty. */
const startProxy = async (target: string) => {
  const proxy = createServer((incoming, outgoing) => {
    const { method, url, headers } = incoming;
    const upstream = request(new URL(url ?? '/', target), { method, headers, timeout: READ_TIMEOUT_MS });
    upstream
      .on('timeout', () => upstream.destroy(new Error('read timeout')))
      .on('error', () => {
        if (outgoing.headersSent) outgoing.destroy();
        else outgoing.writeHead(504).end();
      })
      .on('response', (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.on('error', () => outgoing.destroy()).pipe(outgoing);
      });
    incoming.pipe(upstream);
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const { port } = proxy.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: () => {
      proxy.closeAllConnections();
      proxy.close();
    },
  };
};

let limner: RunningApp;
let proxy: Awaited<ReturnType<typeof startProxy>>;
beforeAll(async () => {
  limner = await startApp(
    'providers: { sandbox: { adapter: sandbox, concurrency: 8 } }',
    createHurriedClock(TIMES),
  );
  proxy = await startProxy(await limner.app.listen());
});
afterAll(async () => {
  proxy.close();
  await limner[Symbol.asyncDispose]();
});

const slow = { model: 'dall-e-3', prompt: 'Slowly [sandbox:delay=80s]' } as const;

describe.each([
  ['openai 7', OpenAI],
  ['openai 6', OpenAI6 as unknown as typeof OpenAI],
])('%s', { concurrent: true, timeout: 30_000 }, (_name, Client) => {
  const connect = () => new Client({ apiKey: limner.key, baseURL: `${proxy.url}/openai/v1`, maxRetries: 0 });

  test('gets a picture that takes longer than the proxy waits', async () => {
    const begunMs = performance.now();
    const answer = await connect().images.generate({ ...slow, response_format: 'b64_json' });
    expect(performance.now() - begunMs).toBeGreaterThan(2 * READ_TIMEOUT_MS);
    expect(await measure(Buffer.from(answer.data?.[0]?.b64_json ?? '', 'base64'))).toEqual({
      size: '1024x1024',
      format: 'png',
    });
  });

  test('gets it as an event too', async () => {
    const stream = await connect().images.generate({ ...slow, stream: true });
    expect(await Array.fromAsync(stream)).toMatchObject([{ type: 'image_generation.completed' }]);
  });
});

test('the proxy does cut off what stays silent', async () => {
  const answer = await fetch(`${proxy.url}/v1/images/generations`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${limner.key}`,
      'content-type': 'application/json',
      prefer: 'wait=100',
    },
    body: JSON.stringify(slow),
  });
  expect(answer.status).toBe(504);
});
