import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import type { LookupFunction } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { Agent, type Dispatcher, request } from 'undici';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createManualClock } from '../../../test/support/manual-clock.ts';
import type { Bucket } from '../../../upstreams/s3/objects.ts';
import { type S3Emulator, type S3EmulatorOptions, startS3Emulator } from '../../../upstreams/s3/index.ts';
import type { Clock } from '../../core/clock.ts';
import { Secret } from '../../core/secret.ts';
import { describeImageStore, type ImageStoreSubject } from '../contract/image-store.contract.ts';
import type { ImageStore } from '../image-store.ts';
import { createS3Client, type S3Account } from './s3-client.ts';
import { createS3ImageStore, type S3ImageStoreSettings } from './s3-image-store.ts';

const ofSystem: Pick<Clock, 'nowMs'> = { nowMs: () => Date.now() };

/** Node does not resolve sub-domains of localhost. */
const toLoopback: LookupFunction = (_host, options, done) => {
  if (options.all === true) done(null, [{ address: '127.0.0.1', family: 4 }]);
  else done(null, '127.0.0.1', 4);
};

interface Bench extends AsyncDisposable {
  readonly emulator: S3Emulator;
  readonly dispatcher: Dispatcher;
  readonly objects: Bucket['objects'];
  readonly newFile: (bytes: Uint8Array) => Promise<string>;
  readonly close: () => Promise<void>;
  storeWith(
    account?: Partial<S3Account>,
    settings?: Partial<S3ImageStoreSettings> & { readonly clock?: Pick<Clock, 'nowMs'> },
  ): ImageStore;
}

const startBench = async (options?: S3EmulatorOptions): Promise<Bench> => {
  const folder = await mkdtemp(join(tmpdir(), 'limner-s3-'));
  const emulator = await startS3Emulator(options);
  const dispatcher = new Agent({ connect: { lookup: toLoopback } });
  const usual = { ...emulator.account, secretAccessKey: new Secret(emulator.account.secretAccessKey) };
  const objects = emulator.buckets.get(emulator.bucket)?.objects;
  if (objects === undefined) throw new Error('The emulator has no bucket');
  let files = 0;
  const close = async (): Promise<void> => {
    await dispatcher.destroy();
    await emulator.close();
    await rm(folder, { recursive: true });
  };
  return {
    emulator,
    dispatcher,
    objects,
    newFile: async (bytes) => {
      files += 1;
      const path = join(folder, `file-${files}`);
      await writeFile(path, bytes);
      return path;
    },
    storeWith: (account, { clock = ofSystem, ...settings } = {}) =>
      createS3ImageStore({
        client: createS3Client({
          account: {
            ...usual,
            endpoint: emulator.origin,
            bucket: emulator.bucket,
            addressing: 'path',
            ...account,
          },
          dispatcher,
          clock,
          pause: async () => {},
        }),
        clock,
        prefix: '',
        ...settings,
      }),
    close,
    [Symbol.asyncDispose]: close,
  };
};

const subject = ({ newFile, close }: Bench, store: ImageStore): ImageStoreSubject => ({
  store,
  newFile,
  close,
});

describeImageStore('S3, the bucket in the path', async () => {
  // Three to a page, so that listings have several.
  const bench = await startBench({ pageSize: 3 });
  return subject(bench, bench.storeWith());
});

describeImageStore('S3, the bucket in the host name, keys with a prefix', async () => {
  const bench = await startBench({ pageSize: 3 });
  bench.objects.set('elsewhere/images/foreign', { body: Buffer.alloc(1), etag: '""', headers: {}, at: 0 });
  const { port, baseHost } = bench.emulator;
  const account = { endpoint: `http://${baseHost}:${port}`, addressing: 'virtual' } as const;
  return subject(bench, bench.storeWith(account, { prefix: 'limner/one/' }));
});

describeImageStore('S3, at a domain of the bucket', async () => {
  const bench = await startBench();
  const { port, baseHost, bucket } = bench.emulator;
  const account = { endpoint: `http://${bucket}.${baseHost}:${port}`, addressing: 'cname' } as const;
  return subject(bench, bench.storeWith(account));
});

