import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../../../../test/http/test-server.ts';
import { createLogger } from '../../../observe/logger.ts';
import type { DeliveryView, EndpointView } from './schema.ts';

const ENDPOINTS = '/v1/webhooks/endpoints';
const SIGNING_SECRET = '/v1/webhooks/signing-secret';
const DELIVERIES = '/v1/webhooks/deliveries';
const URL_OF_SHOP = 'https://shop.example/hooks';

const lines: string[] = [];
let server: TestServer;
beforeAll(async () => {
  const logger = createLogger({ level: 'trace', destination: { write: (line) => void lines.push(line) } });
  server = await startTestServer({ logger });
});
afterAll(() => server.close());

const create = async (url = URL_OF_SHOP): Promise<EndpointView & { secret: string }> =>
  (await server.send('POST', ENDPOINTS, { body: { url } })).json();

/** A task that failed, and its delivery. */
const tell = async (): Promise<{ taskId: string; delivery: DeliveryView }> => {
  const taskId = await server.create({ webhook_url: URL_OF_SHOP });
  await server.fail(taskId, { code: 'provider_timeout', message: 'Too slow.', retryable: true });
  const list = await server.send('GET', `${DELIVERIES}?task_id=${taskId}`);
  const delivery = list
    .json<{ data: DeliveryView[] }>()
    .data.find(({ endpoint_id }) => endpoint_id === undefined);
  if (delivery === undefined) throw new Error('There is no delivery');
  return { taskId, delivery };
};

describe('/v1/webhooks/endpoints', () => {
  test('shows the secret when it is made and rotated, and never else', async () => {
    const made = await server.send('POST', ENDPOINTS, { body: { url: URL_OF_SHOP } });
    expect(made.statusCode).toBe(201);
    expect(made.headers['cache-control']).toBe('no-store');
    const { id, secret } = made.json<{ id: string; secret: string }>();
    expect(made.headers['location']).toBe(`${ENDPOINTS}/${id}`);
    expect(made.json()).toEqual({
      id: expect.stringMatching(/^wh_/),
      url: URL_OF_SHOP,
      created_at: expect.any(Number),
      secret: expect.stringMatching(/^whsec_/),
    });

    const rotated = await server.send('POST', `${ENDPOINTS}/${id}/rotate-secret`);
    const { secret: next } = rotated.json<{ secret: string }>();
    expect(next).not.toBe(secret);

    const answers = [
      await server.send('GET', `${ENDPOINTS}/${id}`),
      await server.send('GET', ENDPOINTS),
      await server.send('POST', `${ENDPOINTS}/${id}/enable`),
      await server.send('GET', DELIVERIES),
    ];
    for (const answer of answers) {
      expect(answer.statusCode).toBe(200);
      expect(answer.body).not.toContain('whsec_');
    }
    expect(lines.join('')).toContain(ENDPOINTS);
    expect(lines.join('')).not.toContain('whsec_');

    expect((await server.send('DELETE', `${ENDPOINTS}/${id}`)).statusCode).toBe(204);
    expect((await server.send('GET', `${ENDPOINTS}/${id}`)).statusCode).toBe(404);
  });

  test.each([
    [{}, 'invalid_parameter', 'url'],
    [{ url: 'ftp://shop.example' }, 'invalid_parameter', 'url'],
    [{ url: 'https://user:pass@shop.example' }, 'invalid_parameter', 'url'],
    [{ url: URL_OF_SHOP, secret: 'mine' }, 'unknown_parameter', 'secret'],
  ])('refuses %j', async (body, code, param) => {
    const answer = await server.send('POST', ENDPOINTS, { body });
    expect(answer.statusCode).toBe(400);
    expect(answer.json()).toMatchObject({ error: { code, param } });
  });

  test('does not find what is another key’s, or nonsense', async () => {
    const { id } = await create();
    for (const path of [`${ENDPOINTS}/${id}`, `${ENDPOINTS}/wh_nonsense`]) {
      const answers = [
        await server.send('GET', path, { key: server.keys.stranger }),
        await server.send('DELETE', path, { key: server.keys.stranger }),
        await server.send('POST', `${path}/enable`, { key: server.keys.stranger }),
        await server.send('POST', `${path}/rotate-secret`, { key: server.keys.stranger }),
      ];
      for (const answer of answers) {
        expect(answer.statusCode).toBe(404);
        expect(answer.json()).toMatchObject({ error: { code: 'webhook_endpoint_not_found' } });
      }
    }
    expect((await server.send('GET', `${ENDPOINTS}/${id}`)).statusCode).toBe(200);
  });
});

