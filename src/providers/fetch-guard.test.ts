import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createTcpServer, type Server as TcpServer } from 'node:net';
import { gzipSync } from 'node:zlib';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startDnsServer } from '../../test/support/dns-server.ts';
import { impossibleAddresses, privateAddresses } from '../../test/support/ways-to-private.ts';
import { createGuardedFetcher, type Lookup } from './fetch-guard.ts';
import { FetchFailed, FetchRefused, type Fetched, type GuardedFetcher } from './guarded-fetch.ts';

const portOf = (server: TcpServer): number => (server.address() as AddressInfo).port;

const refused = (text: string): unknown =>
  expect.objectContaining({ name: 'FetchRefused', message: expect.stringContaining(text) });

describe('the guarded fetcher', () => {
  const closing: (() => Promise<void>)[] = [];
  let canaryHits: number;
  let canaryPort: number;

  const listen = async (server: Server | TcpServer): Promise<number> => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closing.push(async () => {
      if ('closeAllConnections' in server) server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });
    return portOf(server);
  };

  /** A server that may be reached, as `good.test:<port>`. */
  const serve = (listener: RequestListener): Promise<number> => listen(createServer(listener));

  beforeEach(async () => {
    canaryHits = 0;
    const canary = createTcpServer((socket) => {
      canaryHits += 1;
      socket.destroy();
    });
    canaryPort = await listen(canary);
  });
  afterEach(async () => {
    await Promise.all(closing.splice(0).map((close) => close()));
  });

  const addresses: Record<string, string[]> = {
    'good.test': ['127.0.0.1'],
    'private.test': ['127.0.0.1'],
    'mixed.test': ['8.8.8.8', '127.0.0.1'],
    'mapped.test': ['::ffff:127.0.0.1'],
    'nat64.test': ['64:ff9b::7f00:1'],
    'local6.test': ['::1'],
    'nowhere.test': [],
  };
  const fakeLookup: Lookup = async (hostname) => {
    const found = addresses[hostname];
    if (found === undefined) throw Object.assign(new Error('not found'), { code: 'ENOTFOUND' });
    return found.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  };

  const fetcherWith = (allow: readonly string[], lookup: Lookup = fakeLookup): GuardedFetcher => {
    const fetcher = createGuardedFetcher({ allow, lookup });
    closing.push(() => fetcher.close());
    return fetcher;
  };

  const collect = (): { chunks: Uint8Array[]; write(chunk: Uint8Array): void } => {
    const chunks: Uint8Array[] = [];
    return { chunks, write: (chunk) => void chunks.push(chunk) };
  };

  const get = (
    url: string,
    {
      allow = [],
      ...order
    }: {
      allow?: string[];
      trustedHost?: string;
      maxBytes?: number;
      timeoutMs?: number;
      signal?: AbortSignal;
    } = {},
  ): Promise<Fetched> =>
    fetcherWith(allow).fetchToSink(url, { maxBytes: 1_000_000, sink: collect(), ...order });

  describe('never connects to', () => {
    it.each(privateAddresses(0).map((url) => url.replace(':0/', ':PORT/')))('%s', async (url) => {
      const address = url.replace('PORT', String(canaryPort));
      for (const each of [address, address.replace('http:', 'https:')]) {
        await expect(get(each)).rejects.toEqual(refused('is no public address'));
        await expect(fetcherWith([]).post(each, { headers: {}, body: '{}' })).rejects.toThrow(FetchRefused);
      }
      expect(canaryHits).toBe(0);
    });

    it.each([
      'private.test',
      'mixed.test',
      'mapped.test',
      'nat64.test',
      'local6.test',
      'nowhere.test',
      'private.test.',
    ])('what the name %s leads to', async (host) => {
      const lookup: Lookup = (hostname) => fakeLookup(hostname.replace(/\.$/, ''));
      const fetching = fetcherWith([], lookup).fetchToSink(`http://${host}:${canaryPort}/`, {
        maxBytes: 1,
        sink: collect(),
      });
      await expect(fetching).rejects.toEqual(refused('does not lead to a public address'));
      expect(canaryHits).toBe(0);
    });

    it.each([
      ['http://user:secret@good.test/', 'user name or password'],
      ['http://8.8.8.8:25/', 'has a port that is not fetched from'],
      ['https://8.8.8.8:6667/', 'has a port that is not fetched from'],
      ['nonsense', 'not an address'],
    ])('%s', async (url, why) => {
      await expect(get(url, { allow: ['good.test'] })).rejects.toEqual(refused(why));
    });

    it.each(impossibleAddresses(0))('%s', async (url) => {
      const address = url.replace(':0', `:${canaryPort}`);
      await expect(get(address, { allow: ['127.0.0.0/8', '::1'] })).rejects.toThrow(FetchRefused);
      expect(canaryHits).toBe(0);
    });

    it('what a redirect leads to', async () => {
      let location = '';
      const port = await serve((_request, response) => {
        const ascii = location.replaceAll(/[^\x21-\x7e]/gu, encodeURIComponent);
        response.writeHead(302, { location: ascii }).end();
      });
      const fetcher = fetcherWith([`good.test:${port}`]);
      for (location of [
        ...privateAddresses(canaryPort),
        ...impossibleAddresses(canaryPort),
        `http://private.test:${canaryPort}/`,
        `//[::1]:${canaryPort}/`,
        'http://a:b@good.test/',
      ]) {
        const order = { maxBytes: 9, sink: collect() };
        await expect(fetcher.fetchToSink(`http://good.test:${port}/`, order)).rejects.toThrow(FetchRefused);
      }
      expect(canaryHits).toBe(0);
    });

    it('another port of an allowed host, or another host on an allowed port', async () => {
      const allow = [`good.test:${canaryPort + 1}`, `other.test:${canaryPort}`];
      await expect(get(`http://good.test:${canaryPort}/`, { allow })).rejects.toThrow(FetchRefused);
      await expect(get(`http://good.test:${canaryPort}/`, { trustedHost: 'good.test' })).rejects.toThrow(
        FetchRefused,
      );
      await expect(
        get(`http://good.test:${canaryPort}/`, { trustedHost: `good.test:${canaryPort + 1}` }),
      ).rejects.toThrow(FetchRefused);
      expect(canaryHits).toBe(0);
    });

    it('an address that a name takes after it was checked', async () => {
      // Nobody listens at the first address; whoever asked the name again would find the canary at the second.
      let turn = 0;
      await using dns = await startDnsServer((_name, type) =>
        type === 'AAAA' ? [] : [turn++ === 0 ? '127.0.0.9' : '127.0.0.1'],
      );
      const fetcher = fetcherWith(['127.0.0.9/32'], dns.lookup);
      const url = `http://rebind.test:${canaryPort}/`;
      await expect(fetcher.fetchToSink(url, { maxBytes: 1, sink: collect() })).rejects.toThrow(FetchFailed);
      expect(dns.questions.filter((question) => question === 'A rebind.test')).toHaveLength(1);
      await expect(fetcher.fetchToSink(url, { maxBytes: 1, sink: collect() })).rejects.toThrow(FetchRefused);
      expect(canaryHits).toBe(0);
    });

    it.each([
      ['a private one behind a public one', { A: ['8.8.8.8', '127.0.0.1'] }],
      ['a private one of the other family', { A: ['8.8.8.8'], AAAA: ['::1'] }],
      ['a mapped one', { AAAA: ['::ffff:7f00:1'] }],
      ['one through NAT64', { AAAA: ['64:ff9b::7f00:1'] }],
      ['none', {}],
    ] as [string, Partial<Record<'A' | 'AAAA', string[]>>][])(
      'a name whose server tells %s',
      async (_what, records) => {
        await using dns = await startDnsServer((_name, type) => records[type] ?? []);
        const fetcher = fetcherWith([], dns.lookup);
        const fetching = fetcher.fetchToSink(`http://many.test:${canaryPort}/`, {
          maxBytes: 1,
          sink: collect(),
        });
        await expect(fetching).rejects.toEqual(refused('does not lead to a public address'));
        expect(canaryHits).toBe(0);
      },
    );

    it('a trusted connection on behalf of somebody who is not trusted', async () => {
      const port = await serve((_request, response) => response.end('ok'));
      const fetcher = fetcherWith([]);
      const url = `http://good.test:${port}/`;
      await fetcher.fetchToSink(url, { maxBytes: 9, sink: collect(), trustedHost: `good.test:${port}` });
      await expect(fetcher.fetchToSink(url, { maxBytes: 9, sink: collect() })).rejects.toThrow(FetchRefused);
    });
  });

  it('hands over the bytes and says how many they are', async () => {
    const content = Buffer.alloc(300_000, 'limner');
    const port = await serve((_request, response) =>
      response.setHeader('content-type', 'image/png').end(content),
    );
    for (const allow of [['good.test'], [`good.test:${port}`], ['127.0.0.0/8']]) {
      const sink = collect();
      const fetched = await fetcherWith(allow).fetchToSink(`http://good.test:${port}/`, {
        maxBytes: 300_000,
        sink,
      });
      expect(fetched).toEqual({ bytes: 300_000, contentType: 'image/png' });
      expect(Buffer.concat(sink.chunks).equals(content)).toBe(true);
    }
  });

  it('trusts the host of the base URL it is told', async () => {
    const port = await serve((_request, response) => response.end('ok'));
    expect(await get(`http://127.0.0.1:${port}/`, { trustedHost: `127.0.0.1:${port}` })).toMatchObject({
      bytes: 2,
    });
    expect(await get(`http://Good.Test:${port}/`, { trustedHost: `good.test:${port}` })).toMatchObject({
      bytes: 2,
    });
  });

  it('sends nothing but a fixed set of headers, also after a redirect', async () => {
    const seen: IncomingMessage['headers'][] = [];
    const port = await serve((request, response) => {
      seen.push(request.headers);
      if (request.url === '/start') {
        response.writeHead(307, { location: '/end', 'set-cookie': 'a=b' }).end('moved');
      } else response.end('ok');
    });
    await get(`http://good.test:${port}/start`, { allow: ['good.test'] });
    const headers = {
      host: `good.test:${port}`,
      connection: 'keep-alive',
      accept: 'image/*, */*;q=0.5',
      'accept-encoding': 'identity',
      'user-agent': 'limner',
    };
    expect(seen).toEqual([headers, headers]);
  });

  it('follows three redirects and no more', async () => {
    const port = await serve((request, response) => {
      const left = Number(request.url?.slice(1));
      if (left === 0) response.end('ok');
      else response.writeHead(302, { location: `/${left - 1}` }).end();
    });
    expect(await get(`http://good.test:${port}/3`, { allow: ['good.test'] })).toMatchObject({ bytes: 2 });
    await expect(get(`http://good.test:${port}/4`, { allow: ['good.test'] })).rejects.toMatchObject({
      fault: 'redirects',
    });
  });

  it.each([
    [404, false],
    [403, false],
    [500, true],
    [503, true],
    [429, true],
    [204, false],
    [304, false],
  ])('fails with the status %i, retryable: %s', async (status, retryable) => {
    const port = await serve((_request, response) => response.writeHead(status).end());
    await expect(
      get(`http://good.test:${port}/?token=secret`, { allow: ['good.test'] }),
    ).rejects.toMatchObject({
      fault: 'status',
      status,
      retryable,
      message: `good.test:${port} answered ${status}`,
    });
  });

  it('stops at the size limit, announced or not, and lets go of the connection', async () => {
    for (const announces of [true, false]) {
      let onClose = (): void => {};
      const closed = new Promise<void>((resolve) => {
        onClose = resolve;
      });
      const port = await serve((request, response) => {
        request.socket.on('close', onClose);
        response.writeHead(200, announces ? { 'content-length': 1_000_000_000 } : {});
        const pump = (): void => {
          while (!response.destroyed && response.write(Buffer.alloc(65_536)));
        };
        response.on('drain', pump);
        pump();
      });
      const sink = collect();
      const fetching = fetcherWith(['good.test']).fetchToSink(`http://good.test:${port}/`, {
        maxBytes: 200_000,
        sink,
      });
      await expect(fetching).rejects.toMatchObject({ fault: 'too-large', retryable: false });
      expect(Buffer.concat(sink.chunks).length).toBeLessThanOrEqual(announces ? 0 : 200_000);
      await closed;
    }
  });

  it.each([
    ['a server that never answers', (): void => {}],
    [
      'a body that never ends',
      (_request: IncomingMessage, response: Parameters<RequestListener>[1]): void => void response.write('x'),
    ],
  ])('gives up on %s, and lets go of the connection', async (_name, listener) => {
    let onClose = (): void => {};
    const closed = new Promise<void>((resolve) => {
      onClose = resolve;
    });
    const port = await serve((request, response) => {
      request.socket.on('close', onClose);
      listener(request, response);
    });
    await expect(
      get(`http://good.test:${port}/`, { allow: ['good.test'], timeoutMs: 150 }),
    ).rejects.toMatchObject({
      fault: 'timeout',
      retryable: true,
    });
    await closed;
  });

  it('gives up on a name that never resolves', async () => {
    const fetcher = fetcherWith([], () => new Promise(() => {}));
    const fetching = fetcher.fetchToSink('http://slow.test/', {
      maxBytes: 1,
      timeoutMs: 100,
      sink: collect(),
    });
    await expect(fetching).rejects.toMatchObject({ fault: 'timeout' });
  });

  it('stops when it is told to', async () => {
    const stop = new AbortController();
    const port = await serve((_request, response) => {
      response.write('x');
      stop.abort(new Error('stop it'));
    });
    await expect(
      get(`http://good.test:${port}/`, { allow: ['good.test'], signal: stop.signal }),
    ).rejects.toThrow('stop it');
    await expect(
      get(`http://good.test:${port}/`, { allow: ['good.test'], signal: stop.signal }),
    ).rejects.toThrow('stop it');
  });

  it('does not take a body that is shorter than announced', async () => {
    const port = await listen(
      createTcpServer((socket) => {
        socket.resume().end('HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nshort');
      }),
    );
    await expect(get(`http://good.test:${port}/`, { allow: ['good.test'] })).rejects.toMatchObject({
      fault: 'network',
      retryable: true,
    });
  });

  it('says that a name does not exist, naming the host and no more', async () => {
    await expect(get('http://unknown.test/path?secret=1')).rejects.toMatchObject({
      fault: 'network',
      message: 'The connection to unknown.test failed (ENOTFOUND)',
    });
  });

  it('takes a compressed body as it came, however much it would unpack to', async () => {
    const bomb = gzipSync(Buffer.alloc(50_000_000));
    const port = await serve((_request, response) =>
      response.setHeader('content-encoding', 'gzip').end(bomb),
    );
    expect(await get(`http://good.test:${port}/`, { allow: ['good.test'] })).toMatchObject({
      bytes: bomb.length,
    });
  });

  it('gives up on a body that drips, however steadily', async () => {
    const port = await serve((request, response) => {
      const dripping = setInterval(() => response.write('x'), 20);
      request.socket.on('close', () => clearInterval(dripping));
    });
    const fetching = get(`http://good.test:${port}/`, { allow: ['good.test'], timeoutMs: 200 });
    await expect(fetching).rejects.toMatchObject({ fault: 'timeout' });
  });

  it('reads no more of the answer to a post than it needs', async () => {
    let closed = (): void => {};
    const isClosed = new Promise<void>((resolve) => (closed = resolve));
    const port = await serve((request, response) => {
      request.socket.on('close', closed);
      const pump = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536)));
      };
      response.on('drain', pump);
      pump();
    });
    const url = `http://good.test:${port}/`;
    expect(await fetcherWith(['good.test']).post(url, { headers: {}, body: '{}' })).toMatchObject({
      status: 200,
    });
    await isClosed;
  });

  it('lets the error of a sink pass', async () => {
    const port = await serve((_request, response) => response.end('ok'));
    const sink = {
      write: (): never => {
        throw new Error('disk full');
      },
    };
    const fetching = fetcherWith(['good.test']).fetchToSink(`http://good.test:${port}/`, {
      maxBytes: 9,
      sink,
    });
    await expect(fetching).rejects.toThrow('disk full');
  });

  it('waits for a slow sink', async () => {
    const port = await serve((_request, response) => response.end(Buffer.alloc(500_000)));
    let isWriting = false;
    const sink = {
      write: async (): Promise<void> => {
        expect(isWriting).toBe(false);
        isWriting = true;
        await new Promise((resolve) => setImmediate(resolve));
        isWriting = false;
      },
    };
    const fetched = await fetcherWith(['good.test']).fetchToSink(`http://good.test:${port}/`, {
      maxBytes: 500_000,
      sink,
    });
    expect(fetched.bytes).toBe(500_000);
  });

  it('posts once, under the same guard', async () => {
    const bodies: string[] = [];
    const port = await serve((request, response) => {
      request.setEncoding('utf8').on('data', (text: string) => bodies.push(text));
      request.on('end', () => response.writeHead(503, { 'retry-after': '7', location: '/x' }).end('later'));
    });
    const order = { headers: { 'content-type': 'application/json' }, body: '{"a":1}' };
    const fetcher = fetcherWith(['good.test']);
    expect(await fetcher.post(`http://good.test:${port}/hook`, order)).toEqual({
      status: 503,
      retryAfter: '7',
    });
    expect(bodies).toEqual(['{"a":1}']);
    await expect(fetcher.post(`http://private.test:${canaryPort}/hook`, order)).rejects.toThrow(FetchRefused);
    expect(canaryHits).toBe(0);
  });

  it.each(['http://good.test', 'good.test/path/', '10.0.0.0/99', '', 'a@b', 'a b'])(
    'refuses the allowance %j',
    (entry) => {
      expect(() => createGuardedFetcher({ allow: [entry] })).toThrow(TypeError);
    },
  );
});
