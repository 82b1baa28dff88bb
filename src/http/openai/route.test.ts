import { createHash, randomBytes } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { START_MS, startTestServer, type TestServer } from '../../../test/http/test-server.ts';
import { eventually } from '../../../test/support/eventually.ts';

const GENERATIONS = '/openai/v1/images/generations';
const EDITS = '/openai/v1/images/edits';
const valid = { model: 'dall-e-3', prompt: 'A red fox' };

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const taskIds = async (): Promise<readonly string[]> => {
  const { tasks } = await server.parts.tasks.list({ keyId: server.keys.userKey.id, limit: 100 });
  return tasks.map(({ id }) => id);
};

let known: ReadonlySet<string>;
beforeEach(async () => {
  known = new Set(await taskIds());
});

/** The task that a request under way has made. */
const taskMade = (): Promise<string> =>
  eventually(async () => (await taskIds()).find((id) => !known.has(id)), 'a task is made');

const requestOf = async (taskId: string) =>
  (await server.parts.tasks.get(taskId, server.keys.userKey.id))?.request;

type Options = Parameters<TestServer['send']>[2];

/** Sends a request and completes its task; the answer, the task and its pictures. */
const exchange = async (
  path: string,
  options: Options,
  pictures: readonly Uint8Array[] = [randomBytes(1000)],
) => {
  known = new Set(await taskIds());
  // It is sent when somebody waits for it.
  const answering = Promise.resolve(server.send('POST', path, options));
  const taskId = await taskMade();
  const request = await requestOf(taskId);
  await server.complete(taskId, pictures);
  return { answer: await answering, taskId, request };
};

/** A form as `FormData` writes it. */
const formOf = async (parts: readonly (readonly [string, string | Blob, string?])[]): Promise<Options> => {
  const form = new FormData();
  for (const [name, value, filename] of parts) {
    if (typeof value === 'string') form.append(name, value);
    else form.append(name, value, filename);
  }
  const request = new Request('http://form/', { method: 'POST', body: form });
  return {
    body: Buffer.from(await request.arrayBuffer()),
    headers: { 'content-type': request.headers.get('content-type') ?? '' },
  };
};

