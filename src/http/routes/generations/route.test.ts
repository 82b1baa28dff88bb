import { createHash, randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { START_MS, startTestServer, type TestServer } from '../../../../test/http/test-server.ts';
import type { TaskView } from './schema.ts';

const PATH = '/v1/images/generations';
const valid = { model: 'seedream-3.0', prompt: 'A red fox' };

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const read = async (taskId: string, headers: Record<string, string> = {}) =>
  server.send('GET', `${PATH}/${taskId}`, { headers });

describe('POST /v1/images/generations', () => {
  test('answers at once with the pending task, in the order of the seed page', async () => {
    const answer = await server.send('POST', PATH, { body: { ...valid, metadata: { order: '1' } } });
    const task = answer.json<TaskView>();
    expect(answer.statusCode).toBe(200);
    expect(Object.entries(task)).toEqual([
      ['task_id', expect.stringMatching(/^task_[0-9a-z]{26}$/)],
      ['status', 'pending'],
      ['created_at', START_MS / 1000],
      ['model', 'seedream-3.0'],
      ['prompt', 'A red fox'],
      ['response_format', 'url'],
      ['n', 1],
      ['size', '1024x1024'],
      ['metadata', { order: '1' }],
    ]);
    expect(answer.headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      location: `${PATH}/${task.task_id}`,
      'retry-after': '1',
      'cache-control': 'no-store',
      'x-request-id': expect.stringMatching(/^req_/),
    });
    expect((await read(task.task_id)).json()).toEqual(task);
  });

  test('stores every parameter as it was asked', async () => {
    const body = {
      ...valid,
      url: 'https://example.com/a.png',
      n: 4,
      response_format: 'oss_url',
      size: '1328x1328',
      negative_prompt: '',
      seed: 0,
      guidance_scale: 0,
      quality: 'high',
      style: 'vivid',
      watermark: true,
      output_format: 'webp',
      user: 'u1',
      metadata: {},
      webhook_url: 'https://example.com/hook',
    };
    const id = await server.create(body);
    const task = await server.parts.tasks.get(id, server.keys.userKey.id);
    expect(task?.request).toEqual({
      model: 'seedream-3.0',
      prompt: 'A red fox',
      n: 4,
      size: { width: 1328, height: 1328 },
      responseFormat: 'oss_url',
      outputFormat: 'webp',
      watermark: true,
      reference: { at: 'link', url: 'https://example.com/a.png' },
      negativePrompt: '',
      seed: 0,
      guidanceScale: 0,
      quality: 'high',
      style: 'vivid',
      user: 'u1',
      metadata: {},
      webhookUrl: 'https://example.com/hook',
    });
  });

  test('keeps a data URI as a file and out of the task', async () => {
    const picture = randomBytes(1000);
    const id = await server.create({ url: `data:image/png;base64,${picture.toString('base64')}` });
    const task = await server.parts.tasks.get(id, server.keys.userKey.id);
    const reference = task?.request.reference;
    if (reference?.at !== 'store') throw new Error('the reference is not stored');
    const file = await server.parts.images.open(reference.key);
    expect(Buffer.concat(await Array.fromAsync(file ?? []))).toEqual(picture);
  });

  test('keeps names such as __proto__ in the metadata as plain names', async () => {
    const answer = await server.send('POST', PATH, {
      body: '{"model":"jimeng","prompt":"x","metadata":{"__proto__":"a","constructor":"b"}}',
      headers: { 'content-type': 'application/json' },
    });
    expect(answer.body).toContain('"metadata":{"__proto__":"a","constructor":"b"}');
  });

  test('counts characters, not bytes or UTF-16 units', async () => {
    const longest = '😀'.repeat(32_000);
    expect((await server.send('POST', PATH, { body: { ...valid, prompt: longest } })).statusCode).toBe(200);
    expect((await server.send('POST', PATH, { body: { ...valid, prompt: `${longest}x` } })).statusCode).toBe(
      400,
    );
  });

  test('takes a body with a byte order mark', async () => {
    const body = Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(JSON.stringify(valid))]);
    const answer = await server.send('POST', PATH, { body, headers: { 'content-type': 'application/json' } });
    expect(answer.statusCode).toBe(200);
  });
});

