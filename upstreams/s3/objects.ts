import { createHash } from 'node:crypto';
import { S3Refusal } from './errors.ts';

/** What lies under a key. */
export type S3Object = {
  readonly body: Buffer;
  /** With its quotation marks. */
  readonly etag: string;
  /** Those that came with it and go out with it, such as `content-type`. */
  readonly headers: Readonly<Record<string, string>>;
  /** Unix milliseconds. */
  readonly at: number;
};

/** A bucket. */
export type Bucket = {
  readonly objects: Map<string, S3Object>;
  /** Whether anyone may read its objects without a signature. */
  isPublic: boolean;
};

/** A part of the objects of a bucket in the order of their keys. */
export type Page = {
  readonly keys: readonly string[];
  /** Where the next page begins; absent when there is none. */
  readonly nextToken?: string;
};

/** The object that these bytes make. */
export function newObject(body: Buffer, headers: Readonly<Record<string, string>>, at: number): S3Object {
  return { body, headers, at, etag: `"${createHash('md5').update(body).digest('hex')}"` };
}

/** ListObjectsV2: at most `size` keys after the token. Throws `S3Refusal` for a token that was never given. */
export function pageOf(bucket: Bucket, prefix: string, token: string | null, size: number): Page {
  const after = token === null ? '' : Buffer.from(token, 'base64').toString();
  if (token !== null && !after.startsWith('after ')) {
    throw new S3Refusal(400, 'InvalidArgument', 'The continuation token provided is incorrect');
  }
  const last = after.slice('after '.length);
  const rest = [...bucket.objects.keys()].filter((key) => key.startsWith(prefix) && key > last).toSorted();
  const keys = rest.slice(0, size);
  return rest.length > size
    ? { keys, nextToken: Buffer.from(`after ${keys.at(-1)}`).toString('base64') }
    : { keys };
}

/** The bytes of one `Range` with both ends included, or `undefined` for the whole. Throws `S3Refusal` for none. */
export function rangeOf(header: string | undefined, length: number): readonly [number, number] | undefined {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(header ?? '') ?? [];
  if (first === undefined || last === undefined || (first === '' && last === '')) return undefined;
  const start = first === '' ? Math.max(0, length - Number(last)) : Number(first);
  const end = first === '' || last === '' ? length - 1 : Math.min(Number(last), length - 1);
  if (start >= length || end < start) {
    throw new S3Refusal(416, 'InvalidRange', 'The requested range is not satisfiable');
  }
  return [start, end];
}
