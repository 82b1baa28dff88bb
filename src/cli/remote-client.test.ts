import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { createRemoteClient } from './remote-client.ts';

const signal = new AbortController().signal;
const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** A server that answers each request in turn as it is told, and the last way from then on. */
const serverThat = async (...answers: readonly ((response: ServerResponse) => void)[]) => {
  let requests = 0;
  const server = createServer((request, response) => {
    request.resume();
    answers[Math.min(requests, answers.length - 1)]?.(response);
    requests += 1;
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  return {
    client: createRemoteClient({ url: `http://127.0.0.1:${port}`, apiKey: 'key' }),
    requests: () => requests,
  };
};

const tell = (status: string) => (response: ServerResponse) => response.end(JSON.stringify({ status }));
const cut = (response: ServerResponse) => response.destroy();
const drain = (response: ServerResponse) => {
  response.writeHead(503);
  response.end(JSON.stringify({ error: { code: 'shutting_down', message: 'The server is shutting down.' } }));
};

test('a server that restarts while a task is watched is waited for', async () => {
  const { client, requests } = await serverThat(tell('processing'), drain, cut, tell('completed'));
  await client.getTask('task_1', 0, signal);
  expect(await client.getTask('task_1', 20, signal)).toEqual({ status: 'completed' });
  expect(requests()).toBe(4);
});

test('a server that never answered is not', async () => {
  const { client, requests } = await serverThat(cut);
  await expect(client.getTask('task_1', 0, signal)).rejects.toThrow('does not answer');
  expect(requests()).toBe(1);
});

test('what does more than ask is sent once', async () => {
  const { client, requests } = await serverThat(tell('processing'), cut);
  await client.getTask('task_1', 0, signal);
  await expect(client.createTask({}, signal)).rejects.toThrow('does not answer');
  expect(requests()).toBe(2);
});