describe('bad input', () => {
  const big = (bytes: number): string => `data:image/png;base64,${Buffer.alloc(bytes, 1).toString('base64')}`;
  const json = { 'content-type': 'application/json' };
  const table: readonly (readonly [
    string,
    unknown,
    number,
    string,
    string | null,
    Record<string, string>?,
  ])[] = [
    ['no model', { prompt: 'x' }, 400, 'invalid_parameter', 'model'],
    ['no prompt', { model: 'jimeng' }, 400, 'invalid_parameter', 'prompt'],
    ['an empty object', {}, 400, 'invalid_parameter', 'model'],
    ['an empty prompt', { ...valid, prompt: '' }, 400, 'invalid_parameter', 'prompt'],
    ['a blank prompt', { ...valid, prompt: ' \n\t　' }, 400, 'invalid_parameter', 'prompt'],
    ['half a character', '{"model":"jimeng","prompt":"a\\ud800"}', 400, 'invalid_parameter', 'prompt', json],
    ['NUL', { ...valid, prompt: 'a\0b' }, 400, 'invalid_parameter', 'prompt'],
    ['a prompt that is a list', { ...valid, prompt: ['x'] }, 400, 'invalid_parameter', 'prompt'],
    ['null', { ...valid, url: null }, 400, 'invalid_parameter', 'url'],
    ['n as text', { ...valid, n: '1' }, 400, 'invalid_parameter', 'n'],
    ['n = 0', { ...valid, n: 0 }, 400, 'invalid_parameter', 'n'],
    ['n = 5', { ...valid, n: 5 }, 400, 'invalid_parameter', 'n'],
    ['n = 1.5', { ...valid, n: 1.5 }, 400, 'invalid_parameter', 'n'],
    [
      'an unknown response_format',
      { ...valid, response_format: 'b64' },
      400,
      'invalid_parameter',
      'response_format',
    ],
    ['size without x', { ...valid, size: '1024' }, 400, 'invalid_parameter', 'size'],
    ['size with a star', { ...valid, size: '1024*1024' }, 400, 'invalid_parameter', 'size'],
    ['size zero', { ...valid, size: '0x0' }, 400, 'invalid_parameter', 'size'],
    ['size auto', { ...valid, size: 'auto' }, 400, 'invalid_parameter', 'size'],
    ['size too small', { ...valid, size: '63x1024' }, 400, 'invalid_parameter', 'size'],
    ['size too wide', { ...valid, size: '4097x64' }, 400, 'invalid_parameter', 'size'],
    ['too many pixels', { ...valid, size: '2049x2048' }, 400, 'invalid_parameter', 'size'],
    ['the literal of the seed page', { ...valid, url: '<string>' }, 400, 'invalid_parameter', 'url'],
    ['an empty url', { ...valid, url: '' }, 400, 'invalid_parameter', 'url'],
    ['a file address', { ...valid, url: 'file:///etc/passwd' }, 400, 'invalid_parameter', 'url'],
    [
      'an address with a password',
      { ...valid, url: 'https://a:b@c.example/' },
      400,
      'invalid_parameter',
      'url',
    ],
    [
      'a data URI that is no picture',
      { ...valid, url: 'data:text/plain;base64,aGk=' },
      400,
      'invalid_parameter',
      'url',
    ],
    [
      'a data URI with broken base64',
      { ...valid, url: 'data:image/png;base64,a$b=' },
      400,
      'invalid_parameter',
      'url',
    ],
    ['an empty data URI', { ...valid, url: 'data:image/png;base64,' }, 400, 'invalid_parameter', 'url'],
    ['a picture over 10 MB', { ...valid, url: big(10 * 1024 * 1024 + 1) }, 400, 'invalid_parameter', 'url'],
    ['a negative seed', { ...valid, seed: -1 }, 400, 'invalid_parameter', 'seed'],
    ['a seed of 32 bits', { ...valid, seed: 2_147_483_648 }, 400, 'invalid_parameter', 'seed'],
    ['too much guidance', { ...valid, guidance_scale: 20.1 }, 400, 'invalid_parameter', 'guidance_scale'],
    ['a long quality', { ...valid, quality: 'x'.repeat(257) }, 400, 'invalid_parameter', 'quality'],
    ['watermark as text', { ...valid, watermark: 'true' }, 400, 'invalid_parameter', 'watermark'],
    [
      'an unknown output_format',
      { ...valid, output_format: 'gif' },
      400,
      'invalid_parameter',
      'output_format',
    ],
    ['metadata with numbers', { ...valid, metadata: { a: 1 } }, 400, 'invalid_parameter', 'metadata'],
    ['metadata as a list', { ...valid, metadata: [] }, 400, 'invalid_parameter', 'metadata'],
    [
      'a long name in the metadata',
      { ...valid, metadata: { ['k'.repeat(65)]: '' } },
      400,
      'invalid_parameter',
      'metadata',
    ],
    [
      'a long value in the metadata',
      { ...valid, metadata: { k: 'v'.repeat(513) } },
      400,
      'invalid_parameter',
      'metadata',
    ],
    [
      '17 pairs of metadata',
      { ...valid, metadata: Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`k${i}`, ''])) },
      400,
      'invalid_parameter',
      'metadata',
    ],
    [
      'a webhook that is no address',
      { ...valid, webhook_url: 'example.com' },
      400,
      'invalid_parameter',
      'webhook_url',
    ],
    ['an unknown parameter', { ...valid, promt: 'x' }, 400, 'unknown_parameter', 'promt'],
    [
      '__proto__',
      '{"model":"jimeng","prompt":"x","__proto__":{"n":4}}',
      400,
      'unknown_parameter',
      '__proto__',
      json,
    ],
    ['constructor', { ...valid, constructor: 1 }, 400, 'unknown_parameter', 'constructor'],
    ['a list', [valid], 400, 'invalid_parameter', null],
    ['a text', '"x"', 400, 'invalid_parameter', null, json],
    ['the JSON null', 'null', 400, 'invalid_parameter', null, json],
    ['broken JSON', '{"model":', 400, 'invalid_json', null, json],
    ['nothing', undefined, 400, 'invalid_json', null, json],
    ['nothing and no type', undefined, 400, 'invalid_parameter', null],
    ['deep JSON', `${'['.repeat(200_000)}${']'.repeat(200_000)}`, 400, 'invalid_json', null, json],
    [
      'a deep parameter',
      `{"model":"jimeng","prompt":"x","metadata":${'['.repeat(9_000)}${']'.repeat(9_000)}}`,
      400,
      'invalid_json',
      null,
      json,
    ],
    [
      'gzip',
      gzipSync(JSON.stringify(valid)),
      415,
      'unsupported_media_type',
      null,
      { ...json, 'content-encoding': 'gzip' },
    ],
    ['GBK', Buffer.from([0x22, 0xc4, 0xe3, 0x22]), 400, 'invalid_json', null, json],
    [
      'a form',
      'model=jimeng',
      415,
      'unsupported_media_type',
      null,
      { 'content-type': 'application/x-www-form-urlencoded' },
    ],
    ['plain text', '{}', 415, 'unsupported_media_type', null, { 'content-type': 'text/plain' }],
    ['over 20 MB', `"${'x'.repeat(20 * 1024 * 1024)}"`, 413, 'payload_too_large', null, json],
    ['an unknown model', { ...valid, model: 'seedream-3' }, 404, 'model_not_found', 'model'],
    ['a model without a provider', { ...valid, model: 'nobody' }, 503, 'model_unavailable', 'model'],
    ['an empty key', valid, 400, 'invalid_parameter', 'Idempotency-Key', { 'idempotency-key': '' }],
    [
      'a long key',
      valid,
      400,
      'invalid_parameter',
      'Idempotency-Key',
      { 'idempotency-key': 'k'.repeat(256) },
    ],
  ];

  for (const [name, body, status, code, param, headers = {}] of table) {
    test(`${name}`, async () => {
      const before = await server.stored();
      const answer = await server.send('POST', PATH, { body, headers });
      expect(answer.statusCode).toBe(status);
      expect(answer.json()).toEqual({
        error: {
          message: expect.stringMatching(/[.?]$/),
          type: expect.any(String),
          param,
          code,
          request_id: answer.headers['x-request-id'],
        },
      });
      expect(await server.stored()).toEqual(before);
    });
  }

  test('tells all faults at once, the unknown parameter first, with what was probably meant', async () => {
    const answer = await server.send('POST', PATH, {
      body: { model: 'jimeng', promt: 'x', n: 9, response_format: 'urls' },
    });
    expect(answer.json<{ error: { message: string } }>().error.message).toBe(
      '`promt` is not a parameter. Did you mean `prompt`? ' +
        '`prompt` is missing: it must be a text of 1 to 32000 characters that is not blank, without NUL or halves of characters. ' +
        '`n` must be an integer from 1 to 4, not 9. ' +
        '`response_format` must be one of `url`, `b64_json`, `oss_url`, not "urls". Did you mean `url`?',
    );
  });

  test('takes the seed sizes and the corners of the card', async () => {
    for (const size of [
      '1024x1024',
      '1024x1792',
      '1792x1024',
      '1328x1328',
      '64x64',
      '4096x64',
      '2048x2048',
    ]) {
      expect((await server.send('POST', PATH, { body: { ...valid, size } })).statusCode).toBe(200);
    }
  });
});

