import { afterEach, beforeEach, expect, test } from 'vitest';
import { startEmulator } from './emulator.ts';
import type { Emulator } from './emulator.ts';
import { Ledger } from './ledger.ts';
import { jsonReply } from './reply.ts';
import { TokenBucket } from './token-bucket.ts';
import { createTriggerWords } from './trigger-words.ts';

let emulator: Emulator;

beforeEach(async () => {
  const ledger = new Ledger();
  emulator = await startEmulator({
    name: 'plain',
    ledger,
    faultNames: ['vendor_fault'],
    routes: [
      {
        operation: 'generate',
        method: 'POST',
        path: '/draw',
        handle: (exchange) => {
          ledger.record({ id: '1', at: 0, model: 'm', images: 2, prompt: exchange.body.toString() });
          return jsonReply(200, { text: 'x'.repeat(100), fault: exchange.fault?.fault });
        },
      },
      { operation: 'query', method: 'GET', path: /^\/task\//, handle: () => jsonReply(200, {}) },
      {
        operation: 'broken',
        path: '/broken',
        handle: () => {
          throw new Error('a bug');
        },
      },
    ],
  });
});

afterEach(() => emulator.close());

const draw = (body = 'a cat', signal?: AbortSignal): Promise<Response> =>
  fetch(`${emulator.origin}/draw`, { method: 'POST', body, ...(signal && { signal }) });
const control = (method: string, path: string, body?: unknown): Promise<Response> =>
  fetch(`${emulator.origin}/__emulator${path}`, {
    method,
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });

test('an unknown path or method is 404 with an empty body', async () => {
  for (const [method, path] of [
    ['GET', '/nowhere'],
    ['GET', '/draw'],
  ] as const) {
    const response = await fetch(emulator.origin + path, { method });
    expect([response.status, await response.text()]).toEqual([404, '']);
  }
});

test('the ledger is told over HTTP and reset', async () => {
  await draw();
  expect(await (await control('GET', '/ledger')).json()).toEqual({
    charges: [{ id: '1', at: 0, model: 'm', images: 2, prompt: 'a cat' }],
    images: 2,
  });
  expect((await control('DELETE', '/ledger')).status).toBe(204);
  expect(emulator.ledger.charges).toEqual([]);
});

test('the request log shows method, path, headers and body, without secrets and without long base64', async () => {
  const image = `data:image/png;base64,${'iVBORw0KGgo'.repeat(100)}`;
  await fetch(`${emulator.origin}/draw?a=1`, {
    method: 'POST',
    headers: {
      authorization: 'Bearer very-secret',
      'api-key': 'also-secret',
      'content-type': 'application/json',
    },
    body: JSON.stringify({ prompt: 'a cat', image }),
  });
  const { requests } = (await (await control('GET', '/requests')).json()) as { requests: unknown[] };
  expect(requests).toMatchObject([
    {
      method: 'POST',
      path: '/draw?a=1',
      headers: {
        authorization: 'Bearer [secret]',
        'api-key': '[secret]',
        'content-type': 'application/json',
      },
      body: {
        prompt: 'a cat',
        image: expect.stringMatching(/^data:image\/png;base64,iVBOR.{37}…\[1122 characters\]$/),
      },
    },
  ]);
  expect(JSON.stringify(requests)).not.toContain('very-secret');
  expect(JSON.stringify(requests)).not.toContain('also-secret');
  await control('DELETE', '/requests');
  expect(emulator.requests.all).toEqual([]);
});

test('a bug in an emulator is a 599, which no vendor sends', async () => {
  const response = await fetch(`${emulator.origin}/broken`);
  expect(response.status).toBe(599);
  expect(await response.text()).toContain('a bug');
});

test('faults are met in order, as often as told, by the operation they name', async () => {
  const put = await control('PUT', '/faults', [
    { match: 'query', fault: 'html_502' },
    { fault: 'html_503', times: 2 },
    { fault: 'html_504', times: 'always' },
  ]);
  expect(put.status).toBe(200);
  const statuses: number[] = [];
  for (let call = 0; call < 4; call += 1) statuses.push((await draw()).status);
  expect(statuses).toEqual([503, 503, 504, 504]);
  expect((await fetch(`${emulator.origin}/task/1`)).status).toBe(502);
  expect((await fetch(`${emulator.origin}/task/1`)).status).toBe(200);
  expect(await (await control('GET', '/faults')).json()).toEqual({
    faults: [{ fault: 'html_504', times: 'always' }],
  });
  await control('DELETE', '/faults');
  expect((await draw()).status).toBe(200);
});

test.each([
  [{ fault: 'slow' }, 'a list'],
  [[{ fault: 'no_such' }], '"fault" is one of slow'],
  [[{ fault: 'slow', match: 'nothing' }], '"match" is one of generate, query'],
  [[{ fault: 'slow', times: 0 }], 'bad "times"'],
  [[{ fault: 'slow', delay: 1 }], 'no field "delay"'],
  [['slow'], 'not an object'],
])('the fault script %j is refused', async (script, problem) => {
  const response = await control('PUT', '/faults', script);
  expect(response.status).toBe(400);
  expect(((await response.json()) as { error: string }).error).toContain(problem);
});

test.each([
  { fault: 'drop_before', charged: 0 },
  { fault: 'drop_after', charged: 1 },
])('$fault closes the socket with $charged charges', async ({ fault, charged }) => {
  emulator.faults.set([{ fault }]);
  await expect(draw()).rejects.toThrow('fetch failed');
  expect(emulator.ledger.charges).toHaveLength(charged);
});

test.each([
  { fault: 'html_502', status: 502, body: /<h1>502 Bad Gateway<\/h1>/, charged: 0 },
  { fault: 'charge_then_502', status: 502, body: /<h1>502 Bad Gateway<\/h1>/, charged: 1 },
  { fault: 'empty_200', status: 200, body: /^$/, charged: 0 },
  { fault: 'truncated_json', status: 200, body: /^\{"text":"x+$/, charged: 1 },
  { fault: 'vendor_fault', status: 200, body: /"fault":"vendor_fault"/, charged: 1 },
])('$fault answers $status with $charged charges', async ({ fault, status, body, charged }) => {
  emulator.faults.set([{ fault }]);
  const response = await draw();
  expect(response.status).toBe(status);
  expect(await response.text()).toMatch(body);
  expect(emulator.ledger.charges).toHaveLength(charged);
});

test('hang never answers, and closing the emulator ends it', async () => {
  emulator.faults.set([{ fault: 'hang' }]);
  const hanging = draw();
  while (emulator.requests.all.length === 0) await control('GET', '');
  await emulator.close();
  await expect(hanging).rejects.toThrow('fetch failed');
});

test('slow waits and then goes on', async () => {
  emulator.faults.set([{ fault: 'slow', delayMs: 80 }]);
  const start = performance.now();
  expect((await draw()).status).toBe(200);
  expect(performance.now() - start).toBeGreaterThanOrEqual(75);
});

test('a taken port rejects', async () => {
  const again = startEmulator({
    name: 'x',
    port: emulator.port,
    ledger: new Ledger(),
    routes: [],
    faultNames: [],
  });
  await expect(again).rejects.toThrow('EADDRINUSE');
});

test('a token bucket refills with time and takes all or nothing', () => {
  let now = 0;
  const bucket = new TokenBucket(60, () => now);
  expect(bucket.take(59)).toBe(true);
  expect(bucket.take(2)).toBe(false);
  now = 1000;
  expect(bucket.take(2)).toBe(true);
  expect(bucket.take(1)).toBe(false);
});

test('trigger words name faults, aliases, delays and once-only faults', () => {
  const read = createTriggerWords(['partial', 'link_500_once'], { half: 'partial' });
  expect(read('a cat')).toBeUndefined();
  expect(read('a __no_such__ cat')).toBeUndefined();
  expect(read('a __partial__ cat')).toEqual({ fault: 'partial' });
  expect(read('a __half__ cat')).toEqual({ fault: 'partial' });
  expect(read('__slow_40s__')).toEqual({ fault: 'slow', delayMs: 40_000 });
  expect(read('__slow_5ms__ __partial__')).toEqual({ fault: 'partial', delayMs: 5 });
  expect([read('__partial_once__'), read('__partial_once__')]).toEqual([{ fault: 'partial' }, undefined]);
  expect([read('__link_500_once__'), read('__link_500_once__')]).toEqual(
    Array(2).fill({ fault: 'link_500_once' }),
  );
});
