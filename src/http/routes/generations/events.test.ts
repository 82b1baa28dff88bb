import { randomBytes } from 'node:crypto';
import { get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../../../../test/http/test-server.ts';
import type { TaskView } from './schema.ts';

let server: TestServer;
beforeEach(async () => {
  server = await startTestServer();
});
afterEach(() => server.close());

interface Event {
  readonly event: string;
  readonly id: string;
  readonly data: TaskView;
}

/** The events of a stream's text; comments are left out. */
const eventsOf = (text: string): Event[] =>
  text
    .split('\n\n')
    .filter((block) => block.startsWith('event: '))
    .map((block) => {
      const [event = '', id = '', data = ''] = block
        .split('\n')
        .map((line) => line.slice(line.indexOf(' ') + 1));
      return { event, id, data: JSON.parse(data) as TaskView };
    });

const pathOf = (taskId: string): string => `/v1/images/generations/${taskId}/events`;
const all = async (taskId: string, headers: Record<string, string> = {}) =>
  server.send('GET', pathOf(taskId), { headers });

/** Opens a real connection, whose text can be waited for. */
const open = async (taskId: string) => {
  if (server.app.server.address() === null) await server.app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = server.app.server.address() as AddressInfo;
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const headers = { authorization: `Bearer ${server.keys.user}` };
    get({ host: '127.0.0.1', port, path: pathOf(taskId), headers }, resolve).on('error', reject);
  });
  let text = '';
  response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  return {
    response,
    text: () => text,
    /** Resolves when the text holds this. */
    until: async (wanted: string): Promise<void> => {
      while (!text.includes(wanted)) await new Promise((resolve) => response.once('data', resolve));
    },
    ended: () =>
      new Promise((resolve) => (response.readableEnded ? resolve(undefined) : response.once('end', resolve))),
  };
};

describe('GET /v1/images/generations/{task_id}/events', () => {
  test('tells each state as it comes and ends after the last', async () => {
    const id = await server.create({ response_format: 'b64_json' });
    const stream = await open(id);
    expect(stream.response.headers['content-type']).toBe('text/event-stream; charset=utf-8');
    expect(stream.response.headers['x-request-id']).toMatch(/^req_/);
    await stream.until('id: 1');
    await server.begin(id);
    await stream.until('id: 2');
    await server.complete(id, [randomBytes(10)]);
    await stream.ended();
    const events = eventsOf(stream.text());
    expect(events.map(({ event, id: place, data }) => [event, place, data.status])).toEqual([
      ['task.updated', '1', 'pending'],
      ['task.updated', '2', 'processing'],
      ['task.completed', '3', 'completed'],
    ]);
    expect(events[2]?.data.images).toEqual([{ width: 1024, height: 1024, format: 'png' }]);
    expect(server.clock.timers()).toBe(0);
  });

  test('replays what has happened, as it was then', async () => {
    const id = await server.create();
    await server.fail(id, { code: 'provider_timeout', message: 'Too slow.', retryable: true });
    const answer = await all(id);
    const events = eventsOf(answer.body);
    expect(events.map(({ event }) => event)).toEqual(['task.updated', 'task.updated', 'task.failed']);
    expect(events[0]?.data).not.toHaveProperty('started_at');
    expect(events[1]?.data).not.toHaveProperty('error');
    expect(events[2]?.data.error?.code).toBe('provider_timeout');
  });

  test('goes on after Last-Event-ID, and makes an EventSource stop when there is nothing more', async () => {
    const id = await server.create();
    await server.complete(id, [randomBytes(1)]);
    const rest = await all(id, { 'last-event-id': '2' });
    expect(eventsOf(rest.body).map((event) => event.id)).toEqual(['3']);
    expect((await all(id, { 'last-event-id': '3' })).statusCode).toBe(204);
    expect(eventsOf((await all(id, { 'last-event-id': 'x' })).body)).toHaveLength(3);
  });

  test('skips the state that a task cancelled in time never had', async () => {
    const id = await server.create();
    await server.send('POST', `/v1/images/generations/${id}/cancel`);
    expect(eventsOf((await all(id)).body).map((event) => event.id)).toEqual(['1', '3']);
  });

  test('sends a comment every 15 s', async () => {
    const id = await server.create();
    const stream = await open(id);
    await stream.until('id: 1');
    server.clock.advance(15_000);
    await stream.until(': still here');
    expect(eventsOf(stream.text())).toHaveLength(1);
    stream.response.destroy();
  });

  test('lets go of everything when the client leaves', async () => {
    const id = await server.create();
    const stream = await open(id);
    await stream.until('id: 1');
    expect(server.clock.timers()).toBe(1);
    stream.response.destroy();
    while (server.clock.timers() > 0) await new Promise((resolve) => setImmediate(resolve));
  });

  test('ends when the task is deleted, and when the process stops', async () => {
    const [one, other] = [await server.create(), await server.create()];
    const [first, second] = [await open(one), await open(other)];
    await Promise.all([first.until('id: 1'), second.until('id: 1')]);
    await server.send('DELETE', `/v1/images/generations/${one}`);
    await first.ended();
    server.draining.abort();
    await second.ended();
    expect(eventsOf(second.text())).toHaveLength(1);
  });

  test('does not find foreign tasks', async () => {
    const id = await server.create();
    expect((await server.send('GET', pathOf(id), { key: server.keys.stranger })).statusCode).toBe(404);
  });
});