describe('a retry that an official SDK makes by itself', () => {
  const post = (retries: string | undefined, body: unknown, headers: Record<string, string> = {}) =>
    server.send('POST', PATH, {
      body,
      headers: {
        'x-stainless-lang': 'js',
        ...(retries !== undefined && { 'x-stainless-retry-count': retries }),
        ...headers,
      },
    });
  const idOf = async (answer: ReturnType<typeof post>) => (await answer).json<TaskView>().task_id;
  const body = (prompt: string) => ({ model: 'jimeng', prompt });

  test('gets the task that the first request made, and makes none', async () => {
    const first = await idOf(post('0', body('once')));
    const before = await server.stored();
    const again = await post('1', body('once'));
    expect(again.json()).toMatchObject({ task_id: first });
    expect(again.headers['idempotent-replayed']).toBe('true');
    expect(await idOf(post('2', body('once')))).toBe(first);
    expect(await server.stored()).toEqual(before);
  });

  test('makes one task also when both arrive at once, or the first one never did', async () => {
    const [first, again] = await Promise.all([idOf(post('0', body('race'))), idOf(post('1', body('race')))]);
    expect(again).toBe(first);
    const alone = await idOf(post('1', body('lost')));
    expect(await idOf(post('2', body('lost')))).toBe(alone);
  });

  test('is told from a second wish: another body, another caller, a new request, two minutes later', async () => {
    const first = await idOf(post('0', body('twice')));
    expect(await idOf(post('1', body('thrice')))).not.toBe(first);
    const stranger = { authorization: `Bearer ${server.keys.stranger}` };
    expect(await idOf(post('1', body('twice'), stranger))).not.toBe(first);
    const second = await idOf(post(undefined, body('twice')));
    expect(second).not.toBe(first);
    expect(await idOf(post('1', body('twice')))).toBe(second);
    server.clock.advance(120_001);
    expect(await idOf(post('2', body('twice')))).not.toBe(second);
  });

  test('goes by its Idempotency-Key when it has one', async () => {
    const first = await idOf(post('0', body('keyed')));
    expect(await idOf(post('1', body('keyed'), { 'idempotency-key': 'other' }))).not.toBe(first);
  });
});

