/** Prompts that are refused before anything is accepted, paid, or told to an upstream. */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { TaskView } from '../src/http/routes/generations/schema.ts';
import { type RunningApp, startApp } from './support/app.ts';

/** A moderation service that flags what says so. */
const startModeration = async () => {
  const asked: { readonly headers: IncomingHttpHeaders; readonly body: object }[] = [];
  let answer = (input: string): string =>
    JSON.stringify({ results: [{ flagged: input.includes('flag me') }] });
  let status = 200;
  let isSilent = false;
  const judge = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = JSON.parse(await text(request)) as { input: string };
    asked.push({ headers: request.headers, body });
    if (!isSilent) response.writeHead(status, { location: '/elsewhere' }).end(answer(body.input));
  };
  const server = createServer((request, response) => void judge(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    asked,
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    fail: (how: { readonly status?: number; readonly answer?: string; readonly isSilent?: boolean }) => {
      status = how.status ?? 200;
      isSilent = how.isSilent ?? false;
      if (how.answer !== undefined) answer = () => how.answer ?? '';
    },
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
};

let moderation: Awaited<ReturnType<typeof startModeration>>;
const running: RunningApp[] = [];
beforeEach(async () => {
  moderation = await startModeration();
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((app) => app[Symbol.asyncDispose]()));
  moderation.close();
});

const start = async (policy: string): Promise<RunningApp> => {
  const app = await startApp(`content_policy: ${policy}`);
  running.push(app);
  return app;
};

const send = (app: RunningApp, url: string, body: object, headers: Record<string, string> = {}) =>
  app.app.server.inject({
    method: 'POST',
    url,
    headers: { authorization: `Bearer ${app.key}`, ...headers },
    payload: body,
  });

const tasksOf = async (app: RunningApp): Promise<number> =>
  (await app.get<{ data: object[] }>('/v1/images/generations')).data.length;

const native = '/v1/images/generations';
const openai = '/openai/v1/images/generations';

describe('a word list', () => {
  test('refuses on every door, and no task is made', async () => {
    const app = await start('{ words: [Forbidden, 禁止] }');
    for (const prompt of ['a ｆｏｒｂｉｄｄｅｎ fox', '此处禁止吸烟']) {
      for (const url of [native, openai]) {
        const answer = await send(app, url, { model: 'seedream-3.0', prompt });
        expect([answer.statusCode, answer.json()]).toMatchObject([
          400,
          { error: { code: 'content_policy_violation', param: 'prompt', type: 'invalid_request_error' } },
        ]);
      }
    }
    expect(await tasksOf(app)).toBe(0);
  });

  test('leaves its verdict on the task', async () => {
    const app = await start('{ words: [forbidden] }');
    const { task_id } = await app.submit({ prompt: 'an unforbidden fox' });
    expect(await app.endOf(task_id)).toMatchObject({
      status: 'completed',
      content_checks: [{ checked: 'prompt', by: 'word_list', verdict: 'allowed' }],
    });
  });
});

describe('a moderation service', () => {
  const policy = (more = ''): string =>
    `{ moderation: { url: 'http://${moderation.host}/v1/moderations', api_key: planted, model: guard, timeout: 300ms ${more} } }`;

  test('is asked with its own key, and its verdict holds', async () => {
    const app = await start(policy());
    const refused = await send(app, native, { model: 'seedream-3.0', prompt: 'flag me' });
    expect([refused.statusCode, refused.json()]).toMatchObject([
      400,
      { error: { code: 'content_policy_violation' } },
    ]);
    expect(await tasksOf(app)).toBe(0);
    const task = await app.generate({ prompt: 'a fox' });
    expect(task.content_checks).toEqual([
      { checked: 'prompt', by: 'moderation', service: moderation.host, verdict: 'allowed' },
    ]);
    expect(moderation.asked.map(({ body }) => body)).toEqual([
      { input: 'flag me', model: 'guard' },
      { input: 'a fox', model: 'guard' },
    ]);
    expect(moderation.asked[0]?.headers.authorization).toBe('Bearer planted');
  });

  test('is not asked again for a repeated request', async () => {
    const app = await start(policy());
    const repeat = () =>
      send(app, native, { model: 'seedream-3.0', prompt: 'a fox' }, { 'idempotency-key': 'once' });
    const [first, second] = [await repeat(), await repeat()];
    expect(second.json<TaskView>().task_id).toBe(first.json<TaskView>().task_id);
    expect(second.headers['idempotent-replayed']).toBe('true');
    expect(moderation.asked).toHaveLength(1);
  });

  test.each([
    ['says nothing', { isSilent: true }],
    ['fails', { status: 500 }],
    ['is elsewhere now', { status: 302 }],
    ['answers nonsense', { answer: '<html>' }],
    ['answers without a verdict', { answer: '{"results":[]}' }],
  ])('that %s refuses or lets pass, as configured', async (_what, how) => {
    moderation.fail(how);
    const closed = await start(policy());
    const refused = await send(closed, native, { model: 'seedream-3.0', prompt: 'a fox' });
    expect([refused.statusCode, refused.json()]).toMatchObject([
      503,
      { error: { code: 'moderation_unavailable' } },
    ]);
    expect(await tasksOf(closed)).toBe(0);
    const open = await start(policy(', on_failure: allow'));
    const task = await open.submit({ prompt: 'a fox' });
    expect(task.content_checks).toEqual([
      { checked: 'prompt', by: 'moderation', service: moderation.host, verdict: 'unchecked' },
    ]);
  });
});