describe('pictures in S3', () => {
  let bench: Bench;
  beforeEach(async () => {
    bench = await startBench();
  });
  afterEach(() => bench.close());

  const key = 'images/call_1-0';
  const bytes = Buffer.from('a picture');

  it('keeps the content type, sends length and digests, and no chunks', async () => {
    await bench.storeWith().put(key, await bench.newFile(bytes), 'image/webp');
    expect(bench.objects.get(key)).toMatchObject({ body: bytes, headers: { 'content-type': 'image/webp' } });
    const { headers } = bench.emulator.requests.all.at(-1) ?? {};
    expect(headers).toMatchObject({
      'content-length': '9',
      'content-md5': expect.stringMatching(/^[\w+/]{22}==$/),
      'x-amz-content-sha256': expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(headers).not.toHaveProperty('transfer-encoding');
    expect(headers).not.toHaveProperty('content-encoding');
  });

  it.each(['slow_down', 'internal_error', 'drop_before', 'drop_after', 'html_503'])(
    'sends again after %s, and gives up after three times',
    async (fault) => {
      const store = bench.storeWith();
      const path = await bench.newFile(bytes);
      bench.emulator.faults.set([{ match: 'put', fault, times: 3 }]);
      await expect(store.put(key, path)).rejects.toThrow('PUT images/call_1-0');
      expect(await readFile(path)).toEqual(bytes);
      bench.emulator.faults.set([{ match: 'put', fault, times: 2 }]);
      await store.put(key, path);
      expect(bench.objects.get(key)?.body).toEqual(bytes);
      await expect(access(path)).rejects.toThrow('ENOENT');
    },
  );

  it('does not take a picture that broke off for a whole one', async () => {
    const store = bench.storeWith();
    await store.put(key, await bench.newFile(Buffer.alloc(100_000)));
    bench.emulator.faults.set([{ match: 'get', fault: 'cut_body' }]);
    const stream = await store.open(key);
    if (stream === undefined) throw new Error('The picture is not there');
    await expect(buffer(stream)).rejects.toThrow(/closed|ECONNRESET|aborted/);
  });

  it.each<[string, Partial<S3Account>, string]>([
    ['another secret', { secretAccessKey: new Secret('wrong') }, 'storage.secret_access_key'],
    ['another key', { accessKeyId: 'nobody' }, 'does not know storage.access_key_id'],
    ['another bucket', { bucket: 'nowhere' }, 'There is no bucket nowhere'],
    ['another region', { region: 'us-east-1' }, 'storage.region (the store says eu-test-1)'],
    ['nobody there', { endpoint: 'http://127.0.0.1:9' }, 'Nothing listens there'],
  ])('says what to do about %s, and shows no secret', async (_name, account, advice) => {
    const store = bench.storeWith(account);
    const fault = await store.open(key).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(String(fault)).toContain(advice);
    expect(JSON.stringify(fault) + String(fault)).not.toContain(bench.emulator.account.secretAccessKey);
  });

  it('tells both times when the clocks are apart', async () => {
    const store = bench.storeWith({}, { clock: createManualClock(Date.parse('2020-01-02T03:04:05Z')) });
    await expect(store.open(key)).rejects.toThrow('here it is Thu, 02 Jan 2020 03:04:05 GMT, at the store');
  });

  it('tells a missing bucket from a missing key', async () => {
    const store = bench.storeWith({ bucket: 'nowhere' });
    await expect(store.open(key)).rejects.toThrow('There is no bucket nowhere');
    expect(await bench.storeWith().open(key)).toBeUndefined();
  });

  it('says which picture of many was not deleted', async () => {
    bench.emulator.faults.set([{ match: 'delete_many', fault: 'access_denied' }]);
    const store = bench.storeWith();
    await expect(store.delete('images/a', 'images/b')).rejects.toThrow('s3:DeleteObject');
  });

  describe('links', () => {
    const order = { contentType: 'image/png', fileName: 'img_1.png' };
    const week = 7 * 24 * 60 * 60 * 1000;
    const follow = async (link = ''): Promise<{ status: number; type: unknown; shown: unknown }> => {
      const answer = await request(link, { dispatcher: bench.dispatcher });
      await answer.body.dump();
      const { headers } = answer;
      return {
        status: answer.statusCode,
        type: headers['content-type'],
        shown: headers['content-disposition'],
      };
    };

    it('work without a key, until the very second that was told', async () => {
      let nowMs = 1_700_000_000_900;
      await using timed = await startBench({ now: () => nowMs });
      const clock = { nowMs: () => nowMs };
      const store = timed.storeWith({}, { clock });
      await store.put(key, await timed.newFile(bytes));
      const link = store.link(key, { ...order, expiresAtMs: nowMs + 60_000 });
      nowMs = 1_700_000_059_999;
      expect(await follow(link)).toEqual({
        status: 200,
        type: 'image/png',
        shown: 'inline; filename="img_1.png"',
      });
      nowMs = 1_700_000_060_000;
      expect(await follow(link)).toMatchObject({ status: 403 });
    });

    it('work in the host name as well', async () => {
      const { port, baseHost } = bench.emulator;
      const account = { endpoint: `http://${baseHost}:${port}`, addressing: 'virtual' } as const;
      const store = bench.storeWith(account);
      await store.put(key, await bench.newFile(bytes));
      const link = store.link(key, { ...order, expiresAtMs: Date.now() + 60_000 });
      expect(link).toContain(`http://pictures.${baseHost}:${port}/images/call_1-0?`);
      expect(await follow(link)).toMatchObject({ status: 200, type: 'image/png' });
    });

    it.each<[string, (link: string) => string]>([
      ['another key', (link) => link.replace('call_1', 'call_2')],
      ['a later end', (link) => link.replace('X-Amz-Expires=60', 'X-Amz-Expires=61')],
      ['another type', (link) => link.replace('image%2Fpng', 'text%2Fhtml')],
      ['another signature', (link) => link.replace(/.$/, (last) => (last === '0' ? '1' : '0'))],
      ['no signature', (link) => link.replace(/\?.*/, '')],
    ])('are refused with %s', async (_name, tamper) => {
      const clock = createManualClock();
      await using still = await startBench({ now: () => clock.nowMs() });
      const store = still.storeWith({}, { clock });
      for (const each of [key, 'images/call_2-0']) await store.put(each, await still.newFile(bytes));
      const link = store.link(key, { ...order, expiresAtMs: clock.nowMs() + 60_000 }) ?? '';
      expect(await follow(link)).toMatchObject({ status: 200 });
      expect(tamper(link)).not.toBe(link);
      expect(await follow(tamper(link))).toMatchObject({ status: 403 });
    });

    it('are left to Limner when they should work for longer than a week, or no longer', () => {
      const clock = createManualClock();
      const store = bench.storeWith({}, { clock });
      const nowMs = clock.nowMs();
      expect(store.link(key, { ...order, expiresAtMs: nowMs + week })).toContain('X-Amz-Expires=604800');
      expect(store.link(key, { ...order, expiresAtMs: nowMs + week + 1000 })).toBeUndefined();
      expect(store.link(key, { ...order, expiresAtMs: nowMs })).toBeUndefined();
    });

    it('lead to where callers reach the bucket, when that is elsewhere', async () => {
      const { port, baseHost } = bench.emulator;
      const store = bench.storeWith({ linkBaseUrl: `http://pictures.${baseHost}:${port}` });
      await store.put(key, await bench.newFile(bytes));
      const link = store.link(key, { ...order, expiresAtMs: Date.now() + 60_000 });
      expect(link).toContain(`http://pictures.${baseHost}:${port}/images/call_1-0?`);
      expect(await follow(link)).toMatchObject({ status: 200 });
    });

    it('that are permanent begin with the public address, and there are none without', () => {
      const publicBaseUrl = 'https://cdn.example/bucket';
      const store = bench.storeWith({}, { publicBaseUrl, prefix: 'limner/' });
      expect(store.link(key, order)).toBe('https://cdn.example/bucket/limner/images/call_1-0');
      expect(bench.storeWith().link(key, order)).toBeUndefined();
    });
  });
});
