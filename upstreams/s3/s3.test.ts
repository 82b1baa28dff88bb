import { createHash } from 'node:crypto';
import aws4 from 'aws4';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startS3Emulator } from './index.ts';
import type { S3Emulator } from './index.ts';

let s3: S3Emulator;
beforeEach(async () => {
  s3 = await startS3Emulator();
});
afterEach(() => s3.close());

const picture = 'a picture';
const sha256 = createHash('sha256').update(picture).digest('hex');

/** The headers of a PUT as the reference signer signs them, and others that it does not see. */
function signed(headers: Record<string, string> = {}, unsigned: Record<string, string> = {}) {
  const { accessKeyId, secretAccessKey, region } = s3.account;
  const request = {
    service: 's3',
    region,
    method: 'PUT',
    path: `/${s3.bucket}/images/one`,
    headers: { host: new URL(s3.origin).host, 'x-amz-content-sha256': sha256, ...headers },
  };
  const { host: _, ...sent } = aws4.sign(request, { accessKeyId, secretAccessKey }).headers ?? {};
  return { ...(sent as Record<string, string>), ...unsigned };
}

async function put(
  headers: Record<string, string>,
  body: string | ReadableStream = picture,
): Promise<string> {
  const answer = await fetch(`${s3.origin}/${s3.bucket}/images/one`, {
    method: 'PUT',
    headers,
    body,
    duplex: 'half',
  } as RequestInit);
  const xml = await answer.text();
  return `${answer.status} ${/<Code>(\w+)<\/Code>/.exec(xml)?.[1] ?? 'ok'}`;
}

describe('the S3 emulator', () => {
  it('takes what the reference signer signed', async () => {
    expect(await put(signed())).toBe('200 ok');
    expect(s3.buckets.get(s3.bucket)?.objects.get('images/one')?.body.toString()).toBe(picture);
  });

  it('refuses what is not signed, or not so', async () => {
    expect(await put({})).toBe('403 AccessDenied');
    expect(await put({ authorization: 'AWS4-HMAC-SHA256 nonsense' })).toBe(
      '400 AuthorizationHeaderMalformed',
    );
    expect(await put(signed({}, { 'x-amz-acl': 'public-read' }))).toBe('403 AccessDenied');
    expect(await put(signed({ 'content-type': 'image/png' }, { 'content-type': 'image/webp' }))).toBe(
      '403 SignatureDoesNotMatch',
    );
    const { Authorization: authorization = '', ...rest } = signed();
    const cut = authorization.replace(/.$/, (last) => (last === '0' ? '1' : '0'));
    expect(await put({ ...rest, authorization: cut })).toBe('403 SignatureDoesNotMatch');
    expect(s3.buckets.get(s3.bucket)?.objects.size).toBe(0);
  });

  it('refuses a clock that is more than 15 minutes off, either way', async () => {
    const dateAt = (ms: number): string => new Date(ms).toISOString().replaceAll(/[-:]|\.\d+/g, '');
    const off = async (minutes: number): Promise<string> =>
      put(signed({ 'x-amz-date': dateAt(Date.now() + minutes * 60_000) }));
    expect(await Promise.all([off(-16), off(16), off(-14), off(14)])).toEqual([
      '403 RequestTimeTooSkewed',
      '403 RequestTimeTooSkewed',
      '200 ok',
      '200 ok',
    ]);
  });

  it('refuses a body that is not the one that was signed', async () => {
    expect(await put(signed(), 'another')).toBe('400 XAmzContentSHA256Mismatch');
    const md5 = createHash('md5').update('another').digest('base64');
    expect(await put(signed({ 'content-md5': md5 }))).toBe('400 BadDigest');
  });

  it('refuses signed chunks, and bodies without a length', async () => {
    const chunked = { 'x-amz-content-sha256': 'STREAMING-UNSIGNED-PAYLOAD-TRAILER' };
    expect(await put(signed(chunked))).toBe('501 NotImplemented');
    expect(await put(signed(), new Blob([picture]).stream())).toBe('411 MissingContentLength');
  });

  it('lets anyone read a public bucket, and nobody list it', async () => {
    await put(signed({ 'content-type': 'image/png' }));
    const read = async (path: string): Promise<number> => {
      const answer = await fetch(`${s3.origin}/${s3.bucket}${path}`);
      await answer.arrayBuffer();
      return answer.status;
    };
    expect(await read('/images/one')).toBe(403);
    const bucket = s3.buckets.get(s3.bucket);
    if (bucket !== undefined) bucket.isPublic = true;
    expect([await read('/images/one'), await read('?list-type=2'), await read('/images/two')]).toEqual([
      200, 403, 404,
    ]);
  });
});