describe('POST /openai/v1/images/generations', () => {
  test('waits for the pictures and answers OpenAI’s shape, with a link and nothing else', async () => {
    const { answer, taskId } = await exchange(GENERATIONS, { body: { ...valid, n: 2 } }, [
      randomBytes(10),
      randomBytes(10),
    ]);
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toEqual({
      created: START_MS / 1000,
      data: [
        { url: expect.stringMatching(/^https:\/\/pictures\.example\/files\/img_\w+\.png\?/) },
        { url: expect.stringMatching(/^https:\/\/pictures\.example\/files\/img_\w+\.png\?/) },
      ],
      size: '1024x1024',
      output_format: 'png',
    });
    expect(answer.headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'content-length': String(answer.rawPayload.length),
      'cache-control': 'no-store',
      'x-limner-task-id': taskId,
      'x-request-id': expect.stringMatching(/^req_/),
    });
    expect(answer.headers).not.toHaveProperty('x-limner-ignored');
  });

  test('answers base64 and nothing else', async () => {
    const picture = randomBytes(100_000);
    const { answer, request } = await exchange(
      GENERATIONS,
      { body: { ...valid, response_format: 'b64_json' } },
      [picture],
    );
    expect(answer.json<{ data: unknown }>().data).toEqual([{ b64_json: picture.toString('base64') }]);
    expect(answer.headers['content-length']).toBe(String(answer.rawPayload.length));
    // Clients take it for PNG.
    expect(request).toMatchObject({ responseFormat: 'b64_json', outputFormat: 'png' });
  });

  test('ignores what it does not know, and tells; takes null, empty and auto for nothing asked', async () => {
    const { answer, request } = await exchange(GENERATIONS, {
      body: {
        ...valid,
        n: null,
        size: 'auto',
        quality: 'auto',
        style: '',
        background: 'auto',
        moderation: 'low',
        output_compression: 80,
        'x\r\ny': 1,
        __proto__: null,
        safety_identifier: 'u7',
        user: 'u8',
      },
    });
    expect(answer.statusCode).toBe(200);
    expect(answer.headers['x-limner-ignored']).toBe('moderation, output_compression, x%0D%0Ay');
    expect(request).toEqual({
      model: 'dall-e-3',
      prompt: 'A red fox',
      n: 1,
      size: { width: 1024, height: 1024 },
      responseFormat: 'url',
      outputFormat: 'auto',
      watermark: false,
      user: 'u8',
    });
  });

  test('takes what /v1 takes beside', async () => {
    const { request } = await exchange(GENERATIONS, {
      body: { ...valid, n: '2', seed: 7, negative_prompt: 'rain', url: 'https://example.com/a.png' },
    });
    expect(request).toMatchObject({
      n: 2,
      seed: 7,
      negativePrompt: 'rain',
      reference: { at: 'link', url: 'https://example.com/a.png' },
    });
  });

  test.each([
    [{ n: 10 }, 400, 'n', '`n` must be an integer from 1 to 4, not 10.'],
    [{ n: 'many' }, 400, 'n', '`n` must be an integer from 1 to 4, not "many".'],
    [
      { size: 'large' },
      400,
      'size',
      '`size` must be WIDTHxHEIGHT in pixels, such as `1024x1792`, or `auto`, not "large".',
    ],
    [{ size: '16x16' }, 400, 'size', expect.stringContaining('16x16')],
    [
      { output_format: 'gif' },
      400,
      'output_format',
      '`output_format` must be one of `png`, `jpeg`, `webp`, not "gif".',
    ],
    [{ prompt: null, modle: 1 }, 400, 'prompt', expect.stringMatching(/^`prompt` is missing/)],
    [
      { image: ['https://a.example/1.png', 'https://a.example/2.png'] },
      400,
      'image',
      expect.stringMatching(/^Send one/),
    ],
    [{ model: 'gpt-image-1' }, 404, 'model', expect.stringContaining('The models are: seedream-3.0')],
  ])('refuses %j', async (body, status, param, message) => {
    const answer = await server.send('POST', GENERATIONS, { body: { ...valid, ...body } });
    expect(answer.statusCode).toBe(status);
    expect(answer.json()).toEqual({
      error: {
        message,
        type: expect.any(String),
        param,
        code: expect.any(String),
        request_id: answer.headers['x-request-id'],
      },
    });
    expect(await taskIds()).toHaveLength(known.size);
  });

  test('tells SDKs not to try again what stays as it is', async () => {
    const nobody = await server.send('POST', GENERATIONS, { body: { ...valid, model: 'nobody' } });
    expect([nobody.statusCode, nobody.headers['x-should-retry']]).toEqual([503, 'false']);
  });

  test('answers a failed task with its status, never to be retried: it might be paid again', async () => {
    const answering = Promise.resolve(server.send('POST', GENERATIONS, { body: valid }));
    const taskId = await taskMade();
    await server.fail(taskId, { code: 'provider_timeout', message: 'Too slow.', retryable: true });
    const answer = await answering;
    expect(answer.statusCode).toBe(504);
    expect(answer.json()).toMatchObject({
      error: { code: 'provider_timeout', message: 'Too slow.', param: null },
    });
    expect(answer.headers).toMatchObject({ 'x-should-retry': 'false', 'x-limner-task-id': taskId });
  });
});

