import { connect, type AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../../test/http/test-server.ts';
import { catalogue } from '../core/errors.ts';
import { createLogger } from '../observe/logger.ts';

const lines: string[] = [];
let server: TestServer;
beforeAll(async () => {
  const logger = createLogger({ level: 'debug', destination: { write: (line) => lines.push(line) } });
  server = await startTestServer({ logger });
  await server.app.listen({ host: '127.0.0.1', port: 0 });
});
afterAll(() => server.close());

/** Sends these very bytes and reads until the server closes the connection. */
const exchange = (text: string): Promise<string> =>
  new Promise((resolve, reject) => {
    let answer = '';
    connect((server.app.server.address() as AddressInfo).port, '127.0.0.1')
      .setEncoding('utf8')
      .on('data', (chunk: string) => (answer += chunk))
      .on('end', () => resolve(answer))
      .on('error', reject)
      .end(text);
  });

const errorOf = (answer: string) => {
  const { error } = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4)) as { error: { code: string } };
  expect(catalogue).toHaveProperty(error.code);
  expect(Object.keys(error)).toEqual(expect.arrayContaining(['message', 'type', 'param', 'code']));
  return error;
};

describe('what no route takes', () => {
  test.each([
    ['GET', '/', 404, 'route_not_found'],
    ['POST', '/v1/images/generation', 404, 'route_not_found'],
    ['PUT', '/v1/images/generations', 405, 'method_not_allowed'],
    ['DELETE', '/v1/models/x', 405, 'method_not_allowed'],
    ['GET', '/v1/images/generations/x/cancel', 405, 'method_not_allowed'],
  ] as const)('%s %s', async (method, url, status, code) => {
    const answer = await server.app.inject({
      method,
      url,
      payload: '<a>',
      headers: { 'content-type': 'text/xml' },
    });
    expect(answer.statusCode).toBe(status);
    expect(answer.json()).toMatchObject({ error: { code, request_id: answer.headers['x-request-id'] } });
  });

  test('tells what an address takes', async () => {
    const wrong = await server.app.inject({ method: 'PATCH', url: '/v1/images/generations' });
    expect(wrong.headers.allow).toBe('POST, GET, HEAD, OPTIONS');
    const asked = await server.app.inject({ method: 'OPTIONS', url: '/v1/images/generations' });
    expect([asked.statusCode, asked.headers.allow]).toEqual([204, 'POST, GET, HEAD, OPTIONS']);
  });

  test('an address that is not valid', async () => {
    const answer = await server.app.inject('/v1/models/%zz');
    expect(answer.statusCode).toBe(400);
    expect(answer.json()).toMatchObject({ error: { code: 'invalid_parameter' } });
  });
});

describe('what is no HTTP', () => {
  const host = 'Host: a\r\nConnection: close\r\n';

  test('nonsense', async () => {
    const answer = await exchange('hello\r\n\r\n');
    expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(errorOf(answer).code).toBe('invalid_parameter');
  });

  test('headers without end', async () => {
    const answer = await exchange(`GET /healthz HTTP/1.1\r\n${host}x: ${'y'.repeat(20_000)}\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 431 /);
    expect(errorOf(answer).code).toBe('payload_too_large');
  });

  test('two Authorization headers', async () => {
    const key = `Authorization: Bearer ${server.keys.user}\r\n`;
    const answer = await exchange(`GET /v1/models HTTP/1.1\r\n${host}${key}${key}\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(errorOf(answer)).toMatchObject({ code: 'invalid_parameter', param: 'Authorization' });
  });

  test('a method that nobody knows', async () => {
    const answer = await exchange(`PROPFIND /v1/models HTTP/1.1\r\n${host}\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 40[45] /);
    errorOf(answer);
  });
});

describe('health', () => {
  test('is ready when start-up is complete, until it drains', async () => {
    const own = await startTestServer();
    const statusOf = async (url: string) => {
      const answer = await own.app.inject(url);
      return [answer.statusCode, answer.json<{ status: string }>().status];
    };
    own.setReady(false);
    expect(await statusOf('/readyz')).toEqual([503, 'starting']);
    own.setReady(true);
    expect(await statusOf('/readyz')).toEqual([200, 'ok']);
    own.draining.abort();
    expect(await statusOf('/readyz')).toEqual([503, 'draining']);
    expect(await statusOf('/healthz')).toEqual([200, 'ok']);
    await own.close();
  });

  test('tells which providers cannot serve, and is ready all the same', async () => {
    const own = await startTestServer();
    own.setProviders([
      { name: 'ark', state: 'ok' },
      { name: 'hand', state: 'refused', reason: 'provider_quota_exhausted', sinceMs: 1_767_225_600_900 },
    ]);
    const ready = await own.app.inject('/readyz');
    expect([ready.statusCode, ready.json()]).toEqual([
      200,
      {
        status: 'degraded',
        providers: [
          { name: 'ark', state: 'ok' },
          { name: 'hand', state: 'refused', reason: 'provider_quota_exhausted', since: 1_767_225_600 },
        ],
      },
    ]);
    const model = await own.send('GET', '/v1/models/seedream-3.0');
    expect(model.json()).toMatchObject({ available: false });
    own.setProviders([{ name: 'hand', state: 'ok' }]);
    expect((await own.send('GET', '/v1/models/seedream-3.0')).json()).toMatchObject({ available: true });
    await own.close();
  });
});

describe('links', () => {
  test('lead to where the server listens when nothing is configured, whatever Host says', async () => {
    const own = await startTestServer({ publicUrl: undefined as never });
    await own.app.listen({ host: '127.0.0.1', port: 0 });
    const { port } = own.app.server.address() as AddressInfo;
    const id = await own.create();
    await own.complete(id, [new Uint8Array(3)]);
    const answer = await own.send('GET', `/v1/images/generations/${id}`, {
      headers: { host: 'evil.example' },
    });
    expect(answer.body).toContain(`http://127.0.0.1:${port}/files/img_`);
    await own.close();
  });
});

test('a fault of ours is told in the log, not in the answer', async () => {
  const id = await server.create({ response_format: 'b64_json' });
  const [image] = await server.complete(id, [new Uint8Array(3)]);
  await server.parts.images.delete(image?.key ?? '');
  const answer = await server.send('GET', `/v1/images/generations/${id}`);
  expect(answer.statusCode).toBe(500);
  expect(
    lines.find(
      (line) => line.includes(String(answer.headers['x-request-id'])) && line.includes('"level":"error"'),
    ),
  ).toBeDefined();
  expect(answer.body).not.toContain('at ');
});

test('no key and no signature ever reaches the log', async () => {
  const id = await server.create();
  await server.complete(id, [new Uint8Array(3)]);
  const task = (await server.send('GET', `/v1/images/generations/${id}`)).json<{
    images: { url: string }[];
  }>();
  const link = new URL(task.images[0]?.url ?? '');
  await server.app.inject(`${link.pathname}${link.search}`);
  const log = lines.join('');
  expect(log).toContain(link.pathname);
  for (const secret of [server.keys.user, server.keys.admin, link.searchParams.get('signature') ?? '']) {
    expect(log).not.toContain(secret);
  }
});
