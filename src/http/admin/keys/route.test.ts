import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../../../../test/http/test-server.ts';

const PATH = '/admin/v1/keys';
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const admin = (method: 'GET' | 'POST' | 'DELETE', url: string, body?: unknown) =>
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
});
