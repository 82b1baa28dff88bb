/** Addresses that somebody else chose, through the whole program: none of them leads to where only we can look. */
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Server } from 'node:net';
import { crc32, deflateSync, gzipSync } from 'node:zlib';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TaskView } from '../src/http/routes/generations/schema.ts';
import { type RunningApp, startApp } from './support/app.ts';
import { eventually } from './support/eventually.ts';
import { impossibleAddresses, privateAddresses } from './support/ways-to-private.ts';

const listen = async (server: Server, host: string): Promise<number> => {
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return (server.address() as AddressInfo).port;
};

/** What a host sends that means harm, by its path. */
const served: Record<string, RequestListener> = {};

let hits = 0;
const canary = createTcpServer((socket) => {
  hits += 1;
  socket.on('error', () => {}).destroy();
});
/** An upstream that answers with a link to whatever the prompt says; under `/served` it is a host of pictures. */
const upstream = createServer((request, response) => {
  const file = /^\/served\/(.+)$/.exec(request.url ?? '')?.[1];
  if (file !== undefined) {
    served[file]?.(request, response);
    return;
  }
  let body = '';
  request.setEncoding('utf8').on('data', (text: string) => (body += text));
  request.on('end', () => {
    const { prompt } = JSON.parse(body) as { prompt: string };
    response
      .setHeader('content-type', 'application/json')
      .end(
        JSON.stringify({ model: 'm', created: 1, data: [{ url: prompt }], usage: { generated_images: 1 } }),
      );
  });
});

let running: RunningApp;
let canaryPort = 0;
let host = '';
beforeAll(async () => {
  // Both families, every address of this machine.
  canaryPort = await listen(canary, '::');
  host = `127.0.0.1:${await listen(upstream, '127.0.0.1')}`;
  running = await startApp(`
    task_deadline: 10s
    fetch_allow: ['${host}']
    providers: { ark: { api_key: planted, base_url: 'http://${host}/api/v3', concurrency: 50 } }
  `);
  await running.app.listen();
});
afterAll(async () => {
  await running[Symbol.asyncDispose]();
  for (const server of [canary, upstream]) server.close();
  upstream.closeAllConnections();
});

const send = (url: string, body: object) =>
  running.app.server.inject({
    method: 'POST',
    url,
    headers: { authorization: `Bearer ${running.key}` },
    payload: { model: 'seedream-3.0', prompt: `http://${host}/served/good`, ...body },
  });

const outcomeOf = async (body: object): Promise<string> => {
  const answer = await send('/v1/images/generations', body);
  if (answer.statusCode !== 200) return `${answer.statusCode}`;
  const task = await running.endOf(answer.json<TaskView>().task_id);
  return task.error?.code ?? task.status;
};

test('the canary sings when somebody comes', async () => {
  await expect(fetch(`http://127.0.0.1:${canaryPort}/`)).rejects.toThrow('fetch failed');
  await expect(fetch(`http://[::1]:${canaryPort}/`)).rejects.toThrow('fetch failed');
  expect(hits).toBe(2);
  hits = 0;
});

const names = ['localhost', 'LOCALHOST', 'localhost.', 'ｌｏｃａｌｈｏｓｔ', 'no-such-host.invalid'];

/** Every address, those that redirect to the canary included. */
const addresses = (): readonly string[] => {
  served['away'] = (request, response) =>
    void response.writeHead(302, { location: `http://127.0.0.1:${canaryPort}${request.url}` }).end();
  return [
    ...privateAddresses(canaryPort),
    ...impossibleAddresses(canaryPort),
    ...names.map((name) => `http://${name}:${canaryPort}/`),
    `http://${host}/served/away`,
  ];
};

