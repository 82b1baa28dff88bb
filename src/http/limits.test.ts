import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { START_MS, startTestServer, type TestServer } from '../../test/http/test-server.ts';

const PATH = '/v1/images/generations';
const body = { model: 'seedream-3.0', prompt: 'A red fox' };
const DAY_MS = 24 * 60 * 60 * 1000;

let server: TestServer;
beforeEach(async () => {
  server = await startTestServer();
});
afterEach(() => server.close());

/** Makes a key with these settings and answers its secret. */
const makeKey = async (settings: object): Promise<string> => {
  const made = await server.send('POST', '/admin/v1/keys', {
    key: server.keys.admin,
    body: { name: 'shop', ...settings },
  });
  expect(made.statusCode).toBe(201);
  return made.json<{ key: string }>().key;
};

const submit = async (key: string, more: object = {}, headers: Record<string, string> = {}) =>
  server.send('POST', PATH, { key, body: { ...body, ...more }, headers });

const submitToOpenAi = async (key: string, more: object = {}) =>
  server.send('POST', '/openai/v1/images/generations', { key, body: { ...body, ...more } });

const errorOf = (answer: { json: <T>() => T }) =>
  answer.json<{ error: { code: string; message: string } }>().error;

describe('requests per minute', () => {
  test('are counted down in the headers, refused in a sentence, and come back', async () => {
    const key = await makeKey({ requests_per_minute: 2, images_per_day: 50 });
    const first = await server.send('GET', '/v1/models', { key });
    expect(first.headers).toMatchObject({
      'ratelimit-policy': '"requests";q=2;w=60, "images";q=50;w=86400',
      ratelimit: '"requests";r=1;t=60',
      'x-ratelimit-limit-requests': '2',
      'x-ratelimit-remaining-requests': '1',
      'x-ratelimit-reset-requests': '60s',
    });
    server.clock.advance(15_000);
    expect((await submit(key)).statusCode).toBe(200);

    const refused = await submit(key);
    expect(refused.statusCode).toBe(429);
    expect(refused.headers).toMatchObject({ 'retry-after': '45', ratelimit: '"requests";r=0;t=45' });
    expect(errorOf(refused)).toMatchObject({
      code: 'rate_limit_exceeded',
      message: 'This key may send 2 requests a minute. Try again in 45 s.',
    });
    expect((await submitToOpenAi(key)).statusCode).toBe(429);

    server.clock.advance(45_000);
    expect((await submit(key)).statusCode).toBe(200);
  });

  test('are refused before the body is read', async () => {
    const key = await makeKey({ requests_per_minute: 1 });
    await server.send('GET', '/v1/models', { key });
    const answer = await server.app.inject({
      method: 'POST',
      url: PATH,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      payload: 'this is no JSON',
    });
    expect(answer.statusCode).toBe(429);
  });

  test('are not limited for keys without the limit, and nothing is said of it', async () => {
    const { headers } = await server.send('GET', '/v1/models');
    expect(Object.keys(headers).filter((name) => name.includes('ratelimit'))).toEqual([]);
  });
});

describe('concurrent tasks', () => {
  test('are refused beyond the limit until one has ended', async () => {
    const key = await makeKey({ concurrent_tasks: 2 });
    const first = (await submit(key)).json<{ task_id: string }>().task_id;
    await submit(key);
    const refused = await submit(key);
    expect(refused.statusCode).toBe(429);
    expect(refused.headers).not.toHaveProperty('retry-after');
    expect(errorOf(refused)).toMatchObject({
      code: 'concurrency_limit_exceeded',
      message: 'This key may have 2 open tasks at once. Wait until one has ended.',
    });
    expect(errorOf(await submitToOpenAi(key)).code).toBe('concurrency_limit_exceeded');

    await server.send('POST', `${PATH}/${first}/cancel`, { key });
    expect((await submit(key)).statusCode).toBe(200);
  });

  test('are exact for what comes at once', async () => {
    const key = await makeKey({ concurrent_tasks: 7 });
    const answers = await Promise.all(Array.from({ length: 40 }, async () => submit(key)));
    expect(answers.filter(({ statusCode }) => statusCode === 200)).toHaveLength(7);
  });
});

