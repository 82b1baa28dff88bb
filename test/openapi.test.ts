/**
 * The document and the server are one: every response that `openapi.json` tells of is brought about, every answer on the
 * way fits what it says, and every example of a request is taken.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { catalogue, LimnerError, type TaskErrorCode } from '../src/core/errors.ts';
import { createServer, type Server } from '../src/http/server.ts';
import { eventually } from './support/eventually.ts';
import { startTestServer, type TestServer } from './http/test-server.ts';

interface Described {
  readonly description: string;
  readonly content?: Readonly<Record<string, { readonly schema?: object }>>;
}
interface Operation {
  readonly operationId: string;
  readonly security: readonly object[];
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, Content>> };
  readonly responses: Readonly<Record<string, Described>>;
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
}
interface Content {
  readonly schema: object;
  readonly example?: object;
  readonly examples?: Readonly<Record<string, { readonly value: object }>>;
}

const document = JSON.parse(readFileSync(join(import.meta.dirname, '../openapi.json'), 'utf8')) as {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Omit<Operation, 'method' | 'path'>>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, { readonly examples?: readonly object[] }>>;
  };
};
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(
    ([method, operation]) => ({ ...operation, path, method: method.toUpperCase() }) as Operation,
  ),
);
const operationOf = (id: string): Operation => {
  const found = operations.find(({ operationId }) => operationId === id);
  if (found === undefined) throw new Error(`the document has no operation ${id}`);
  return found;
};
const named = operations.map((operation) => [operation.operationId, operation] as const);

const ajv = new Ajv2020({ strict: false, validateFormats: false });
ajv.addSchema(document, 'document');
const pointer = (...names: readonly string[]): string =>
  names.map((name) => encodeURIComponent(name.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/');

/** `operation status` of every response that has been brought about. */
const seen = new Set<string>();

interface Call {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: string;
  readonly key?: string | null;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Which server is asked. */
  readonly app?: Server;
}

/** Asks the operation, and holds the answer against the document. */
const replay = async (operation: Operation, call: Call = {}) => {
  const { operationId, method, path, responses } = operation;
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => call.params?.[name] ?? 'nothing');
  const { key = isAdmin(operation) ? server.keys.admin : server.keys.user } = call;
  const answer = await (call.app ?? server.app).inject({
    method,
    url: `${filled}${call.query ?? ''}`,
    headers: { ...(key !== null && { authorization: `Bearer ${key}` }), ...call.headers },
    ...(call.body !== undefined && { payload: call.body as object }),
  });
  const { statusCode, body } = answer;
  const described = responses[String(statusCode)];
  expect(described, `${operationId} answered ${statusCode}: ${body.slice(0, 300)}`).toBeDefined();
  seen.add(`${operationId} ${statusCode}`);
  const type = String(answer.headers['content-type'] ?? '').split(';')[0] ?? '';
  if (body === '' || statusCode === 206) return answer;
  const content = described?.content ?? {};
  expect(Object.keys(content).some((name) => name === type || name === '*/*' || name.endsWith('/*'))).toBe(
    true,
  );
  if (type !== 'application/json') return answer;
  const place = pointer(
    'paths',
    path,
    method.toLowerCase(),
    'responses',
    String(statusCode),
    'content',
    type,
    'schema',
  );
  const isFit = ajv.validate({ $ref: `document#/${place}` }, answer.json());
  expect(isFit, `${operationId} ${statusCode}: ${ajv.errorsText()} in ${body.slice(0, 300)}`).toBe(true);
  const code = answer.json<{ error?: { code?: string } }>().error?.code;
  if (statusCode >= 400 && code !== undefined) expect(described?.description).toContain(`\`${code}\``);
  return answer;
};

const isKeyed = ({ security }: Operation): boolean => security.length > 0;
const isAdmin = ({ path }: Operation): boolean => path.startsWith('/admin/');
const jsonOf = ({ requestBody }: Operation): Content | undefined => requestBody?.content['application/json'];

/** The examples of what may be sent. */
const examplesOf = (operation: Operation): readonly object[] => {
  const { example, examples = {} } = jsonOf(operation) ?? {};
  return [...(example === undefined ? [] : [example]), ...Object.values(examples).map(({ value }) => value)];
};

let server: TestServer;
let broken: Server;
let away: Server;
let draining: TestServer;
let full: TestServer;