describe('a full queue', () => {
  test('refuses what is new before anything is stored, and answers what was accepted', async () => {
    const own = await startTestServer({ queueLimit: 3 });
    const post = (headers: Record<string, string> = {}, extra: object = {}) =>
      own.send('POST', PATH, { body: { ...valid, ...extra }, headers });
    const key = { 'idempotency-key': 'kept' };
    const first = (await post(key)).json<TaskView>().task_id;
    // Two places are left for ten who come together.
    const answers = await Promise.all(Array.from({ length: 10 }, () => post()));
    expect(answers.filter(({ statusCode }) => statusCode === 200)).toHaveLength(2);
    const refused = answers.find(({ statusCode }) => statusCode !== 200);
    expect([refused?.statusCode, refused?.json()]).toMatchObject([429, { error: { code: 'queue_full' } }]);
    expect(Number(refused?.headers['retry-after'])).toBeGreaterThan(0);
    const before = await own.stored();
    const url = `data:image/png;base64,${'A'.repeat(64)}`;
    expect((await post({}, { url })).statusCode).toBe(429);
    const replay = await post(key);
    expect([replay.statusCode, replay.json<TaskView>().task_id]).toEqual([200, first]);
    expect((await post({ 'idempotency-key': 'new' })).statusCode).toBe(429);
    expect(await own.stored()).toEqual(before);
    await own.close();
  });
});