describe('a long wait', () => {
  /** Waits until the answer is held: the wait has a timer, and so has the next heartbeat. */
  const held = () =>
    eventually(async () => (server.clock.timers() === 2 ? true : undefined), 'the answer is held');

  test('is kept alive by white space from 25 seconds on, every 15 seconds', async () => {
    const answering = Promise.resolve(server.send('POST', GENERATIONS, { body: valid }));
    const taskId = await taskMade();
    for (const ms of [25_000, 15_000, 15_000]) {
      await held();
      server.clock.advance(ms);
    }
    await held();
    await server.complete(taskId, [randomBytes(10)]);
    const answer = await answering;
    expect(answer.body).toMatch(/^ {3}\{"created":/);
    expect(answer.json()).toMatchObject({ data: [{ url: expect.any(String) }] });
    expect(answer.headers).not.toHaveProperty('content-length');
    expect(answer.headers['x-limner-task-id']).toBe(taskId);
  });

  test('that fails late ends in the error as the body of a 200', async () => {
    const answering = Promise.resolve(server.send('POST', GENERATIONS, { body: valid }));
    const taskId = await taskMade();
    await held();
    server.clock.advance(25_000);
    await held();
    await server.fail(taskId, { code: 'content_policy_violation', message: 'Refused.', retryable: false });
    const answer = await answering;
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toEqual({
      error: {
        message: 'Refused.',
        type: 'invalid_request_error',
        param: null,
        code: 'content_policy_violation',
        request_id: answer.headers['x-request-id'],
      },
    });
  });

  test('ends after nine minutes by telling the task, whose pictures are there to fetch later', async () => {
    const answering = Promise.resolve(server.send('POST', GENERATIONS, { body: valid }));
    const taskId = await taskMade();
    await held();
    server.clock.advance(25_000);
    await held();
    server.clock.advance(540_000);
    const { error } = (await answering).json<{ error: { code: string; message: string } }>();
    expect(error).toMatchObject({ code: 'result_not_ready', message: expect.stringContaining(taskId) });
    await server.complete(taskId, [randomBytes(10)]);
    const later = await server.send('GET', `/v1/images/generations/${taskId}`);
    expect(later.json()).toMatchObject({ status: 'completed', images: [{ url: expect.any(String) }] });
  });

  test('of a client that hangs up leaves the task at work', async () => {
    const other = await startTestServer();
    try {
      await other.app.listen({ host: '127.0.0.1', port: 0 });
      const { port } = other.app.server.address() as AddressInfo;
      const client = httpRequest({
        host: '127.0.0.1',
        port,
        path: GENERATIONS,
        method: 'POST',
        headers: { authorization: `Bearer ${other.keys.user}`, 'content-type': 'application/json' },
      }).on('error', () => undefined);
      client.end(JSON.stringify(valid));
      await eventually(async () => (other.clock.timers() === 2 ? true : undefined), 'the answer is held');
      client.destroy();
      await eventually(async () => (other.clock.timers() === 0 ? true : undefined), 'nobody waits');
      const { tasks } = await other.parts.tasks.list({ keyId: other.keys.userKey.id, limit: 2 });
      expect(tasks.map(({ status }) => status)).toEqual(['pending']);
    } finally {
      await other.close();
    }
  });

  test('is broken off when the server stops, in a way that makes an SDK come back for the same task', async () => {
    const other = await startTestServer();
    try {
      const headers = { 'x-stainless-lang': 'js', 'x-stainless-retry-count': '0' };
      const answering = Promise.resolve(other.send('POST', GENERATIONS, { body: valid, headers }));
      await eventually(async () => (other.clock.timers() === 2 ? true : undefined), 'the answer is held');
      other.draining.abort();
      const answer = await answering;
      expect([answer.statusCode, answer.headers['retry-after'], answer.headers['x-should-retry']]).toEqual([
        503,
        '2',
        undefined,
      ]);
      expect(answer.json()).toMatchObject({ error: { code: 'shutting_down' } });
    } finally {
      await other.close();
    }
  });
});

describe('repetitions', () => {
  test('by an SDK find the first task, for as long as its attempts may take', async () => {
    const sdk = (count: string) => ({
      body: { ...valid, prompt: 'again' },
      headers: { 'x-stainless-lang': 'js', 'x-stainless-retry-count': count },
    });
    const first = await exchange(GENERATIONS, sdk('0'));
    server.clock.advance(20 * 60_000);
    const second = await server.send('POST', GENERATIONS, sdk('2'));
    expect(second.headers).toMatchObject({
      'x-limner-task-id': first.taskId,
      'idempotent-replayed': 'true',
    });
    const wish = await exchange(GENERATIONS, sdk('0'));
    expect(wish.taskId).not.toBe(first.taskId);
  });

  test('with an Idempotency-Key find it too; another body is refused', async () => {
    const headers = { 'idempotency-key': 'k1' };
    const first = await exchange(GENERATIONS, { body: valid, headers });
    const second = await server.send('POST', GENERATIONS, { body: valid, headers });
    expect(second.headers['x-limner-task-id']).toBe(first.taskId);
    const third = await server.send('POST', GENERATIONS, { body: { ...valid, prompt: 'Else' }, headers });
    expect([third.statusCode, third.json<{ error: { code: string } }>().error.code]).toEqual([
      422,
      'idempotency_key_reused',
    ]);
  });

  test('of a form are told by the picture', async () => {
    const picture = randomBytes(5000);
    const form = async (bytes: Uint8Array<ArrayBuffer>) => {
      const options = await formOf([
        ['image', new Blob([bytes]), 'a'],
        ['prompt', 'x'],
        ['model', 'jimeng'],
      ]);
      return { ...options, headers: { ...options?.headers, 'idempotency-key': 'form' } };
    };
    const first = await exchange(EDITS, await form(picture));
    const second = await server.send('POST', EDITS, await form(picture));
    expect(second.headers['x-limner-task-id']).toBe(first.taskId);
    const third = await server.send('POST', EDITS, await form(randomBytes(5000)));
    expect(third.statusCode).toBe(422);
  });
});

describe('stream: true', () => {
  test('answers an event for each picture', async () => {
    const picture = randomBytes(1000);
    const { answer } = await exchange(GENERATIONS, { body: { ...valid, stream: true, partial_images: 2 } }, [
      picture,
    ]);
    expect(answer.headers['content-type']).toBe('text/event-stream; charset=utf-8');
    expect(answer.headers['x-limner-ignored']).toBe('partial_images');
    const [comment, event, data, ...rest] = answer.body.split('\n').filter((line) => line !== '');
    expect([comment, event, rest]).toEqual([': still here', 'event: image_generation.completed', []]);
    expect(JSON.parse(data?.replace('data: ', '') ?? '')).toEqual({
      type: 'image_generation.completed',
      b64_json: picture.toString('base64'),
      created_at: expect.any(Number),
      size: '1024x1024',
      quality: 'auto',
      background: 'auto',
      output_format: 'png',
      usage: {
        input_tokens: 0,
        output_tokens: 0,
        total_tokens: 0,
        input_tokens_details: { text_tokens: 0, image_tokens: 0 },
      },
    });
    expect(answer.body.endsWith('\n\n')).toBe(true);
  });

  test('names the events of edits otherwise', async () => {
    const { answer } = await exchange(
      EDITS,
      { body: { ...valid, stream: true, n: 2, images: [{ image_url: 'https://example.com/a.png' }] } },
      [randomBytes(10), randomBytes(10)],
    );
    expect(
      answer.body.match(/event: image_edit\.completed\ndata: \{"type":"image_edit\.completed"/g),
    ).toHaveLength(2);
  });

  test('ends in an error event', async () => {
    const answering = Promise.resolve(server.send('POST', GENERATIONS, { body: { ...valid, stream: true } }));
    await server.fail(await taskMade(), { code: 'prompt_rejected', message: 'Too long.', retryable: false });
    const answer = await answering;
    const data = /event: error\ndata: (.*)\n\n$/.exec(answer.body)?.[1] ?? '';
    expect(JSON.parse(data)).toMatchObject({
      type: 'error',
      error: { code: 'prompt_rejected', message: 'Too long.', param: null, type: 'invalid_request_error' },
      sequence_number: 0,
    });
  });

  test('refuses a bad request with its status', async () => {
    const answer = await server.send('POST', GENERATIONS, { body: { ...valid, stream: true, n: 99 } });
    expect(answer.statusCode).toBe(400);
  });
});

describe('POST /openai/v1/images/edits', () => {
  const picture = randomBytes(300_000);
  const image = new Blob([picture], { type: 'application/octet-stream' });

  test.each([
    [
      'image first',
      [
        ['image', image, 'a.png'],
        ['model', 'jimeng'],
        ['prompt', 'x'],
        ['n', '2'],
      ],
    ],
    [
      'image last, as a list',
      [
        ['model', 'jimeng'],
        ['n', '2'],
        ['prompt', 'x'],
        ['image[]', image, 'blob'],
      ],
    ],
    [
      'image numbered',
      [
        ['model', 'jimeng'],
        ['n', '2'],
        ['prompt', 'x'],
        ['image[0]', image, 'blob'],
      ],
    ],
  ] as const)('takes a form, %s', async (_name, parts) => {
    const { answer, request } = await exchange(EDITS, await formOf(parts));
    expect(answer.statusCode).toBe(200);
    // The Vercel SDK reads nothing else.
    expect(answer.json()).toMatchObject({ data: [{ b64_json: expect.any(String) }] });
    expect(request).toMatchObject({ n: 2, prompt: 'x', responseFormat: 'b64_json' });
    const reference = request?.reference;
    if (reference?.at !== 'store') throw new Error('the reference is not stored');
    const file = await server.parts.images.open(reference.key);
    const hash = createHash('sha256');
    for await (const chunk of file ?? []) hash.update(chunk as Buffer);
    expect(hash.digest('hex')).toBe(createHash('sha256').update(picture).digest('hex'));
  });

  test('takes no notice of a mask, and says so', async () => {
    const { answer } = await exchange(
      EDITS,
      await formOf([
        ['mask', image, 'm.png'],
        ['image', image, 'a.png'],
        ['model', 'jimeng'],
        ['prompt', 'x'],
        ['input_fidelity', 'high'],
      ]),
    );
    expect(answer.headers['x-limner-ignored']).toBe('input_fidelity, mask');
  });

  test.each([
    ['an address', { images: [{ image_url: 'https://example.com/a.png' }] }],
    ['a list of one', { image: ['https://example.com/a.png'] }],
  ])('takes JSON with %s', async (_name, body) => {
    const { request } = await exchange(EDITS, { body: { ...valid, ...body } });
    expect(request?.reference).toEqual({ at: 'link', url: 'https://example.com/a.png' });
  });

  test('takes a data URI', async () => {
    const { request } = await exchange(EDITS, {
      body: { ...valid, images: [{ image_url: `data:image/png;base64,${picture.toString('base64')}` }] },
    });
    expect(request?.reference).toMatchObject({ at: 'store' });
  });

  const tooLarge = new Blob([new Uint8Array(10 * 1024 * 1024 + 1)]);
  const text = [
    ['model', 'jimeng'],
    ['prompt', 'x'],
  ] as const;
  test.each([
    ['no picture', text, 400, 'image'],
    ['two pictures', [...text, ['image[]', image, 'a'], ['image[]', image, 'b']], 400, 'image'],
    [
      'a file and an address',
      [...text, ['image', image, 'a'], ['url', 'https://example.com/a.png']],
      400,
      'image',
    ],
    ['an empty file', [...text, ['image', new Blob([]), 'a']], 400, 'image'],
    ['a text that is no address', [...text, ['image', 'cat']], 400, 'image'],
    ['a picture over 10 MB', [...text, ['image', tooLarge, 'a']], 413, 'image'],
    [
      'more than 20 MB in all',
      [...text, ['image', image, 'a'], ['mask', tooLarge, 'm'], ['other', tooLarge, 'm']],
      413,
      null,
    ],
    ['a bad number', [...text, ['image', image, 'a'], ['n', 'x']], 400, 'n'],
  ] as const)('refuses %s and keeps nothing of it', async (_name, parts, status, param) => {
    const before = await server.stored();
    const answer = await server.send('POST', EDITS, await formOf(parts));
    expect([answer.statusCode, answer.json<{ error: { param: unknown } }>().error.param]).toEqual([
      status,
      param,
    ]);
    expect(await server.stored()).toEqual(before);
    expect(await server.spooled()).toEqual([]);
  });

  test.each([
    ['cut short', (whole: Buffer) => whole.subarray(0, 200_000)],
    ['without its end', (whole: Buffer) => whole.subarray(0, -10)],
    ['that is none', () => Buffer.from('model=jimeng')],
  ])('refuses a form %s', async (_name, spoil) => {
    const options = await formOf([...text, ['image', image, 'a']]);
    const answer = await server.send('POST', EDITS, { ...options, body: spoil(options?.body as Buffer) });
    expect([answer.statusCode, answer.json<{ error: { code: string } }>().error.code]).toEqual([
      400,
      'invalid_parameter',
    ]);
    expect(await server.spooled()).toEqual([]);
  });

  test('takes parts without a name for fields that it does not know', async () => {
    const body = [
      ...['form-data; filename="x"', 'form-data', 'form-data; name="model"'].map(
        (disposition) => `--b\r\nContent-Disposition: ${disposition}\r\n\r\njimeng\r\n`,
      ),
      '--b--\r\n',
    ].join('');
    const answer = await server.send('POST', EDITS, {
      body,
      headers: { 'content-type': 'multipart/form-data; boundary=b' },
    });
    expect([answer.statusCode, answer.json<{ error: { param: string } }>().error.param]).toEqual([
      400,
      'prompt',
    ]);
  });

  test('keeps nothing of an upload that breaks off', async () => {
    const other = await startTestServer();
    try {
      await other.app.listen({ host: '127.0.0.1', port: 0 });
      const { port } = other.app.server.address() as AddressInfo;
      const options = await formOf([...text, ['image', image, 'a']]);
      const client = httpRequest({
        host: '127.0.0.1',
        port,
        path: EDITS,
        method: 'POST',
        headers: { ...options?.headers, authorization: `Bearer ${other.keys.user}` },
      }).on('error', () => undefined);
      client.write(Buffer.from(options?.body as Buffer).subarray(0, 200_000));
      await eventually(
        async () => ((await other.spooled()).length > 0 ? true : undefined),
        'the picture is on its way to the disk',
      );
      client.destroy();
      await eventually(
        async () => ((await other.spooled()).length === 0 ? true : undefined),
        'the picture is given up',
      );
      expect(await other.stored()).toEqual({ tasks: 0, files: 0 });
    } finally {
      await other.close();
    }
  });

  test('refuses a form without a boundary', async () => {
    const answer = await server.send('POST', EDITS, {
      body: 'x',
      headers: { 'content-type': 'multipart/form-data' },
    });
    expect(answer.statusCode).toBe(400);
  });
});

describe('keys, addresses and origins', () => {
  test('takes the key of Azure’s clients, and its addresses', async () => {
    const headers = { 'api-key': server.keys.user, authorization: '' };
    const { answer, request } = await exchange(
      '/openai/deployments/seedream-3.0/images/generations?api-version=2025-04-01-preview',
      { body: { prompt: 'A red fox' }, headers },
    );
    expect(answer.statusCode).toBe(200);
    expect(request?.model).toBe('seedream-3.0');
    const models = await server.send('GET', '/openai/models?api-version=1', { headers });
    expect(models.statusCode).toBe(200);
  });

  test('wants a key', async () => {
    const none = await server.send('POST', GENERATIONS, { body: valid, headers: { authorization: '' } });
    const wrong = await server.send('POST', GENERATIONS, { body: valid, headers: { 'api-key': 'x' } });
    expect([none.statusCode, wrong.statusCode]).toEqual([401, 401]);
  });

  test('lists the models as OpenAI does', async () => {
    const list = await server.send('GET', '/openai/v1/models');
    expect(list.json()).toMatchObject({
      object: 'list',
      data: expect.arrayContaining([
        expect.objectContaining({ id: 'dall-e-3', object: 'model', created: 0, owned_by: 'limner' }),
      ]),
    });
    expect((await server.send('GET', '/openai/v1/models/jimeng')).json()).toMatchObject({ id: 'jimeng' });
    expect((await server.send('GET', '/openai/v1/models/gpt-4')).statusCode).toBe(404);
  });

  test('lets pages of any origin in, errors included', async () => {
    const preflight = await server.send('OPTIONS', EDITS, {
      headers: {
        authorization: '',
        origin: 'https://app.example',
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,x-stainless-os',
      },
    });
    expect(preflight.statusCode).toBe(204);
    expect(preflight.headers).toMatchObject({
      'access-control-allow-origin': '*',
      'access-control-allow-methods': 'GET, POST, PATCH, DELETE',
      'access-control-allow-headers': 'authorization,x-stainless-os',
    });
    const refused = await server.send('POST', GENERATIONS, { body: {}, headers: { authorization: '' } });
    expect(refused.headers).toMatchObject({
      'access-control-allow-origin': '*',
      'access-control-expose-headers': expect.stringContaining('x-request-id'),
    });
  });

  test('says so where there is nothing', async () => {
    const variations = await server.send('POST', '/openai/v1/images/variations', { body: {} });
    expect([variations.statusCode, variations.json<{ error: { code: string } }>().error.code]).toEqual([
      404,
      'route_not_found',
    ]);
  });
});