beforeAll(async () => {
  server = await startTestServer();
  const failing = (fault: Error) => {
    const fail = () => Promise.reject(fault);
    const { parts } = server;
    return createServer({
      ...parts,
      keys: { ...parts.keys, authenticate: fail },
      tasks: { ...parts.tasks, image: fail },
    });
  };
  broken = await failing(new Error('broken'));
  away = await failing(new LimnerError('database_unavailable', 'The database cannot be reached.'));
  [draining, full] = await Promise.all([startTestServer(), startTestServer({ queueLimit: 0 })]);
  draining.draining.abort();
});
afterAll(async () => {
  await Promise.all([broken.close(), away.close()]);
  await Promise.all([server.close(), draining.close(), full.close()]);
});

const picture = sharp({ create: { width: 8, height: 8, channels: 3, background: 'teal' } })
  .png()
  .toBuffer();
const valid = { model: 'seedream-3.0', prompt: 'A red fox' };

const makeKey = async (settings: object): Promise<string> => {
  const body = { name: `key ${Math.random()}`, role: 'admin', ...settings };
  const made = await server.send('POST', '/admin/v1/keys', { key: server.keys.admin, body });
  return made.json<{ key: string }>().key;
};

describe.each(named.filter(([, operation]) => isKeyed(operation)))('%s', (_id, operation) => {
  test('wants a key that is known', async () => {
    expect((await replay(operation, { key: null })).statusCode).toBe(401);
    expect((await replay(operation, { key: 'not-a-key' })).statusCode).toBe(401);
  });

  test('is closed to addresses that the key may not be used from', async () => {
    const key = await makeKey({ allowed_ips: ['10.0.0.0/8'] });
    expect((await replay(operation, { key })).statusCode).toBe(403);
  });

  test('is not answered more often than the key allows', async () => {
    const key = await makeKey({ requests_per_minute: 1 });
    await server.send('GET', '/v1/models', { key });
    expect((await replay(operation, { key })).statusCode).toBe(429);
  });

  test('says so when something breaks, or the database is away', async () => {
    expect((await replay(operation, { app: broken })).statusCode).toBe(500);
    expect((await replay(operation, { app: away })).statusCode).toBe(503);
  });
});

test.each(named.filter(([, operation]) => isAdmin(operation)))(
  '%s is for keys with the role admin',
  async (_id, operation) => {
    expect((await replay(operation, { key: server.keys.user })).statusCode).toBe(403);
  },
);

describe.each(named.filter(([, operation]) => jsonOf(operation) !== undefined))('%s', (_id, operation) => {
  const headers = { 'content-type': 'application/json' };

  test('refuses what is no JSON, what is something else, and what is too large', async () => {
    expect((await replay(operation, { body: '{', headers })).statusCode).toBe(400);
    const text = { body: 'hello', headers: { 'content-type': 'text/plain' } };
    expect((await replay(operation, text)).statusCode).toBe(415);
    const large = JSON.stringify({ prompt: 'x'.repeat(21 * 1024 * 1024) });
    expect((await replay(operation, { body: large, headers })).statusCode).toBe(413);
  });
});

test.each(named.filter(([, { parameters = [] }]) => parameters.some((each) => each.in === 'query')))(
  '%s refuses a parameter that it does not know',
  async (_id, operation) => {
    const query = isKeyed(operation) ? '?nonsense=1' : '';
    const call = { query };
    expect([400, 404]).toContain((await replay(operation, call)).statusCode);
  },
);

test.each(named.filter(([, { parameters = [] }]) => parameters.some((each) => each.in === 'path')))(
  '%s does not find what is not there',
  async (_id, operation) => {
    const body = jsonOf(operation) === undefined ? {} : { body: {} };
    expect((await replay(operation, body)).statusCode).toBe(404);
  },
);

test.each(Object.entries(document.components.schemas).filter(([, { examples }]) => examples !== undefined))(
  'the examples of %s fit it',
  (name, { examples = [] }) => {
    for (const example of examples) {
      const isFit = ajv.validate({ $ref: `document#/components/schemas/${name}` }, example);
      expect(isFit, `${ajv.errorsText()} in ${JSON.stringify(example)}`).toBe(true);
    }
  },
);

/** Asks an operation that waits for its task, and ends the task meanwhile. */
const whileWaiting = async (operation: Operation, call: Call, end: (taskId: string) => Promise<unknown>) => {
  const idsOf = async (): Promise<readonly string[]> => {
    const page = await server.parts.tasks.list({ keyId: server.keys.userKey.id, limit: 100 });
    return page.tasks.map(({ id }) => id);
  };
  const before = new Set(await idsOf());
  const answering = replay(operation, call);
  const taskId = await eventually(
    async () => (await idsOf()).find((id) => !before.has(id)),
    'a task is made',
  );
  await end(taskId);
  return answering;
};