describe('images per day', () => {
  test('are counted by what is asked for, given back when nothing came, and begin anew at midnight', async () => {
    const key = await makeKey({ images_per_day: 5 });
    const first = (await submit(key, { n: 4 })).json<{ task_id: string }>().task_id;
    const refused = await submit(key, { n: 2 });
    expect(refused.statusCode).toBe(429);
    expect(errorOf(refused)).toMatchObject({
      code: 'rate_limit_exceeded',
      message: expect.stringContaining('5 pictures a day'),
    });
    expect(refused.headers['retry-after']).toBe(String((DAY_MS - (START_MS % DAY_MS)) / 1000));
    expect((await submit(key, { n: 1 })).statusCode).toBe(200);

    await server.send('POST', `${PATH}/${first}/cancel`, { key });
    expect((await submit(key, { n: 4 })).statusCode).toBe(200);
    expect((await submit(key)).statusCode).toBe(429);
    server.clock.advance(DAY_MS);
    expect((await submit(key, { n: 4 })).statusCode).toBe(200);
  });
});

describe('a budget', () => {
  const budget = { amount: 1, currency: 'CNY', period: 'month' };

  test('pays as long as it can, and for what was delivered', async () => {
    const key = await makeKey({ budget });
    // A picture costs 0.259.
    const first = (await submit(key, { n: 3 })).json<{ task_id: string }>().task_id;
    const refused = await submit(key, { n: 1 });
    expect(refused.statusCode).toBe(429);
    expect(errorOf(refused)).toMatchObject({
      code: 'insufficient_quota',
      message: expect.stringContaining('1 CNY a month'),
    });
    expect(refused.headers['retry-after']).toBe(String(31 * 24 * 60 * 60));
    expect((await submitToOpenAi(key)).headers['x-should-retry']).toBe('false');

    const open = await server.send('GET', '/v1/usage', { key });
    expect(open.json()).toMatchObject({
      open_tasks: 1,
      data: [],
      remaining: { budget: { amount: 0.223, resets_at: Date.UTC(2026, 1) / 1000 } },
    });

    await server.fail(first, { code: 'provider_unavailable', message: 'No.', retryable: true });
    const ended = await server.send('GET', '/v1/usage', { key });
    expect(ended.json()).toMatchObject({
      open_tasks: 0,
      data: [{ model: 'seedream-3.0', tasks: 1, failed_tasks: 1, images: 0, cost: 0 }],
      limits: { budget },
      remaining: { budget: { amount: 1 } },
    });
  });

  test('keeps no idempotency key of what it refused, and replays what it paid', async () => {
    const key = await makeKey({ budget: { ...budget, amount: 0.3 } });
    const marks = { 'idempotency-key': 'once' };
    const accepted = await submit(key, {}, marks);
    const later = { 'idempotency-key': 'later' };
    expect((await submit(key, {}, later)).statusCode).toBe(429);
    const replay = await submit(key, {}, marks);
    expect(replay.json<{ task_id: string }>().task_id).toBe(accepted.json<{ task_id: string }>().task_id);

    await server.send('POST', `${PATH}/${accepted.json<{ task_id: string }>().task_id}/cancel`, { key });
    const retried = await submit(key, {}, later);
    expect(retried.statusCode).toBe(200);
    expect(retried.headers).not.toHaveProperty('idempotent-replayed');
  });

  test.each([
    ['in another currency', { currency: 'USD' }, 'budget.currency', 'in CNY'],
    ['below zero', { amount: -1 }, 'budget', '`amount` from 0'],
    ['of no period', { period: 'week' }, 'budget', 'day, month, total'],
  ])('%s is refused when the key is made', async (_name, wrong, param, told) => {
    const made = await server.send('POST', '/admin/v1/keys', {
      key: server.keys.admin,
      body: { name: 'shop', budget: { ...budget, ...wrong } },
    });
    expect(made.statusCode).toBe(400);
    const message = expect.stringContaining(told);
    expect(made.json()).toMatchObject({ error: { code: 'invalid_parameter', param, message } });
  });

  test('turns a large request away before it is read when nothing is left', async () => {
    const key = await makeKey({ budget: { ...budget, amount: 0 } });
    const answer = await server.app.inject({
      method: 'POST',
      url: PATH,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      payload: `${' '.repeat(100_000)}no JSON`,
    });
    expect(errorOf(answer).code).toBe('insufficient_quota');
  });
});

