import { createServer, type RequestListener, type Server } from 'node:http';
import {
  createServer as createTcpServer,
  type AddressInfo,
  type Server as TcpServer,
  type Socket,
} from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PictureSink } from './inline-pictures.ts';
import { AnswerLost, NotSent, type UpstreamAnswer, type UpstreamRequest } from './provider.ts';
import {
  createUpstreamClient,
  createUpstreamDispatcher,
  type UpstreamConnectionOptions,
} from './upstream-client.ts';

const picture = Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), Buffer.alloc(300_000, 'limner')]);
const get: UpstreamRequest = { method: 'GET', path: '/task', headers: {} };
const post: UpstreamRequest = { method: 'POST', path: '/images', headers: { 'x-key': 'k' }, body: '{"a":1}' };

describe('the upstream client', () => {
  const closing: (() => Promise<void>)[] = [];
  let files: Map<string, Buffer>;
  let sink: PictureSink;

  beforeEach(() => {
    files = new Map();
    sink = {
      create: async (name) => {
        const chunks: Uint8Array[] = [];
        return {
          write: (chunk) => {
            chunks.push(Uint8Array.from(chunk));
            return new Promise((resolve) => setImmediate(resolve));
          },
          finish: async () => void files.set(name, Buffer.concat(chunks)),
          discard: async () => {},
        };
      },
      remove: async (name) => void files.delete(name),
    };
  });
  afterEach(async () => {
    await Promise.all(closing.splice(0).map((close) => close()));
  });

  const listen = async (server: Server | TcpServer): Promise<string> => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closing.push(async () => {
      if ('closeAllConnections' in server) server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };
  const serve = (listener: RequestListener): Promise<string> => listen(createServer(listener));
  /** A server that speaks on the bare socket, once it has heard something. */
  const serveRaw = (speak: (socket: Socket) => void): Promise<string> =>
    listen(
      createTcpServer((socket) => {
        socket.on('error', () => {});
        socket.on('data', () => speak(socket));
      }),
    );

  const clientOf = (
    baseUrl: string,
    {
      signal = new AbortController().signal,
      ...options
    }: Partial<UpstreamConnectionOptions> & { signal?: AbortSignal } = {},
  ): { exchange(request: UpstreamRequest): Promise<UpstreamAnswer> } => {
    const dispatcher = createUpstreamDispatcher();
    closing.push(() => dispatcher.destroy());
    return createUpstreamClient({ baseUrl, dispatcher, sink, ...options }).forCall({
      callId: 'call_1',
      signal,
    });
  };

  it('sends what it is given and nothing else', async () => {
    const seen: unknown[] = [];
    const url = await serve((request, response) => {
      request.setEncoding('utf8').on('data', (body) => {
        seen.push({ method: request.method, url: request.url, headers: request.headers, body });
        response.setHeader('X-Request-Id', 'r1').end('{"ok":true}');
      });
    });
    const query = { Action: 'Submit', 'a b': "x&y=z+'*~é" };
    const answer = await clientOf(`${url}/api/v3/`).exchange({ ...post, query });
    expect(answer).toMatchObject({ status: 200, headers: { 'x-request-id': 'r1' }, json: { ok: true } });
    expect(seen).toEqual([
      {
        method: 'POST',
        url: '/api/v3/images?Action=Submit&a%20b=x%26y%3Dz%2B%27%2A~%C3%A9',
        headers: {
          host: url.slice('http://'.length),
          connection: 'keep-alive',
          accept: 'application/json',
          'accept-encoding': 'identity',
          'x-key': 'k',
          'content-length': '7',
        },
        body: '{"a":1}',
      },
    ]);
  });

  it('puts pictures in the sink before it answers, and numbers them through a call', async () => {
    const json = JSON.stringify({ data: [{ b64_json: picture.toString('base64') }] });
    const url = await serve((_request, response) => response.end(json));
    const client = clientOf(url);
    expect((await client.exchange(post)).json).toEqual({
      data: [{ b64_json: { spooled: 'call_1-inline-0' } }],
    });
    expect(files.get('call_1-inline-0')?.equals(picture)).toBe(true);
    expect((await client.exchange(get)).json).toEqual({
      data: [{ b64_json: { spooled: 'call_1-inline-1' } }],
    });
  });

  it.each([
    [200, '', undefined],
    [502, '<html>Bad gateway</html>', undefined],
    [400, '{"error":{"code":"x"}}', { error: { code: 'x' } }],
    [429, ' \n{"error":1}\n', { error: 1 }],
    [200, '\uFEFF[1]', [1]],
    [302, '"moved"', 'moved'],
  ])('gives the adapter what came, with status %i and the body %j', async (status, body, json) => {
    const url = await serve((_request, response) =>
      response.writeHead(status, { location: '/elsewhere' }).end(body),
    );
    expect(await clientOf(url).exchange(get)).toMatchObject({ status, json });
  });

  it('says that nothing was sent when nobody listens, or the name or the certificate is wrong', async () => {
    const server = createTcpServer();
    const url = await listen(server);
    await closing.pop()?.();
    await expect(clientOf(url).exchange(post)).rejects.toThrow(NotSent);
    await expect(clientOf('http://does-not-exist.invalid').exchange(post)).rejects.toThrow(NotSent);
    const plain = await serveRaw((socket) => socket.end('this is no TLS'));
    await expect(clientOf(plain.replace('http:', 'https:')).exchange(post)).rejects.toThrow(NotSent);
  });

  const brokenAnswers: readonly [string, (socket: Socket) => void, number | undefined][] = [
    ['closes without a word', (socket) => socket.end(), undefined],
    ['resets the connection', (socket) => socket.resetAndDestroy(), undefined],
    ['answers nonsense', (socket) => socket.end('hello there\r\n\r\n'), undefined],
    [
      'ends in the middle of the body',
      (socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{"a":'),
      200,
    ],
    [
      'ends in the middle of a chunk',
      (socket) => socket.end('HTTP/1.1 201 OK\r\ntransfer-encoding: chunked\r\n\r\nff\r\n{"a'),
      201,
    ],
    [
      'answers JSON that is cut off',
      (socket) => socket.end('HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{"a":[1,'),
      200,
    ],
    [
      'ends in the middle of a picture',
      (socket) =>
        socket.end(
          `HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{"a":"${picture.toString('base64', 0, 90_000)}`,
        ),
      200,
    ],
    [
      'ends behind a picture',
      (socket) =>
        socket.end(`HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{"a":"${picture.toString('base64')}",`),
      200,
    ],
  ];
  it.each(brokenAnswers)('calls it a lost answer when the upstream %s', async (_name, speak, status) => {
    const url = await serveRaw(speak);
    const error = await clientOf(url)
      .exchange(post)
      .catch((fault: unknown) => fault);
    expect(error).toBeInstanceOf(AnswerLost);
    expect(error).toMatchObject({ status });
    expect(files.size).toBe(0);
  });

  it('sends a request once, whatever comes of it', async () => {
    let requests = 0;
    const url = await serveRaw((socket) => {
      requests += 1;
      socket.resetAndDestroy();
    });
    const client = clientOf(url);
    await expect(client.exchange(get)).rejects.toThrow(AnswerLost);
    await expect(client.exchange(post)).rejects.toThrow(AnswerLost);
    expect(requests).toBe(2);
  });

  it('does not use a connection again that the upstream closed', async () => {
    const sockets: Socket[] = [];
    const server = createServer((_request, response) => response.end('{}'));
    server.on('connection', (socket) => sockets.push(socket));
    const url = await listen(server);
    const client = clientOf(url);
    for (let turn = 0; turn < 5; turn += 1) {
      await client.exchange(post);
      const socket = sockets.at(-1);
      const closed = new Promise((resolve) => socket?.on('close', resolve));
      socket?.end();
      await closed;
    }
    expect(sockets).toHaveLength(5);
  });

  it('uses a connection again that is open', async () => {
    const sockets = new Set<unknown>();
    const url = await serve((request, response) => {
      sockets.add(request.socket);
      response.end('{}');
    });
    const client = clientOf(url);
    for (let turn = 0; turn < 5; turn += 1) await client.exchange(post);
    // The pool may open a second one while the first still says goodbye to its answer.
    expect(sockets.size).toBeLessThanOrEqual(2);
  });

  it('gives up when it is told to, and tells whether the request may have left', async () => {
    const stop = new AbortController();
    let onClose = (): void => {};
    const closed = new Promise<void>((resolve) => {
      onClose = resolve;
    });
    const url = await serve((request) => {
      request.socket.on('close', onClose);
      stop.abort(new Error('deadline'));
    });
    await expect(clientOf(url, { signal: stop.signal }).exchange(post)).rejects.toThrow(AnswerLost);
    await closed;
    await expect(clientOf(url, { signal: stop.signal }).exchange(post)).rejects.toThrow(NotSent);
  });

  it('gives up in the middle of a picture, and leaves nothing of it', async () => {
    const stop = new AbortController();
    const url = await serve((_request, response) => {
      response.write(`{"a":"${picture.toString('base64', 0, 200_000)}`, () => stop.abort());
    });
    await expect(clientOf(url, { signal: stop.signal }).exchange(post)).rejects.toThrow(AnswerLost);
    expect(files.size).toBe(0);
  });

  it('gives up on an upstream that never answers', async () => {
    const url = await serve(() => {});
    // undici looks at such limits about once a second.
    await expect(clientOf(url, { answerTimeoutMs: 1 }).exchange(post)).rejects.toThrow(
      'UND_ERR_HEADERS_TIMEOUT',
    );
  });

  it.each<[string, Partial<UpstreamConnectionOptions>]>([
    ['of an answer', { maxAnswerBytes: 100_000 }],
    ['of its text', { maxTextBytes: 50 }],
    ['of a picture', { maxPictureBytes: 100_000 }],
  ])('does not take more than the limit %s', async (_name, options) => {
    const json = JSON.stringify({ text: 'x'.repeat(100), data: picture.toString('base64') });
    const url = await serve((_request, response) => response.end(json));
    await expect(clientOf(url, options).exchange(post)).rejects.toMatchObject({
      name: 'AnswerLost',
      status: 200,
    });
    expect(files.size).toBe(0);
  });

  describe('tells an answer that was lost from one that the disk did not take', () => {
    const full = () => Promise.reject(new Error('disk full'));
    const serveStatus = (status: number) =>
      serve((_request, response) =>
        response.writeHead(status).end(JSON.stringify([picture.toString('base64')])),
      );

    it.each(['create', 'write', 'finish'] as const)('when it fails to %s', async (method) => {
      const working = sink;
      const failing: PictureSink = {
        ...working,
        create: async (name) => ({ ...(await working.create(name)), [method]: full }),
      };
      sink = method === 'create' ? { ...working, create: full } : failing;
      await expect(clientOf(await serveStatus(200)).exchange(post)).rejects.toMatchObject({
        name: 'AnswerNotKept',
        status: 200,
      });
    });

    it('but not when nothing was paid', async () => {
      sink.create = full;
      await expect(clientOf(await serveStatus(502)).exchange(post)).rejects.toMatchObject({
        name: 'AnswerLost',
        status: 502,
      });
    });
  });

  it('keeps headers and queries out of its messages', async () => {
    const url = await serveRaw((socket) => socket.resetAndDestroy());
    const request = { ...post, headers: { authorization: 'Bearer secret' }, query: { sign: 'secret' } };
    const error = await clientOf(url)
      .exchange(request)
      .catch((fault: unknown) => String(fault));
    expect(error).toMatch(/^AnswerLost: POST 127\.0\.0\.1:\d+\/images: (ECONNRESET|UND_ERR_SOCKET)$/);
  });
});
