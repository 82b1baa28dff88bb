import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { LookupFunction } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { Agent, request } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Secret } from '../../src/core/secret.ts';
import { describeImageStore } from '../../src/images/contract/image-store.contract.ts';
import type { ImageStore } from '../../src/images/image-store.ts';
import { checkS3Store } from '../../src/images/s3/check-s3-store.ts';
import { createS3Client, type S3Account } from '../../src/images/s3/s3-client.ts';
import { createS3ImageStore } from '../../src/images/s3/s3-image-store.ts';
import type { RadosGateway } from './rados-gateway.ts';

const gateway = JSON.parse(process.env['TEST_GATEWAY'] ?? '{}') as RadosGateway;
const bucket = 'pictures';
const atPath = { endpoint: `http://127.0.0.1:${gateway.port}`, addressing: 'path' } as const;
const atHost = { endpoint: `http://${gateway.baseHost}:${gateway.port}`, addressing: 'virtual' } as const;
const atDomain = {
  endpoint: `http://${bucket}.${gateway.baseHost}:${gateway.port}`,
  addressing: 'cname',
} as const;

/** Node does not resolve sub-domains of localhost. */
const toLoopback: LookupFunction = (_host, options, done) => {
  if (options.all === true) done(null, [{ address: '127.0.0.1', family: 4 }]);
  else done(null, '127.0.0.1', 4);
};
const dispatcher = new Agent({ connect: { lookup: toLoopback } });
const clock = { nowMs: () => Date.now() };

const clientWith = (account: Partial<S3Account>) =>
  createS3Client({
    account: {
      ...atPath,
      region: 'us-east-1',
      bucket,
      accessKeyId: gateway.accessKeyId,
      secretAccessKey: new Secret(gateway.secretAccessKey),
      ...account,
    },
    dispatcher,
    clock,
    pause: async () => {},
  });

let prefixes = 0;
const storeWith = (account: Partial<S3Account>): ImageStore => {
  prefixes += 1;
  const prefix = `suite-${process.pid}-${prefixes}/`;
  return createS3ImageStore({ client: clientWith(account), clock, prefix });
};

let folder: string;
let files = 0;
const newFile = async (bytes: Uint8Array): Promise<string> => {
  files += 1;
  const path = join(folder, `file-${files}`);
  await writeFile(path, bytes);
  return path;
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'limner-ceph-files-'));
  (await clientWith({}).send({ method: 'PUT' })).body.resume();
});
afterAll(async () => {
  await dispatcher.destroy();
  await rm(folder, { recursive: true });
});

for (const [name, account] of Object.entries({ atPath, atHost, atDomain })) {
  describeImageStore(`Ceph, ${name}`, async () => ({
    store: storeWith(account),
    newFile,
    close: async () => {},
  }));
}

describe('Ceph', () => {
  const key = 'images/call_1-0';
  const bytes = Buffer.from('a picture');
  const order = { contentType: 'image/png', fileName: 'img_1.png' };

  it.each(Object.entries({ atPath, atHost, atDomain }))('takes signed links: %s', async (_name, account) => {
    const store = storeWith(account);
    await store.put(key, await newFile(bytes), 'image/png');
    const link = store.link(key, { ...order, expiresAtMs: Date.now() + 60_000 }) ?? '';
    const answer = await request(link, { dispatcher });
    expect([
      answer.statusCode,
      answer.headers['content-type'],
      answer.headers['content-disposition'],
    ]).toEqual([200, 'image/png', 'inline; filename="img_1.png"']);
    expect(await buffer(answer.body)).toEqual(bytes);
    const statuses = [
      link.replace(/X-Amz-Expires=\d+/, 'X-Amz-Expires=604800'),
      link.replace('image%2Fpng', 'text%2Fhtml'),
      link.replace(/\?.*/, ''),
    ].map(async (tampered) => {
      const refused = await request(tampered, { dispatcher });
      await refused.body.dump();
      return refused.statusCode;
    });
    expect(await Promise.all(statuses)).toEqual([403, 403, 403]);
  });

  it('ends signed links in the very second that was told', async () => {
    const store = storeWith(atPath);
    await store.put(key, await newFile(bytes));
    const expiresAtMs = Math.floor(Date.now() / 1000) * 1000 + 2_000;
    const link = store.link(key, { ...order, expiresAtMs }) ?? '';
    const status = async (): Promise<number> => {
      const answer = await request(link, { dispatcher });
      await answer.body.dump();
      return answer.statusCode;
    };
    expect(await status()).toBe(200);
    await expect.poll(status, { timeout: 10_000, interval: 50 }).toBe(403);
    expect(Date.now()).toBeGreaterThanOrEqual(expiresAtMs);
    expect(Date.now()).toBeLessThan(expiresAtMs + 1_000);
  });

  it.each<[string, Partial<S3Account>, string]>([
    ['another secret', { secretAccessKey: new Secret('wrong') }, 'storage.secret_access_key'],
    ['another key', { accessKeyId: 'nobody' }, 'does not know storage.access_key_id'],
    ['another bucket', { bucket: 'nowhere' }, 'There is no bucket nowhere'],
  ])('says what is wrong in words that are understood: %s', async (_name, account, advice) => {
    await expect(storeWith(account).open(key)).rejects.toThrow(advice);
  });

  it('passes the trial of the start', async () => {
    const parts = { client: clientWith({}), dispatcher, prefix: 'trial/', publicBaseUrl: undefined };
    const after = (): (() => void) => () => {};
    expect(await checkS3Store({ ...parts, clock: { ...clock, after } })).toEqual({ state: 'works' });
  });
});