describe('Idempotency-Key', () => {
  const post = (key: string, body: unknown, headers: Record<string, string> = {}) =>
    server.send('POST', PATH, { body, headers: { 'idempotency-key': key, ...headers } });

  test('gives the same task for the same JSON, however it is written', async () => {
    const first = await post('a', valid);
    await server.begin(first.json<TaskView>().task_id);
    const again = await post('a', '{ "prompt": "A red fox", "model": "seedream-3.0" }', {
      'content-type': 'application/json',
    });
    expect(again.json<TaskView>()).toMatchObject({
      task_id: first.json<TaskView>().task_id,
      status: 'processing',
    });
    expect(first.headers['idempotent-replayed']).toBeUndefined();
    expect(again.headers['idempotent-replayed']).toBe('true');
  });

  test('refuses another body, and keeps nothing of it', async () => {
    await post('b', valid);
    const before = await server.stored();
    const url = `data:image/png;base64,${randomBytes(30).toString('base64')}`;
    const answer = await post('b', { ...valid, url });
    expect(answer.statusCode).toBe(422);
    expect(answer.json()).toMatchObject({
      error: { code: 'idempotency_key_reused', param: 'Idempotency-Key' },
    });
    expect(await server.stored()).toEqual(before);
  });

  test('keeps one reference for a replayed request', async () => {
    const body = { ...valid, url: `data:image/png;base64,${randomBytes(30).toString('base64')}` };
    await post('c', body);
    const before = await server.stored();
    expect((await post('c', body)).headers['idempotent-replayed']).toBe('true');
    expect(await server.stored()).toEqual(before);
  });

  test('makes one task of racing requests', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => post('d', valid)));
    expect(new Set(answers.map((answer) => answer.json<TaskView>().task_id)).size).toBe(1);
    expect(answers.filter((answer) => answer.headers['idempotent-replayed'] === undefined)).toHaveLength(1);
  });

  test('does not remember a refused request, belongs to one key, and is forgotten after a day', async () => {
    expect((await post('e', { ...valid, n: 9 })).statusCode).toBe(400);
    const first = await post('e', valid);
    const foreign = await server.send('POST', PATH, {
      body: valid,
      key: server.keys.stranger,
      headers: { 'idempotency-key': 'e' },
    });
    server.clock.advance(24 * 60 * 60 * 1000 + 1);
    const later = await post('e', valid);
    const ids = [first, foreign, later].map((answer) => answer.json<TaskView>().task_id);
    expect(new Set(ids).size).toBe(3);
  });
});