describe('what is taken', () => {
  const endpointOf = async (): Promise<string> => {
    const body = { url: 'https://shop.example/hooks' };
    return (await server.send('POST', '/v1/webhooks/endpoints', { body })).json<{ id: string }>().id;
  };
  const keyOf = async (): Promise<string> => {
    const body = { name: `key ${Math.random()}` };
    const made = await server.send('POST', '/admin/v1/keys', { key: server.keys.admin, body });
    return made.json<{ id: string }>().id;
  };
  const done = async (): Promise<string> => {
    const id = await server.create();
    await server.complete(id, [await picture]);
    return id;
  };

  /** What each operation is asked with to succeed; those that are not here need nothing. */
  const calls: Readonly<Record<string, () => Promise<Call>>> = {
    getImageTask: async () => ({ params: { task_id: await done() } }),
    deleteImageTask: async () => ({ params: { task_id: await done() } }),
    cancelImageTask: async () => ({ params: { task_id: await server.create() } }),
    followImageTask: async () => ({ params: { task_id: await done() } }),
    listImageTasks: async () => ({ query: '?limit=2&status=completed&model=seedream-3.0&created_after=0' }),
    getModel: async () => ({ params: { model: 'keling' } }),
    openaiReadModel: async () => ({ params: { model: 'keling' } }),
    getWebhookEndpoint: async () => ({ params: { endpoint_id: await endpointOf() } }),
    deleteWebhookEndpoint: async () => ({ params: { endpoint_id: await endpointOf() } }),
    rotateWebhookEndpointSecret: async () => ({ params: { endpoint_id: await endpointOf() } }),
    enableWebhookEndpoint: async () => ({ params: { endpoint_id: await endpointOf() } }),
    redeliverWebhook: async () => {
      const taskId = await server.create({ webhook_url: 'https://shop.example/hooks' });
      await server.fail(taskId, { code: 'provider_timeout', message: 'Too slow.', retryable: true });
      const list = await server.send('GET', `/v1/webhooks/deliveries?task_id=${taskId}`);
      const { id } = list
        .json<{ data: { id: string; endpoint_id?: string }[] }>()
        .data.find(({ endpoint_id }) => endpoint_id === undefined) ?? { id: '' };
      return { params: { delivery_id: id } };
    },
    getKey: async () => ({ params: { key_id: await keyOf() } }),
    revokeKey: async () => ({ params: { key_id: await keyOf() } }),
  };

  test.each(
    named.filter(([, operation]) => jsonOf(operation) === undefined && operation.path !== '/files/{image}'),
  )('%s', async (id, operation) => {
    const answer = await replay(operation, (await calls[id]?.()) ?? {});
    expect(answer.statusCode).toBeLessThan(300);
  });

  test.each(named.filter(([, operation]) => jsonOf(operation) !== undefined))(
    '%s takes its examples',
    async (_id, operation) => {
      expect(examplesOf(operation).length).toBeGreaterThan(0);
      for (const body of examplesOf(operation)) {
        const params = operation.path.includes('{key_id}') ? { key_id: await keyOf() } : {};
        const answer = operation.path.startsWith('/openai/')
          ? await whileWaiting(operation, { body }, async (taskId) =>
              server.complete(taskId, [await picture]),
            )
          : await replay(operation, { params, body });
        expect([answer.statusCode, answer.body]).toEqual([
          expect.toSatisfy((status) => status < 300),
          answer.body,
        ]);
      }
    },
  );
});

