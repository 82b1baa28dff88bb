import { randomBytes } from 'node:crypto';
import { get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../../test/http/test-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  await server.app.listen({ host: '127.0.0.1', port: 0 });
});
afterAll(() => server.close());

test('breaks the connection off, rather than lie, when a picture vanishes on the way', async () => {
  const id = await server.create({ response_format: 'b64_json', n: 2 });
  // More than the buffers of a socket hold: the second picture is not read before the client reads on.
  const images = await server.complete(id, [randomBytes(24 * 1024 * 1024), randomBytes(10)]);
  const { port } = server.app.server.address() as AddressInfo;
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const headers = { authorization: `Bearer ${server.keys.user}` };
    get({ host: '127.0.0.1', port, path: `/v1/images/generations/${id}`, headers }, resolve).on(
      'error',
      reject,
    );
  });
  await new Promise((resolve) => response.once('readable', resolve));
  await server.parts.images.delete(images[1]?.key ?? '');
  const outcome = await new Promise((resolve) => {
    let bytes = 0;
    response
      .on('data', (chunk: Buffer) => (bytes += chunk.length))
      .on('end', () => resolve('complete'))
      .on('error', (fault: NodeJS.ErrnoException) => resolve([fault.code, bytes > 24 * 1024 * 1024]));
  });
  expect(outcome).toEqual(['ECONNRESET', true]);
});