describe('GET /v1/images/generations/{task_id}', () => {
  test('shows a completed task with links that end with the task at the latest', async () => {
    const id = await server.create({ n: 2 });
    await server.complete(id, [randomBytes(10), randomBytes(11)]);
    const task = (await read(id)).json<TaskView>();
    const now = server.clock.nowMs() / 1000;
    expect(task).toMatchObject({
      status: 'completed',
      started_at: Math.floor(now),
      completed_at: Math.floor(now),
      usage: { images: 2, cost: 0.518, currency: 'CNY' },
    });
    expect(Object.keys(task.images?.[0] ?? {})).toEqual(['url', 'width', 'height', 'format', 'expires_at']);
    expect(task.images?.[0]?.url).toMatch(
      /^https:\/\/pictures\.example\/files\/img_[0-9a-z]{26}\.png\?expires=\d+&signature=/,
    );
    expect(task.images?.[0]?.expires_at).toBe(Math.floor(now) + 3600);
    server.clock.advance(23.5 * 60 * 60 * 1000);
    expect((await read(id)).json<TaskView>().images?.[0]?.expires_at).toBe(Math.floor(now) + 24 * 3600);
  });

  test('shows a failed task with HTTP 200, and only what the caller may see of the upstream', async () => {
    const id = await server.create();
    await server.fail(id, {
      code: 'provider_unavailable',
      message: 'The provider is down.',
      retryable: true,
      upstream: { provider: 'hand', code: 'E1', requestId: 'r1' },
    });
    const answer = await read(id);
    expect(answer.statusCode).toBe(200);
    expect(answer.headers['retry-after']).toBeUndefined();
    expect(answer.json<TaskView>()).toMatchObject({
      status: 'failed',
      error: {
        code: 'provider_unavailable',
        message: 'The provider is down.',
        retryable: true,
        upstream: { provider: 'hand', code: 'E1', request_id: 'r1' },
      },
    });
    expect(answer.json<TaskView>()).not.toHaveProperty('images');
  });

  test.each([1, 2, 3, 300_001])('sends %i bytes as base64, with its length told first', async (bytes) => {
    const pictures = [randomBytes(bytes), randomBytes(bytes + 1)];
    const id = await server.create({
      response_format: 'b64_json',
      prompt: '"b64_json":""',
      metadata: { b64_json: '' },
    });
    await server.complete(id, pictures);
    const answer = await read(id);
    const task = answer.json<TaskView>();
    expect(task.images?.map((image) => image.b64_json)).toEqual(
      pictures.map((each) => each.toString('base64')),
    );
    expect(Object.keys(task.images?.[0] ?? {})).toEqual(['b64_json', 'width', 'height', 'format']);
    expect(answer.headers['content-length']).toBe(String(answer.rawPayload.length));
    expect(task.prompt).toBe('"b64_json":""');
    const head = await server.send('HEAD', `${PATH}/${id}`);
    expect(head.headers['content-length']).toBe(answer.headers['content-length']);
    expect(head.body).toBe('');
  });

  test('is an error of ours when a picture is missing', async () => {
    const id = await server.create({ response_format: 'b64_json' });
    const [image] = await server.complete(id, [randomBytes(10)]);
    await server.parts.images.delete(image?.key ?? '');
    expect((await read(id)).json()).toMatchObject({ error: { code: 'internal_error' } });
  });

  test.each(['task_00000000000000000000000000', 'task_x', 'x', '%00', 'a%2fb', 'x'.repeat(900)])(
    'does not find %s',
    async (id) => {
      const answer = await read(id);
      expect(answer.statusCode).toBe(404);
      expect(answer.json()).toMatchObject({ error: { code: 'task_not_found', type: 'not_found_error' } });
    },
  );

  test('gives the same answer for a foreign task as for none', async () => {
    const id = await server.create();
    const [foreign, unknown] = await Promise.all(
      [id, 'task_00000000000000000000000000'].map((each) =>
        server.send('GET', `${PATH}/${each}`, { key: server.keys.stranger }),
      ),
    );
    const bodyOf = (answer: typeof foreign) => ({ ...answer?.json().error, request_id: '' });
    expect(foreign?.statusCode).toBe(404);
    expect(bodyOf(foreign)).toEqual(bodyOf(unknown));
  });

  test('answers 304 until the state changes', async () => {
    const id = await server.create();
    const first = await read(id);
    const etag = String(first.headers.etag);
    expect((await read(id, { 'if-none-match': etag })).statusCode).toBe(304);
    expect((await read(id, { 'if-none-match': `"other", ${etag.replace('W/', '')}` })).statusCode).toBe(304);
    await server.begin(id);
    const changed = await read(id, { 'if-none-match': etag });
    expect(changed.statusCode).toBe(200);
    expect(changed.headers['retry-after']).toBe('2');
  });
});

