import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../../../../test/http/test-server.ts';
import type { TaskView } from '../generations/schema.ts';

const picture = randomBytes(1000);
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const linkOf = async (responseFormat: 'url' | 'oss_url'): Promise<string> => {
  const id = await server.create({ response_format: responseFormat });
  await server.complete(id, [picture]);
  const task = (await server.send('GET', `/v1/images/generations/${id}`)).json<TaskView>();
  const link = task.images?.[0]?.[responseFormat] ?? '';
  return link.replace('https://pictures.example', '');
};
const read = (url: string, headers: Record<string, string> = {}) => server.app.inject({ url, headers });

describe('GET /files/{image}', () => {
  test('hands out the bytes without a key, safe to show', async () => {
    const answer = await read(await linkOf('url'));
    expect(answer.statusCode).toBe(200);
    expect(answer.rawPayload).toEqual(picture);
    expect(answer.headers).toMatchObject({
      'content-type': 'image/png',
      'content-length': '1000',
      'cache-control': 'private, max-age=3600, immutable',
      'content-disposition': expect.stringMatching(/^inline; filename="img_[0-9a-z]{26}\.png"$/),
      'content-security-policy': "default-src 'none'; sandbox",
      'cross-origin-resource-policy': 'cross-origin',
      'access-control-allow-origin': '*',
      'x-content-type-options': 'nosniff',
      'accept-ranges': 'bytes',
      etag: expect.stringMatching(/^"img_[0-9a-z]{26}"$/),
    });
  });

  test('expires: 410 from the second that the link names', async () => {
    const link = await linkOf('url');
    server.clock.advance(3_599_000);
    expect((await read(link)).headers['cache-control']).toBe('private, max-age=1, immutable');
    server.clock.advance(1000);
    const answer = await read(link);
    expect(answer.statusCode).toBe(410);
    expect(answer.json()).toMatchObject({ error: { code: 'image_expired' } });
  });

  test('a permanent link does not expire', async () => {
    const link = await linkOf('oss_url');
    server.clock.advance(365 * 24 * 60 * 60 * 1000);
    expect((await read(link)).headers['cache-control']).toBe('private, max-age=31536000, immutable');
  });

  test.each<[string, (link: string) => string]>([
    ['no signature', (link) => link.replace(/&signature=.*/, '')],
    ['another last character', (link) => link.slice(0, -1) + (link.endsWith('A') ? 'B' : 'A')],
    [
      'a later end',
      (link) => link.replace(/expires=(\d+)/, (_, seconds: string) => `expires=${Number(seconds) + 1}`),
    ],
    ['no end', (link) => link.replace(/expires=\d+&/, '')],
    ['an end in another form', (link) => link.replace('expires=', 'expires=0')],
    ['another format', (link) => link.replace('.png', '.jpg')],
    ['the signature twice', (link) => `${link}&signature=x`],
    ['another image', (link) => link.replace(/img_.{26}/, `img_${'0'.repeat(26)}`)],
    ['an empty query', (link) => link.replace(/\?.*/, '')],
  ])('a tampered link is not found: %s', async (_name, tamper) => {
    const link = await linkOf('url');
    const answer = await read(tamper(link));
    expect(answer.statusCode).toBe(404);
    expect(answer.json()).toMatchObject({ error: { code: 'image_not_found' } });
  });

  test.each([
    ['bytes=0-0', 206, 'bytes 0-0/1000', picture.subarray(0, 1)],
    ['bytes=10-19', 206, 'bytes 10-19/1000', picture.subarray(10, 20)],
    ['bytes=990-', 206, 'bytes 990-999/1000', picture.subarray(990)],
    ['bytes=-5', 206, 'bytes 995-999/1000', picture.subarray(995)],
    ['bytes=-5000', 206, 'bytes 0-999/1000', picture],
    ['bytes=0-5000', 206, 'bytes 0-999/1000', picture],
    ['bytes=1000-', 416, 'bytes */1000', Buffer.alloc(0)],
    ['bytes=-0', 416, 'bytes */1000', Buffer.alloc(0)],
    ['bytes=5-4', 200, undefined, picture],
    ['bytes=0-1,5-6', 200, undefined, picture],
    ['bytes=-', 200, undefined, picture],
    ['lines=0-1', 200, undefined, picture],
  ])('Range: %s', async (range, status, contentRange, body) => {
    const answer = await read(await linkOf('url'), { range });
    expect(answer.statusCode).toBe(status);
    expect(answer.headers['content-range']).toBe(contentRange);
    expect(answer.headers['content-length']).toBe(String(body.length));
    expect(answer.rawPayload).toEqual(body);
  });

  test('If-Range with another validator gives the whole', async () => {
    const link = await linkOf('url');
    const etag = String((await read(link)).headers.etag);
    expect((await read(link, { range: 'bytes=0-0', 'if-range': etag })).statusCode).toBe(206);
    expect((await read(link, { range: 'bytes=0-0', 'if-range': '"other"' })).statusCode).toBe(200);
  });

  test('If-None-Match gives 304, HEAD gives the headers', async () => {
    const link = await linkOf('url');
    const whole = await read(link);
    const same = await read(link, { 'if-none-match': String(whole.headers.etag) });
    expect([same.statusCode, same.body]).toEqual([304, '']);
    const head = await server.app.inject({ method: 'HEAD', url: link });
    expect([head.statusCode, head.headers['content-length'], head.body]).toEqual([200, '1000', '']);
  });
});
