import { text } from 'node:stream/consumers';
import type { Clock } from '../../core/clock.ts';
import { orMissing, removeFile } from '../durable-file.ts';
import { assertImageKey, isImageKey } from '../image-key.ts';
import type { ByteRange, ImageStore, LinkOrder, StoredFile } from '../image-store.ts';
import { bodyOf, fileBody } from './s3-body.ts';
import type { S3Client } from './s3-client.ts';
import { S3Error } from './s3-error.ts';
import { elementOf, elementsOf } from './xml.ts';

/** How long a presigned address may work at most, by the rules of Signature Version 4. */
const LONGEST_LINK_S = 7 * 24 * 60 * 60;

/** Keys in one request to delete, at most. */
const DELETED_TOGETHER = 1000;

/** What a store in a bucket needs. */
export interface S3ImageStoreSettings {
  readonly client: S3Client;
  readonly clock: Pick<Clock, 'nowMs'>;
  /** In front of every key; empty, or with a slash at its end. */
  readonly prefix: string;
  /** Where anyone may read the bucket, without a slash at its end; permanent links begin with it. */
  readonly publicBaseUrl?: string;
}

/**
 * Keeps pictures as objects of a bucket. Bad keys throw a `TypeError`; a store that refuses or is not there throws
 * `S3Error` or `S3Unreachable`, and the file to be put stays where it is.
 */
export const createS3ImageStore = ({
  client,
  clock,
  prefix,
  publicBaseUrl,
}: S3ImageStoreSettings): ImageStore => {
  const objectKey = (key: string): string => {
    assertImageKey(key);
    return `${prefix}${key}`;
  };

  const stat = async (key: string): Promise<StoredFile | undefined> => {
    const answer = await orAbsent(client.send({ method: 'HEAD', key: objectKey(key) }));
    if (answer === undefined) return undefined;
    answer.body.resume();
    const { headers } = answer;
    return {
      key,
      bytes: Number(headers['content-length']),
      modifiedAtMs: Date.parse(String(headers['last-modified'])),
    };
  };

  const deleteMany = async (keys: readonly string[]): Promise<void> => {
    // NOTE: a key of ours, prefix included, has no character that XML would want escaped.
    const objects = keys.map((key) => `<Object><Key>${key}</Key></Object>`).join('');
    const body = Buffer.from(`<Delete><Quiet>true</Quiet>${objects}</Delete>`);
    const answer = await client.send({
      method: 'POST',
      query: { delete: '' },
      headers: { 'content-type': 'application/xml' },
      body: bodyOf(body),
    });
    const failed = elementsOf(await text(answer.body), 'Error')[0];
    if (failed === undefined) return;
    const code = elementOf(failed, 'Code') ?? 'unknown';
    throw new S3Error(`The store did not delete ${elementOf(failed, 'Key')}: ${code}`, { code, status: 200 });
  };

  return {
    put: async (key, path, contentType = 'application/octet-stream') => {
      const target = objectKey(key);
      const body = await orMissing(fileBody(path));
      if (body === undefined) {
        if ((await stat(key)) === undefined) throw new Error(`There is neither ${path} nor ${key}`);
        return;
      }
      const headers = { 'content-type': contentType };
      const answer = await client.send({ method: 'PUT', key: target, headers, body });
      answer.body.resume();
      await removeFile(path);
    },

    open: async (key, range?: ByteRange) => {
      const headers = range === undefined ? {} : { range: `bytes=${range.start}-${range.end}` };
      return (await orAbsent(client.send({ method: 'GET', key: objectKey(key), headers })))?.body;
    },

    stat,

    delete: async (...keys) => {
      const targets = keys.map(objectKey);
      const [only] = targets;
      if (targets.length === 1 && only !== undefined) {
        const answer = await orAbsent(client.send({ method: 'DELETE', key: only }));
        answer?.body.resume();
        return;
      }
      for (let next = 0; next < targets.length; next += DELETED_TOGETHER) {
        await deleteMany(targets.slice(next, next + DELETED_TOGETHER));
      }
    },

    async *list() {
      for (let token: string | undefined = ''; token !== undefined;) {
        const query = { 'list-type': '2', prefix, ...(token !== '' && { 'continuation-token': token }) };
        const xml = await text((await client.send({ method: 'GET', query })).body);
        for (const entry of elementsOf(xml, 'Contents')) {
          const file = readEntry(entry, prefix);
          if (file !== undefined) yield file;
        }
        token =
          elementOf(xml, 'IsTruncated') === 'true' ? elementOf(xml, 'NextContinuationToken') : undefined;
      }
    },

    link: (key, { expiresAtMs, contentType, fileName }: LinkOrder) => {
      const target = objectKey(key);
      if (expiresAtMs === undefined) return publicBaseUrl && `${publicBaseUrl}/${target}`;
      // In whole seconds on both sides, so that it ends in the very second that is told.
      const seconds = Math.floor(expiresAtMs / 1000) - Math.floor(clock.nowMs() / 1000);
      if (seconds < 1 || seconds > LONGEST_LINK_S) return undefined;
      return client.presign(target, seconds, {
        'response-content-disposition': `inline; filename="${fileName}"`,
        'response-content-type': contentType,
      });
    },
  };
};

/** The value, or `undefined` when there is no such key. A missing bucket is no missing key. */
const orAbsent = async <T>(work: Promise<T>): Promise<T | undefined> => {
  try {
    return await work;
  } catch (error) {
    // The answer to HEAD has no body that would tell the code.
    if (error instanceof S3Error && (error.code === 'NoSuchKey' || error.code === 'HTTP 404'))
      return undefined;
    throw error;
  }
};

const readEntry = (xml: string, prefix: string): StoredFile | undefined => {
  const objectKey = elementOf(xml, 'Key') ?? '';
  const key = objectKey.slice(prefix.length);
  // Somebody else's object in our bucket is none of our business.
  if (!objectKey.startsWith(prefix) || !isImageKey(key)) return undefined;
  return {
    key,
    bytes: Number(elementOf(xml, 'Size')),
    modifiedAtMs: Date.parse(elementOf(xml, 'LastModified') ?? ''),
  };
};