describe('Prefer: wait', () => {
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  /** Lets the request reach its wait: it has set a timer by then. */
  const untilWaiting = async (): Promise<void> => {
    while (server.clock.timers() === 0) await settle();
  };

  test('holds the answer until the task has ended', async () => {
    const id = await server.create();
    const waiting = read(id, { prefer: 'respond-async, Wait="30"' });
    await untilWaiting();
    await server.complete(id, [randomBytes(3)]);
    const answer = await waiting;
    expect(answer.json<TaskView>().status).toBe('completed');
    expect(answer.headers['preference-applied']).toBe('wait=30');
    expect(answer.headers['retry-after']).toBeUndefined();
    expect(server.clock.timers()).toBe(0);
  });

  test('answers with the open task when the time is up, after 120 s at most', async () => {
    const waiting = server.send('POST', PATH, { body: valid, headers: { prefer: 'wait=9999' } });
    await untilWaiting();
    server.clock.advance(119_999);
    expect(server.clock.timers()).toBe(1);
    server.clock.advance(1);
    const answer = await waiting;
    expect(answer.json<TaskView>().status).toBe('pending');
    expect(answer.headers).toMatchObject({ 'preference-applied': 'wait=120', 'retry-after': '1' });
  });

  test('does not find a task that is deleted meanwhile', async () => {
    const id = await server.create();
    const waiting = read(id, { prefer: 'wait=30' });
    await untilWaiting();
    await server.send('DELETE', `${PATH}/${id}`);
    expect((await waiting).statusCode).toBe(404);
  });

  test.each(['wait', 'wait=', 'wait=-1', 'wait=1.5', 'wait=soon', 'return=minimal', 'x="wait=5"', ''])(
    'ignores %s',
    async (prefer) => {
      const answer = await server.send('POST', PATH, { body: valid, headers: { prefer } });
      expect(answer.statusCode).toBe(200);
      expect(answer.headers['preference-applied']).toBeUndefined();
    },
  );
});

describe('GET /v1/images/generations', () => {
  let own: TestServer;
  beforeAll(async () => {
    own = await startTestServer();
  });
  afterAll(() => own.close());
  const list = (query: string) => own.send('GET', `${PATH}?${query}`);
  const idsOf = async (query: string): Promise<string[]> =>
    (await list(query)).json<{ data: TaskView[] }>().data.map((task) => task.task_id);

  test('pages through the tasks of the caller, newest first', async () => {
    expect((await list('')).json()).toEqual({ object: 'list', data: [], has_more: false });
    const made: string[] = [];
    for (const model of ['jimeng', 'keling', 'jimeng', 'dall-e-3', 'jimeng']) {
      made.unshift(await own.create({ model, response_format: 'b64_json' }));
      own.clock.advance(1000);
    }
    await own.complete(made[0] ?? '', [randomBytes(3)]);
    const first = (await list('limit=2')).json<{ data: TaskView[]; last_id: string; has_more: boolean }>();
    expect(first).toMatchObject({ object: 'list', has_more: true, last_id: made[1] });
    expect(first.data[0]?.images).toEqual([{ width: 1024, height: 1024, format: 'png' }]);
    expect(await idsOf(`limit=2&after=${first.last_id}`)).toEqual(made.slice(2, 4));
    expect((await list(`after=${made[3]}`)).json()).toMatchObject({ has_more: false, last_id: made[4] });
    expect(await idsOf('model=jimeng&status=pending')).toEqual([made[2], made[4]]);
    const second = START_MS / 1000;
    expect(await idsOf(`created_after=${second + 1}&created_before=${second + 3}`)).toEqual([
      made[2],
      made[3],
    ]);
    expect((await own.send('GET', PATH, { key: own.keys.stranger })).json()).toMatchObject({ data: [] });
  });

  test.each([
    ['limit=0', 'invalid_parameter', 'limit'],
    ['limit=101', 'invalid_parameter', 'limit'],
    ['limit=1.5', 'invalid_parameter', 'limit'],
    ['limit=ten', 'invalid_parameter', 'limit'],
    ['limit=', 'invalid_parameter', 'limit'],
    ['limit=1&limit=2', 'invalid_parameter', 'limit'],
    ['status=done', 'invalid_parameter', 'status'],
    ['after=x', 'invalid_parameter', 'after'],
    ['after=task_00000000000000000000000000', 'invalid_parameter', 'after'],
    ['created_after=yesterday', 'invalid_parameter', 'created_after'],
    ['created_before=-1', 'invalid_parameter', 'created_before'],
    ['limits=2', 'unknown_parameter', 'limits'],
    ['__proto__=2', 'unknown_parameter', '__proto__'],
  ])('refuses %s', async (query, code, param) => {
    const answer = await list(query);
    expect(answer.statusCode).toBe(400);
    expect(answer.json()).toMatchObject({ error: { code, param } });
  });
});

