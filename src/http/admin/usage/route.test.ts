import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { START_MS, startTestServer, type TestServer } from '../../../../test/http/test-server.ts';
import { toCsv } from './csv.ts';

const PATH = '/admin/v1/usage';
const day = new Date(START_MS).toISOString().slice(0, 10);

let server: TestServer;
let other: { readonly id: string; readonly key: string };

const report = async <Data = Record<string, unknown>[]>(query: string, key = server.keys.admin) =>
  (await server.send('GET', `${PATH}?${query}`, { key })).json<{ data: Data; from: string; to: string }>();

const submit = async (key: string, model: string): Promise<string> =>
  (await server.send('POST', '/v1/images/generations', { key, body: { model, prompt: 'A red fox' } })).json<{
    task_id: string;
  }>().task_id;

beforeAll(async () => {
  server = await startTestServer();
  const made = await server.send('POST', '/admin/v1/keys', {
    key: server.keys.admin,
    body: { name: '=cmd|shop, "the" one', budget: { amount: 9, currency: 'CNY', period: 'total' } },
  });
  other = made.json();
  const picture = new Uint8Array([1]);
  await server.complete(await submit(server.keys.user, 'jimeng'), [picture]);
  await server.complete(await submit(other.key, 'jimeng'), [picture]);
  server.clock.advance(24 * 60 * 60 * 1000);
  await server.complete(await submit(other.key, 'keling'), [picture]);
  const failed = await submit(other.key, 'keling');
  await server.fail(failed, { code: 'provider_unavailable', message: 'No.', retryable: true });
  // Still open: nothing of it is counted yet.
  await submit(other.key, 'keling');
});
afterAll(() => server.close());

describe('/admin/v1/usage', () => {
  test('tells keys, models, providers and days apart, as asked', async () => {
    const next = new Date(START_MS + 24 * 60 * 60 * 1000).toISOString().slice(0, 10);
    expect((await report('group_by=day')).data).toMatchObject([
      { day, tasks: 2, failed_tasks: 0, images: 2, calls: 2, cost: 0.518 },
      { day: next, tasks: 2, failed_tasks: 1, images: 1, calls: 2 },
    ]);
    const byKey = (await report('group_by=model,key')).data;
    expect(byKey.filter(({ key_name }) => key_name === 'user')).toMatchObject([
      { model: 'jimeng', tasks: 1 },
    ]);
    expect(byKey.filter(({ key_id }) => key_id === other.id)).toMatchObject([
      { model: 'jimeng', tasks: 1 },
      { model: 'keling', tasks: 2, failed_tasks: 1, images: 1 },
    ]);
    expect((await report('group_by=provider')).data).toMatchObject([
      { provider: 'hand', tasks: 4, images: 3 },
    ]);
  });

  test('counts one key, model, provider, or some days only', async () => {
    const one = { tasks: 1, images: 1, unconfirmed_calls: 0, cost: 0.259, currency: 'CNY' };
    expect((await report(`key_id=${other.id}&model=jimeng`)).data).toMatchObject([one]);
    expect((await report('provider=nobody')).data).toEqual([]);
    const first = await report(`from=${day}&to=${day}&group_by=key`);
    expect(first).toMatchObject({ from: day, to: day });
    expect(first.data).toHaveLength(2);
  });

  test('is a table for spreadsheets, in which no name is a formula', async () => {
    const answer = await server.send('GET', `${PATH}?group_by=key,model&format=csv&key_id=${other.id}`, {
      key: server.keys.admin,
    });
    expect(answer.headers['content-type']).toBe('text/csv; charset=utf-8');
    expect(answer.headers['content-disposition']).toMatch(/^attachment; filename="limner-usage-/);
    expect(answer.body.split('\r\n').slice(0, 2)).toEqual([
      'key_id,key_name,model,tasks,failed_tasks,images,calls,failed_calls,unconfirmed_calls,cost,currency',
      `${other.id},"'=cmd|shop, ""the"" one",jimeng,1,0,1,1,0,0,0.259,CNY`,
    ]);
  });

  test.each([
    ['group_by=colour', 'group_by'],
    ['from=yesterday', 'from'],
    ['from=2026-13-01', 'from'],
    ['from=2026-01-02&to=2026-01-01', 'from'],
    ['from=2020-01-01&to=2026-01-01', 'from'],
    ['colour=red', 'colour'],
  ])('refuses %s', async (query, param) => {
    const answer = await server.send('GET', `${PATH}?${query}`, { key: server.keys.admin });
    expect(answer.statusCode).toBe(400);
    expect(answer.json()).toMatchObject({ error: { param } });
  });

  test('is for administrators; everybody may read their own', async () => {
    expect((await server.send('GET', PATH)).statusCode).toBe(403);
    const own = await server.send('GET', '/v1/usage');
    expect(own.json()).toMatchObject({
      key_id: server.keys.userKey.id,
      data: [{ model: 'jimeng', tasks: 1, images: 1 }],
      limits: {},
      remaining: {},
      open_tasks: 0,
    });
    expect(own.body).not.toContain('hand');
  });
});

test('cells of CSV keep what is in them', () => {
  expect(toCsv(['a', 'b'], [{ a: 'x\ny', b: -1 }, { a: '-1' }] as { a: string; b: number }[])).toBe(
    'a,b\r\n"x\ny",-1\r\n\'-1,\r\n',
  );
});
