import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../../../../test/http/test-server.ts';

const PATH = '/admin/v1/keys';
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const admin = (method: 'GET' | 'POST' | 'PATCH' | 'DELETE', url: string, body?: unknown) =>
  server.send(method, url, { key: server.keys.admin, body });

describe('/admin/v1/keys', () => {
  test('makes a key that works, lists it without itself, revokes it', async () => {
    const made = await admin('POST', PATH, { name: 'shop' });
    expect(made.statusCode).toBe(201);
    const { id, key } = made.json<{ id: string; key: string }>();
    expect(made.json()).toEqual({ id, name: 'shop', role: 'user', key });
    expect((await server.send('GET', '/v1/models', { key })).statusCode).toBe(200);

    const list = await admin('GET', PATH);
    expect(list.body).not.toContain(key);
    expect(list.json<{ data: unknown[] }>().data).toContainEqual({
      id,
      name: 'shop',
      role: 'user',
      hint: expect.any(String),
      created_at: expect.any(Number),
    });

    const revoked = await admin('DELETE', `${PATH}/${id}`);
    expect(revoked.json()).toMatchObject({ id, revoked_at: expect.any(Number) });
    server.clock.advance(1000);
    expect((await server.send('GET', '/v1/models', { key })).statusCode).toBe(401);
  });

  test('is for administrators', async () => {
    for (const method of ['GET', 'POST'] as const) {
      const answer = await server.send(method, PATH);
      expect(answer.statusCode).toBe(403);
      expect(answer.json()).toMatchObject({ error: { code: 'insufficient_role', type: 'permission_error' } });
    }
  });

  test.each([
    [{}, 'invalid_parameter', 'name'],
    [{ name: ' ' }, 'invalid_parameter', 'name'],
    [{ name: 'x', role: 'root' }, 'invalid_parameter', 'role'],
    [{ name: 'x', key: 'chosen' }, 'unknown_parameter', 'key'],
  ])('refuses %j', async (body, code, param) => {
    const answer = await admin('POST', PATH, body);
    expect(answer.statusCode).toBe(400);
    expect(answer.json()).toMatchObject({ error: { code, param } });
  });

  test.each(['x', 'key_00000000000000000000000000'])('does not find %s', async (id) => {
    const answer = await admin('DELETE', `${PATH}/${id}`);
    expect(answer.statusCode).toBe(404);
    expect(answer.json()).toMatchObject({ error: { code: 'key_not_found' } });
  });

  test('shows what was set, changes it and takes it away', async () => {
    const settings = {
      models: ['jimeng'],
      allowed_ips: ['127.0.0.1', '10.0.0.0/8'],
      expires_at: 4_000_000_000,
      requests_per_minute: 60,
      concurrent_tasks: 4,
      images_per_day: 100,
      budget: { amount: 12.345678, currency: 'CNY', period: 'day' },
    };
    const made = await admin('POST', PATH, { name: 'kiosk', ...settings });
    expect(made.json()).toMatchObject({ role: 'user', ...settings });
    const { id } = made.json<{ id: string }>();
    expect((await admin('GET', `${PATH}/${id}`)).json()).toMatchObject({ id, name: 'kiosk', ...settings });

    const changed = await admin('PATCH', `${PATH}/${id}`, {
      name: 'stand',
      models: null,
      budget: null,
      images_per_day: 5,
    });
    const { models: _, budget: __, ...rest } = settings;
    expect(changed.statusCode).toBe(200);
    expect(changed.json()).toEqual({
      id,
      name: 'stand',
      role: 'user',
      hint: expect.any(String),
      created_at: expect.any(Number),
      ...rest,
      images_per_day: 5,
    });
  });

  test('gives a key a new secret, and says until when the one before works', async () => {
    const made = (await admin('POST', PATH, { name: 'turning' })).json<{ id: string; key: string }>();
    const turned = await admin('POST', `${PATH}/${made.id}/rotate`, { overlap_seconds: 60 });
    expect(turned.headers['cache-control']).toBe('no-store');
    const { key, previous_expires_at } = turned.json<{ key: string; previous_expires_at: number }>();
    expect(previous_expires_at).toBe(Math.floor(server.clock.nowMs() / 1000) + 60);
    const statusOf = async (secret: string) =>
      (await server.send('GET', '/v1/models', { key: secret })).statusCode;
    expect(await statusOf(made.key)).toBe(200);
    expect(await statusOf(key)).toBe(200);
    server.clock.advance(60_000);
    expect(await statusOf(made.key)).toBe(401);
    expect(await statusOf(key)).toBe(200);
  });

  test('leaves the key of the environment alone', async () => {
    await server.bootstrap('a-key-from-the-environment');
    const { data } = (await admin('GET', PATH)).json<{ data: { id: string; name: string }[] }>();
    const id = data.find(({ name }) => name === 'bootstrap')?.id;
    for (const [method, path, body] of [
      ['PATCH', `${PATH}/${id}`, { images_per_day: 1 }],
      ['POST', `${PATH}/${id}/rotate`, {}],
      ['POST', PATH, { name: 'bootstrap' }],
    ] as const) {
      const answer = await admin(method, path, body);
      expect(answer.statusCode).toBe(400);
      expect(answer.body).toContain('LIMNER_API_KEY');
    }
  });

  test.each([
    [{ requests_per_minute: 0 }, 'requests_per_minute'],
    [{ concurrent_tasks: 1.5 }, 'concurrent_tasks'],
    [{ images_per_day: '9' }, 'images_per_day'],
    [{ allowed_ips: ['shop.example'] }, 'allowed_ips'],
    [{ allowed_ips: [] }, 'allowed_ips'],
    [{ models: [] }, 'models'],
    [{ expires_at: 'tomorrow' }, 'expires_at'],
    [{ budget: { amount: 1, currency: 'cny', period: 'day' } }, 'budget'],
    [{ role: 'admin' }, 'role'],
  ])('does not change a key to %j', async (body, param) => {
    const answer = await admin('PATCH', `${PATH}/${server.keys.userKey.id}`, body);
    expect(answer.statusCode).toBe(400);
    expect(answer.json()).toMatchObject({ error: { param } });
  });

  test('writes every act down, and shows the log to administrators', async () => {
    const made = await server.send('POST', PATH, {
      key: server.keys.admin,
      body: { name: 'watched' },
      remoteAddress: '203.0.113.7',
    });
    const { id, key } = made.json<{ id: string; key: string }>();
    server.clock.advance(1);
    await admin('DELETE', `${PATH}/${id}`);
    const log = await admin('GET', '/admin/v1/audit?limit=2');
    expect(log.json()).toMatchObject({
      has_more: true,
      data: [
        { act: 'key.revoke', target: id },
        {
          act: 'key.create',
          target: id,
          actor: { key_id: server.keys.adminKey.id, name: 'admin', address: '203.0.113.7' },
          details: { name: 'watched' },
        },
      ],
    });
    expect(log.body).not.toContain(key);
    const lastId = log.json<{ last_id: string }>().last_id;
    const next = await admin('GET', `/admin/v1/audit?limit=1&after=${lastId}`);
    expect(next.json<{ data: unknown[] }>().data).toHaveLength(1);
    expect((await server.send('GET', '/admin/v1/audit')).statusCode).toBe(403);
  });
});