describe('cancel and delete', () => {
  test('cancels an open task once', async () => {
    const id = await server.create();
    const answer = await server.send('POST', `${PATH}/${id}/cancel`);
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toMatchObject({ status: 'failed', error: { code: 'cancelled', retryable: false } });
    server.clock.advance(1);
    const again = await server.send('POST', `${PATH}/${id}/cancel`);
    expect(again.statusCode).toBe(409);
    expect(again.json()).toMatchObject({ error: { code: 'task_already_ended' } });
  });

  test('takes an empty JSON body, as SDKs send it', async () => {
    const id = await server.create();
    const headers = { 'content-type': 'application/json' };
    expect((await server.send('POST', `${PATH}/${id}/cancel`, { headers })).statusCode).toBe(200);
  });

  test('deletes a task with its files', async () => {
    const before = await server.stored();
    const id = await server.create();
    await server.complete(id, [randomBytes(10)]);
    const link = (await read(id)).json<TaskView>().images?.[0]?.url ?? '';
    const answer = await server.send('DELETE', `${PATH}/${id}`);
    expect([answer.statusCode, answer.body]).toEqual([204, '']);
    expect((await read(id)).statusCode).toBe(404);
    expect((await server.send('GET', link.replace('https://pictures.example', ''))).statusCode).toBe(404);
    expect((await server.send('DELETE', `${PATH}/${id}`)).statusCode).toBe(404);
    expect(await server.stored()).toEqual(before);
  });

  test('leaves foreign tasks alone', async () => {
    const id = await server.create();
    const { stranger: key } = server.keys;
    expect((await server.send('POST', `${PATH}/${id}/cancel`, { key })).statusCode).toBe(404);
    expect((await server.send('DELETE', `${PATH}/${id}`, { key })).statusCode).toBe(404);
    expect((await read(id)).json()).toMatchObject({ status: 'pending' });
  });
});

describe('authentication', () => {
  const list = (headers: Record<string, string>) => server.app.inject({ url: PATH, headers });

  test.each([
    ['none', {}, 'missing_api_key'],
    ['another scheme', { authorization: 'Basic YTpi' }, 'missing_api_key'],
    ['no key', { authorization: 'Bearer ' }, 'missing_api_key'],
    ['an unknown key', { authorization: 'Bearer lim_nobody' }, 'invalid_api_key'],
  ])('refuses %s', async (_name, headers: Record<string, string>, code) => {
    const answer = await list(headers);
    expect(answer.statusCode).toBe(401);
    expect(answer.headers['www-authenticate']).toBe('Bearer');
    expect(answer.json()).toMatchObject({ error: { code, type: 'authentication_error' } });
  });

  test('takes the scheme in any case', async () => {
    expect((await list({ authorization: `bEARER  ${server.keys.user}` })).statusCode).toBe(200);
  });

  test('refuses before it reads the body', async () => {
    const answer = await server.app.inject({
      method: 'POST',
      url: PATH,
      headers: { 'content-type': 'application/json' },
      payload: '{',
    });
    expect(answer.statusCode).toBe(401);
  });
});

test('takes no task while draining, and says so', async () => {
  const own = await startTestServer();
  const id = await own.create();
  own.draining.abort();
  const answer = await own.send('POST', PATH, { body: valid });
  expect([answer.statusCode, answer.headers.connection]).toEqual([503, 'close']);
  expect(answer.json()).toMatchObject({ error: { code: 'shutting_down' } });
  expect((await own.send('GET', `${PATH}/${id}`, { headers: { prefer: 'wait=60' } })).statusCode).toBe(200);
  await own.close();
});

test('never holds a picture whole while it sends it', async () => {
  const picture = randomBytes(8 * 1024 * 1024);
  const id = await server.create({ response_format: 'b64_json' });
  await server.complete(id, [picture]);
  const text = (await read(id)).json<TaskView>().images?.[0]?.b64_json ?? '';
  const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
  expect(digest(Buffer.from(text, 'base64'))).toBe(digest(picture));
});
