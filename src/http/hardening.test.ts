/** What somebody without a key, or with the wrong one, can do to the server: nothing, and not for long. */
import { connect, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../../test/support/eventually.ts';
import { startTestServer, type TestServer } from '../../test/http/test-server.ts';
import { buildOpenApi } from './openapi.ts';

const ORIGIN = 'https://app.example';

let server: TestServer;
let port: number;
beforeAll(async () => {
  server = await startTestServer({
    corsOrigins: [ORIGIN],
    sockets: {
      headersTimeoutMs: 200,
      requestTimeoutMs: 400,
      checkEveryMs: 50,
      silenceMs: 800,
      connections: 20,
    },
  });
  await server.app.listen({ host: '127.0.0.1', port: 0 });
  ({ port } = server.app.server.address() as AddressInfo);
});
afterAll(() => server.close());

/** A connection whose end never throws. */
const open = async (): Promise<Socket> => {
  const socket = connect(port, '127.0.0.1').on('error', () => {});
  await once(socket, 'connect');
  return socket;
};

const connections = (): Promise<number> =>
  new Promise((resolve) => server.app.server.getConnections((_error, count) => resolve(count)));

describe('headers of every answer', () => {
  test.each([
    '/v1/models',
    '/v1/images/generations/nonsense',
    '/nothing/here',
    '/%zz',
    '/healthz',
    '/openapi.json',
    '/docs',
    '/files/img_x.png',
    '/metrics',
  ])('of %s', async (url) => {
    const { headers } = await server.send('GET', url);
    expect(headers).toMatchObject({
      'content-security-policy': expect.stringContaining("default-src 'none'"),
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
      'strict-transport-security': expect.stringContaining('max-age='),
    });
    expect(headers).not.toHaveProperty('server');
    expect(headers).not.toHaveProperty('x-powered-by');
    expect(headers).not.toHaveProperty('access-control-allow-credentials');
  });

  test('promise no certificate where none is known', async () => {
    const own = await startTestServer({ publicUrl: 'http://pictures.example' });
    expect((await own.send('GET', '/healthz')).headers).not.toHaveProperty('strict-transport-security');
    await own.close();
  });
});

describe('pages of other origins', () => {
  const ask = (method: 'GET' | 'OPTIONS', url: string, origin: string) =>
    server.send(method, url, {
      headers: { origin, ...(method === 'OPTIONS' && { 'access-control-request-method': 'POST' }) },
    });

  test.each([
    ['/v1/models', ORIGIN, ORIGIN],
    ['/v1/models', 'https://evil.example', undefined],
    ['/v1/models', `${ORIGIN}.evil.example`, undefined],
    ['/v1/models', 'null', undefined],
    ['/v1/nothing', ORIGIN, ORIGIN],
    ['/admin/v1/keys', 'https://evil.example', undefined],
    ['/openai/v1/models', 'https://evil.example', '*'],
  ])('%s from %s', async (url, origin, allowed) => {
    const answer = await ask('GET', url, origin);
    expect(answer.headers['access-control-allow-origin']).toBe(allowed);
    expect(answer.headers.vary).toBe(allowed === '*' ? undefined : 'origin');
    const preflight = await ask('OPTIONS', url, origin);
    expect(preflight.headers['access-control-allow-origin']).toBe(allowed);
    expect(preflight.headers['access-control-allow-methods'] !== undefined).toBe(allowed !== undefined);
  });

  test('are let in nowhere but under /openai by default', async () => {
    const own = await startTestServer();
    const headers = { origin: ORIGIN };
    const [closed, isOpen] = await Promise.all([
      own.send('GET', '/v1/models', { headers }),
      own.send('GET', '/openai/v1/models', { headers }),
    ]);
    expect(closed.headers).not.toHaveProperty('access-control-allow-origin');
    expect(isOpen.headers['access-control-allow-origin']).toBe('*');
    await own.close();
  });
});

describe('a client that takes its time', () => {
  const slow: readonly [string, string, number | undefined][] = [
    ['says nothing', '', 408],
    ['never ends its headers', 'GET /healthz HTTP/1.1\r\nHost: a\r\nX-', 408],
    [
      'never ends its body',
      'POST /v1/images/generations HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer KEY\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{',
      408,
    ],
    [
      'never ends a body that nobody wants',
      'POST /v1/images/generations HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n',
      401,
    ],
    [
      'never ends a form',
      'POST /openai/v1/images/edits HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer KEY\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: 1000\r\n\r\n--x\r\n',
      408,
    ],
  ];
  test.each(slow)('and %s is left', async (_what, head, status) => {
    const socket = await open();
    const startedAt = performance.now();
    socket.write(head.replace('KEY', server.keys.user));
    // A byte now and then is no excuse.
    const dripping = setInterval(() => head === '' || socket.write('a'), 50);
    const answer = await text(socket).finally(() => clearInterval(dripping));
    expect(performance.now() - startedAt).toBeLessThan(5_000);
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  });

  test('and reads nothing of its answers is left', async () => {
    const socket = await open();
    socket.pause();
    socket.write('GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(200));
    await eventually(async () => ((await connections()) === 0 ? undefined : true), 'the connection is there');
    await eventually(
      async () => ((await connections()) === 0 ? true : undefined),
      'the connection is closed',
    );
    expect(await connections()).toBe(0);
    socket.destroy();
  });

  test('keeps nobody else out', async () => {
    const sockets = await Promise.all(Array.from({ length: 15 }, open));
    for (const socket of sockets) socket.write('GET /healthz HTTP/1.1\r\nHost: a\r\nX-Slow: ');
    expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
    for (const socket of sockets) socket.destroy();
  });
});

test('more connections than the server takes are closed at once', async () => {
  const sockets = await Promise.all(Array.from({ length: 40 }, open));
  await Promise.all(sockets.slice(20).map(async (socket) => socket.closed || once(socket.resume(), 'close')));
  expect(await connections()).toBe(20);
  for (const socket of sockets) socket.destroy();
});

test('more headers than anybody needs are refused', async () => {
  const many = Object.fromEntries(Array.from({ length: 120 }, (_, place) => [`x-${place}`, 'a']));
  const answer = await fetch(`http://127.0.0.1:${port}/v1/models`, { headers: many });
  expect([answer.status, await answer.json()]).toMatchObject([413, { error: { code: 'payload_too_large' } }]);
});

describe('objects of others', () => {
  interface Operation {
    readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
    readonly path: string;
  }

  /** Every route of the interface with an id in its path. */
  const routesWithIds = async (): Promise<readonly Operation[]> => {
    const { paths } = (await buildOpenApi('0')) as { paths: Record<string, object> };
    return Object.entries(paths)
      .filter(([path]) => path.includes('{'))
      .flatMap(([path, methods]) =>
        Object.keys(methods).map((method) => ({ method: method.toUpperCase() as 'GET', path })),
      );
  };

  const id = (prefix: string, body: string): string => `${prefix}_${body.padEnd(26, '0')}`;

  test('look like objects that are not there, on every route with an id', async () => {
    const task = await server.create({ webhook_url: 'https://hooks.example/a' });
    await server.fail(task, { code: 'cancelled', message: '-', retryable: false });
    const endpoint = (
      await server.send('POST', '/v1/webhooks/endpoints', { body: { url: 'https://hooks.example/' } })
    ).json<{ id: string }>().id;
    const [delivery] = (await server.send('GET', '/v1/webhooks/deliveries')).json<{
      data: { id: string }[];
    }>().data;
    const own: Readonly<Record<string, string>> = {
      task_id: task,
      endpoint_id: endpoint,
      delivery_id: delivery?.id ?? '',
      key_id: server.keys.userKey.id,
    };
    const others: Readonly<Record<string, string>> = {
      model: 'one that everybody may see',
      image: 'told by its signature',
    };
    const routes = await routesWithIds();
    expect(routes.length).toBeGreaterThanOrEqual(12);
    for (const { method, path } of routes) {
      const parameter = /\{(\w+)\}/.exec(path)?.[1] ?? '';
      if (others[parameter] !== undefined) continue;
      const known = own[parameter];
      expect(known, `a known ${parameter}`).toMatch(/^\w+_\w{26}$/);
      const ask = async (value: string) => {
        const answer = await server.send(method, path.replace(`{${parameter}}`, value), {
          key: server.keys.stranger,
          ...(method !== 'GET' && method !== 'DELETE' && { body: {} }),
        });
        const { error } = answer.json<{ error: { request_id?: string } }>();
        return {
          status: answer.statusCode,
          headers: Object.keys(answer.headers).toSorted(),
          error: { ...error, request_id: '' },
        };
      };
      const foreign = await ask(known ?? '');
      expect(foreign.status).toBe(path.startsWith('/admin') ? 403 : 404);
      const prefix = known?.split('_', 1)[0] ?? '';
      for (const value of [
        id(prefix, '01kdy05p62'),
        'nonsense',
        "'%20or%201=1--",
        '%00',
        '..%2f..',
        'a'.repeat(900),
      ]) {
        expect([path, method, value, await ask(value)]).toEqual([path, method, value, foreign]);
      }
    }
  });

  test('are no places in a list either', async () => {
    const task = await server.create();
    const list = async (after: string): Promise<string> => {
      const url = `/v1/images/generations?after=${after}`;
      const answer = await server.send('GET', url, { key: server.keys.stranger });
      return answer.body.replace(/req_\w+/, '');
    };
    expect(await list(task)).toBe(await list(id('task', '01kdy05p62')));
  });
});