describe('what a key may be used for', () => {
  test('are the models that were named, and it sees no others', async () => {
    const key = await makeKey({ models: ['jimeng'] });
    expect((await submit(key, { model: 'jimeng' })).statusCode).toBe(200);
    const refused = await submit(key);
    expect(refused.statusCode).toBe(403);
    expect(errorOf(refused)).toMatchObject({
      code: 'model_not_allowed',
      message: 'This key may use `jimeng`, and not `seedream-3.0`.',
    });
    expect(errorOf(await submitToOpenAi(key)).code).toBe('model_not_allowed');
    for (const url of ['/v1/models', '/openai/v1/models']) {
      const { data } = (await server.send('GET', url, { key })).json<{ data: { id: string }[] }>();
      expect(data.map(({ id }) => id)).toEqual(['jimeng']);
    }
  });

  test('ends with its time', async () => {
    const key = await makeKey({ expires_at: START_MS / 1000 + 60 });
    expect((await server.send('GET', '/v1/models', { key })).statusCode).toBe(200);
    server.clock.advance(60_000);
    const late = await server.send('GET', '/v1/models', { key });
    expect(late.statusCode).toBe(401);
    expect(errorOf(late).code).toBe('invalid_api_key');
  });

  test('depends on the address, and a header of the caller does not change that', async () => {
    const key = await makeKey({ allowed_ips: ['203.0.113.0/24'] });
    const from = async (remoteAddress: string, forwarded?: string) =>
      (
        await server.send('GET', '/v1/models', {
          key,
          remoteAddress,
          ...(forwarded !== undefined && { headers: { 'x-forwarded-for': forwarded } }),
        })
      ).statusCode;
    expect(await from('203.0.113.5')).toBe(200);
    expect(await from('::ffff:203.0.113.5')).toBe(200);
    expect(await from('203.0.114.5')).toBe(403);
    expect(await from('203.0.114.5', '203.0.113.5')).toBe(403);
  });
});

describe('behind a proxy that is trusted', () => {
  test('the address is the one that the proxy names, whatever the caller wrote before', async () => {
    const behind = await startTestServer({ trustedProxies: ['10.0.0.0/8'] });
    try {
      const made = await behind.send('POST', '/admin/v1/keys', {
        key: behind.keys.admin,
        body: { name: 'shop', allowed_ips: ['203.0.113.0/24'] },
      });
      const { key } = made.json<{ key: string }>();
      const from = async (remoteAddress: string, forwarded: string) =>
        (
          await behind.send('GET', '/v1/models', {
            key,
            remoteAddress,
            headers: { 'x-forwarded-for': forwarded },
          })
        ).statusCode;
      expect(await from('10.0.0.1', '203.0.113.5')).toBe(200);
      expect(await from('10.0.0.1', '203.0.113.5, 198.51.100.1')).toBe(403);
      expect(await from('198.51.100.1', '203.0.113.5')).toBe(403);
    } finally {
      await behind.close();
    }
  });
});

describe('limits for every key', () => {
  test('hold for keys of users that have none of their own', async () => {
    const limited = await startTestServer({ defaultLimits: { concurrentTasks: 1 } });
    try {
      const send = async (key: string) => (await limited.send('POST', PATH, { key, body })).statusCode;
      expect(await send(limited.keys.user)).toBe(200);
      expect(await send(limited.keys.user)).toBe(429);
      expect(await send(limited.keys.admin)).toBe(200);
      expect(await send(limited.keys.admin)).toBe(200);
    } finally {
      await limited.close();
    }
  });
});