describe('what is particular', () => {
  test('a task that has not changed, and events that have all arrived', async () => {
    const task_id = await server.create();
    await server.complete(task_id, [await picture]);
    const { headers } = await replay(operationOf('getImageTask'), { params: { task_id } });
    const unchanged = { params: { task_id }, headers: { 'if-none-match': String(headers['etag']) } };
    expect((await replay(operationOf('getImageTask'), unchanged)).statusCode).toBe(304);
    const arrived = { params: { task_id }, headers: { 'last-event-id': '3' } };
    expect((await replay(operationOf('followImageTask'), arrived)).statusCode).toBe(204);
  });

  test('a task that has ended cannot be cancelled', async () => {
    const task_id = await server.create();
    await server.complete(task_id, [await picture]);
    expect((await replay(operationOf('cancelImageTask'), { params: { task_id } })).statusCode).toBe(409);
  });

  test('an endpoint that is disabled is told nothing', async () => {
    const body = { url: 'https://shop.example/hooks' };
    const made = await server.send('POST', '/v1/webhooks/endpoints', { body });
    const { id } = made.json<{ id: string }>();
    const taskId = await server.create();
    await server.fail(taskId, { code: 'provider_timeout', message: 'Too slow.', retryable: true });
    const { deliveries } = await server.webhooks.deliveries({
      keyId: server.keys.userKey.id,
      limit: 9,
      taskId,
    });
    const delivery = deliveries.find(({ endpointId }) => endpointId === id);
    if (delivery === undefined) throw new Error('There is no delivery');
    await server.webhooks.recordAttempts([
      { delivery, atMs: server.clock.nowMs(), state: 'failed', status: 410, disableReason: 'Gone.' },
    ]);
    const delivery_id = delivery.id;
    expect((await replay(operationOf('redeliverWebhook'), { params: { delivery_id } })).statusCode).toBe(409);
  });

  test('a picture whole, in part, unchanged, beyond its end, and after its link', async () => {
    const file = operationOf('getFile');
    const task_id = await server.create();
    await server.complete(task_id, [await picture]);
    const read = await replay(operationOf('getImageTask'), { params: { task_id } });
    const link = new URL(read.json<{ images: { url: string }[] }>().images[0]?.url ?? '');
    const call = { key: null, params: { image: link.pathname.split('/').at(-1) ?? '' }, query: link.search };
    const whole = await replay(file, call);
    expect(whole.statusCode).toBe(200);
    expect((await replay(file, { ...call, headers: { range: 'bytes=0-9' } })).statusCode).toBe(206);
    expect((await replay(file, { ...call, headers: { range: 'bytes=99999-' } })).statusCode).toBe(416);
    const etag = { 'if-none-match': String(whole.headers['etag']) };
    expect((await replay(file, { ...call, headers: etag })).statusCode).toBe(304);
    expect((await replay(file, { ...call, app: broken })).statusCode).toBe(500);
    expect((await replay(file, { ...call, app: away })).statusCode).toBe(503);
    server.clock.advance(48 * 60 * 60 * 1000);
    expect((await replay(file, call)).statusCode).toBe(410);
  });

  test('pictures as a stream of events, and a report as a table', async () => {
    const generate = operationOf('openaiGenerateImages');
    const streamed = await whileWaiting(generate, { body: { ...valid, stream: true } }, async (taskId) =>
      server.complete(taskId, [await picture]),
    );
    expect(streamed.headers['content-type']).toContain('text/event-stream');
    const table = await replay(operationOf('reportUsage'), { query: '?format=csv' });
    expect(table.headers['content-type']).toContain('text/csv');
  });

  test('a server that starts or drains', async () => {
    expect((await replay(operationOf('isReady'), { key: null, app: draining.app })).statusCode).toBe(503);
  });

  test.each(['createImage', 'openaiGenerateImages', 'openaiEditImages'])(
    '%s: a key that was used with something else, a model that is not there, a queue that is full',
    async (id) => {
      const operation = operationOf(id);
      const images =
        id === 'openaiEditImages' ? { images: [{ image_url: 'https://example.com/fox.png' }] } : {};
      const body = { ...valid, ...images };
      const headers = { 'idempotency-key': `once ${id}` };
      await server.send('POST', '/v1/images/generations', { body: valid, headers });
      const other = { body: { ...body, prompt: 'Something else' }, headers };
      expect((await replay(operation, other)).statusCode).toBe(422);
      expect((await replay(operation, { body: { ...body, model: 'nothing' } })).statusCode).toBe(404);
      expect((await replay(operation, { body: { ...body, model: 'nobody' } })).statusCode).toBe(503);
      const turned = await replay(operation, { body, key: full.keys.user, app: full.app });
      expect(turned.json()).toMatchObject({ error: { code: 'queue_full' } });
    },
  );

  const waiting = ['openaiGenerateImages', 'openaiEditImages'].flatMap((id) =>
    (['cancelled', 'content_policy_violation', 'provider_bad_response', 'provider_timeout'] as const).map(
      (code) => [id, code] as const,
    ),
  );
  test.each<readonly [string, TaskErrorCode]>(waiting)(
    '%s waits for a task that ends %s',
    async (id, code) => {
      const body = { ...valid, images: [{ image_url: 'https://example.com/fox.png' }] };
      const answer = await whileWaiting(operationOf(id), { body }, (taskId) =>
        server.fail(taskId, { code, message: 'It failed.', retryable: false }),
      );
      expect(answer.statusCode).toBe(catalogue[code].status);
    },
  );
});

test('every response of the document was brought about', () => {
  const documented = operations.flatMap(({ operationId, responses }) =>
    Object.keys(responses).map((status) => `${operationId} ${status}`),
  );
  expect(documented.filter((response) => !seen.has(response))).toEqual([]);
});