describe('/v1/webhooks/signing-secret', () => {
  test('is each key’s own, and stays until it is rotated', async () => {
    const read = async (key?: string) =>
      (await server.send('GET', SIGNING_SECRET, key === undefined ? {} : { key })).json<{ secret: string }>();
    const { secret } = await read();
    expect(secret).toMatch(/^whsec_/);
    expect((await read()).secret).toBe(secret);
    expect((await read(server.keys.stranger)).secret).not.toBe(secret);
    const rotated = (await server.send('POST', `${SIGNING_SECRET}/rotate`)).json<{ secret: string }>();
    expect(rotated).toMatchObject({ previous_expires_at: expect.any(Number) });
    expect(rotated.secret).not.toBe(secret);
    expect((await read()).secret).toBe(rotated.secret);
  });
});

describe('/v1/webhooks/deliveries', () => {
  test('shows what is to be told of a task', async () => {
    const { taskId, delivery } = await tell();
    expect(delivery).toEqual({
      id: expect.stringMatching(/^evt_/),
      type: 'task.failed',
      task_id: taskId,
      url: URL_OF_SHOP,
      state: 'pending',
      attempts: 0,
      created_at: expect.any(Number),
      next_attempt_at: expect.any(Number),
    });
  });

  test('comes in pages', async () => {
    await tell();
    await tell();
    const page = await server.send('GET', `${DELIVERIES}?limit=1`);
    const { data, has_more, last_id } = page.json<{
      data: DeliveryView[];
      has_more: boolean;
      last_id: string;
    }>();
    expect([data.length, has_more, last_id]).toEqual([1, true, data[0]?.id]);
    const next = await server.send('GET', `${DELIVERIES}?limit=100&after=${last_id}`);
    expect(next.json<{ data: DeliveryView[] }>().data.map(({ id }) => id)).not.toContain(last_id);
  });

  test.each([
    ['state=done', 'invalid_parameter', 'state'],
    ['after=evt_nonsense', 'invalid_parameter', 'after'],
    ['task=x', 'unknown_parameter', 'task'],
  ])('refuses ?%s', async (query, code, param) => {
    const answer = await server.send('GET', `${DELIVERIES}?${query}`);
    expect(answer.statusCode).toBe(400);
    expect(answer.json()).toMatchObject({ error: { code, param } });
  });

  test('sends again what is the caller’s and can be sent', async () => {
    const { taskId, delivery } = await tell();
    const path = `${DELIVERIES}/${delivery.id}/redeliver`;
    const again = await server.send('POST', path);
    expect(again.statusCode).toBe(200);
    expect(again.json()).toMatchObject({ id: delivery.id, state: 'pending', attempts: 0 });

    const foreign = await server.send('POST', path, { key: server.keys.stranger });
    expect(foreign.statusCode).toBe(404);
    expect(foreign.json()).toMatchObject({ error: { code: 'delivery_not_found' } });

    await server.send('DELETE', `/v1/images/generations/${taskId}`);
    const late = await server.send('POST', path);
    expect(late.statusCode).toBe(404);
    expect(late.json()).toMatchObject({ error: { code: 'task_not_found' } });
  });

  test('sends nothing again to an endpoint that is disabled or gone', async () => {
    const { id } = await create();
    const { taskId } = await tell();
    const delivery = (
      await server.parts.webhooks.deliveries({ keyId: server.keys.userKey.id, limit: 9, taskId })
    ).deliveries.find(({ endpointId }) => endpointId === id);
    if (delivery === undefined) throw new Error('There is no delivery');
    await server.webhooks.recordAttempts([
      { delivery, atMs: server.clock.nowMs(), state: 'failed', status: 410, disableReason: 'Gone.' },
    ]);
    const path = `${DELIVERIES}/${delivery.id}/redeliver`;
    const disabled = await server.send('POST', path);
    expect(disabled.statusCode).toBe(409);
    expect(disabled.json()).toMatchObject({ error: { code: 'webhook_endpoint_disabled' } });
    expect((await server.send('GET', `${ENDPOINTS}/${id}`)).json()).toMatchObject({
      disabled_at: expect.any(Number),
      disabled_reason: 'Gone.',
    });

    await server.send('DELETE', `${ENDPOINTS}/${id}`);
    const gone = await server.send('POST', path);
    expect(gone.statusCode).toBe(404);
    expect(gone.json()).toMatchObject({ error: { code: 'webhook_endpoint_not_found' } });
  });
});