describe('nobody reaches the canary', () => {
  test('by a reference picture', async () => {
    const outcomes = await Promise.all(addresses().map((url) => outcomeOf({ url })));
    expect(new Set(outcomes)).toEqual(new Set(['400', 'reference_unreachable']));
    expect(hits).toBe(0);
  });

  test('by a link in what an upstream answers', async () => {
    // A name that does not exist may exist later, and a paid picture is waited for.
    const refused = addresses().filter((url) => !/\.invalid|localhost\./.test(url));
    const outcomes = await Promise.all(refused.map((prompt) => outcomeOf({ prompt })));
    expect(new Set(outcomes)).toEqual(new Set(['output_lost']));
    expect(hits).toBe(0);
  });

  test('by a webhook, of a task or of a key', async () => {
    served['good'] = (_request, response) => void response.end('no picture');
    const taken = await Promise.all(
      addresses().map(async (url) => [
        (await send('/v1/webhooks/endpoints', { url, model: undefined, prompt: undefined })).statusCode,
        (await send('/v1/images/generations', { model: 'sandbox', webhook_url: url })).statusCode,
      ]),
    );
    expect(new Set(taken.flat())).toEqual(new Set([200, 201, 400]));
    await eventually(async () => {
      const page = await running.get<{ data: object[] }>('/v1/webhooks/deliveries?state=pending&limit=100');
      return (
        page.data.every((delivery) => /\.invalid|localhost\.|served/.test(JSON.stringify(delivery))) ||
        undefined
      );
    }, 'every delivery was tried');
    expect(hits).toBe(0);
  });
});

/** A PNG that says it is so large, with as many rows as fit into a few kilobytes of zeros. */
const bombOf = (width: number, height: number): Buffer => {
  const chunk = (type: string, data: Buffer): Buffer => {
    const named = Buffer.concat([Buffer.from(type), data]);
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    sum.writeUInt32BE(crc32(named));
    return Buffer.concat([length, named, sum]);
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 6, 0, 0, 0], 8);
  const rows = deflateSync(Buffer.alloc(20_000_000), { level: 9 });
  const signature = Buffer.from('89504e470d0a1a0a', 'hex');
  return Buffer.concat([signature, chunk('IHDR', head), chunk('IDAT', rows), chunk('IEND', Buffer.alloc(0))]);
};

describe('what a host sends instead of a picture', () => {
  const svg = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>';
  const pictures = async (): Promise<Readonly<Record<string, Buffer>>> => {
    const red = sharp({ create: { width: 900, height: 900, channels: 3, background: 'red' } });
    const [jpeg, png] = [await red.jpeg().toBuffer(), await red.png().toBuffer()];
    return {
      nothing: Buffer.alloc(0),
      'a page': Buffer.from('<!doctype html><script>alert(1)</script>'),
      'a program for pictures': Buffer.from(svg),
      'a picture in pieces': jpeg.subarray(0, 2_000),
      'a picture with a hole': Buffer.concat([png.subarray(0, 60), Buffer.alloc(20), png.subarray(80)]),
      'a bomb of pixels': bombOf(60_000, 60_000),
      'a bomb with a size beyond all': bombOf(2_147_483_647, 2_147_483_647),
      'only a beginning': Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
      'a zip': Buffer.from('PK\x03\x04 and so on'),
      'a pdf': Buffer.from('%PDF-1.7 '.repeat(20)),
      'a picture packed': gzipSync(jpeg),
    };
  };

  test('is refused as a reference and as a result, within limits', async () => {
    const before = process.memoryUsage.rss();
    const files = Object.values(await pictures());
    const outcomes = await Promise.all(
      files.map(async (bytes, place) => {
        served[`bad-${place}`] = (_request, response) =>
          void response
            .setHeader('content-type', 'image/png')
            .setHeader('content-encoding', 'gzip')
            .end(bytes);
        const link = `http://${host}/served/bad-${place}`;
        return [await outcomeOf({ url: link }), await outcomeOf({ prompt: link })];
      }),
    );
    expect(outcomes).toEqual(files.map(() => ['reference_invalid', 'provider_bad_response']));
    expect(process.memoryUsage.rss() - before).toBeLessThan(400 * 1024 * 1024);
  });

  test('is not read beyond its limit', async () => {
    let sent = 0;
    served['endless'] = (_request, response) => {
      const pump = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536))) sent += 65_536;
      };
      response.on('drain', pump);
      pump();
    };
    const link = `http://${host}/served/endless`;
    expect(await outcomeOf({ url: link })).toBe('reference_invalid');
    // What lies in the buffers of the sockets was sent as well.
    expect(sent).toBeLessThan(30 * 1024 * 1024);
    expect(await outcomeOf({ prompt: link })).toBe('output_lost');
    expect(sent).toBeLessThan(120 * 1024 * 1024);
  });
});
