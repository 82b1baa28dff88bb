/**
 * An S3-compatible store as strict as the strictest of those that Limner works with: every request is signed and every
 * signature is verified, sent chunks are refused, a length is wanted, and both ways of naming a bucket work.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
 */
import { startEmulator } from '../emulator.ts';
import type { Emulator, Exchange, VendorOptions } from '../emulator.ts';
import { Ledger } from '../ledger.ts';
import { emptyReply } from '../reply.ts';
import type { Reply } from '../reply.ts';
import { element, refusalReply, S3Refusal, SCRIPTED, xmlReply } from './errors.ts';
import { newObject, pageOf, rangeOf } from './objects.ts';
import type { Bucket, S3Object } from './objects.ts';
import { isAnonymous, verifySignature } from './signature.ts';
import type { S3Account } from './signature.ts';

export type S3EmulatorOptions = Pick<VendorOptions, 'host' | 'port' | 'now'> & {
  /** Where buckets are sub-domains: `<bucket>.<baseHost>`. Default `s3.localhost`. */
  readonly baseHost?: string;
  /** Keys in one answer to a listing, at most; default 1000. */
  readonly pageSize?: number;
};

/** A store with one empty bucket. */
export type S3Emulator = Emulator & {
  readonly account: S3Account;
  /** The bucket that is there from the start. */
  readonly bucket: string;
  readonly baseHost: string;
  readonly buckets: ReadonlyMap<string, Bucket>;
};

/** What a request is about. */
type Target = {
  readonly exchange: Exchange;
  readonly bucketName: string;
  readonly key: string;
  readonly isAnonymous: boolean;
};

/** Headers that are kept with an object and sent with it. */
const KEPT = /^(content-type|cache-control|content-disposition|content-encoding|x-amz-meta-.+)$/;

const BUCKET = 'pictures';

export async function startS3Emulator(options: S3EmulatorOptions = {}): Promise<S3Emulator> {
  const { baseHost = 's3.localhost', pageSize = 1000, now = Date.now } = options;
  const account: S3Account = {
    accessKeyId: 'AKEMULATOR',
    secretAccessKey: 'an+S3/secret=of-the-emulator',
    region: 'eu-test-1',
  };
  const buckets = new Map<string, Bucket>([[BUCKET, { objects: new Map(), isPublic: false }]]);
  let requests = 0;

  /** Anonymous, or with a signature that is right. */
  function admit(exchange: Exchange): Target {
    const target = targetOf(exchange, baseHost);
    const isUnsigned = isAnonymous(exchange);
    if (!isUnsigned) verifySignature(exchange, account, now());
    else if (!mayRead(target)) throw new S3Refusal(403, 'AccessDenied', 'Access Denied');
    return { ...target, exchange, isAnonymous: isUnsigned };
  }

  function mayRead({ bucketName, key }: Pick<Target, 'bucketName' | 'key'>): boolean {
    return key !== '' && buckets.get(bucketName)?.isPublic === true;
  }

  function bucketOf({ bucketName }: Target): Bucket {
    const bucket = buckets.get(bucketName);
    if (bucket === undefined) {
      throw new S3Refusal(404, 'NoSuchBucket', 'The specified bucket does not exist', {
        BucketName: bucketName,
      });
    }
    return bucket;
  }

  function answer(handle: (target: Target) => Reply) {
    return (exchange: Exchange): Reply => {
      requests += 1;
      try {
        const target = admit(exchange);
        const scripted = scriptedRefusal(exchange);
        if (scripted !== undefined) throw scripted;
        const reply = handle(target);
        return exchange.fault?.fault === 'cut_body' ? cut(reply) : reply;
      } catch (error) {
        if (error instanceof S3Refusal) return refusalReply(error, `req-${requests}`);
        throw error;
      }
    };
  }

  function read(target: Target): Reply {
    if (target.key === '') return readBucket(target);
    const object = bucketOf(target).objects.get(target.key);
    if (object === undefined) {
      throw new S3Refusal(404, 'NoSuchKey', 'The specified key does not exist.', { Key: target.key });
    }
    return readObject(target, object);
  }

  function readBucket(target: Target): Reply {
    const { query, method } = target.exchange;
    const bucket = bucketOf(target);
    if (method === 'HEAD') return emptyReply(200);
    if (query.has('location')) return xmlReply(200, element('LocationConstraint', account.region));
    if (query.get('list-type') !== '2' || query.has('delimiter')) {
      throw new S3Refusal(501, 'NotImplemented', 'Only plain ListObjectsV2 is there');
    }
    const prefix = query.get('prefix') ?? '';
    const size = Math.min(pageSize, Number(query.get('max-keys') ?? 1000));
    const page = pageOf(bucket, prefix, query.get('continuation-token'), size);
    const contents = page.keys.map((key) => {
      const object = bucket.objects.get(key);
      return `<Contents>${[
        element('Key', key),
        element('LastModified', new Date(object?.at ?? 0).toISOString()),
        element('ETag', object?.etag ?? ''),
        element('Size', String(object?.body.length)),
        element('StorageClass', 'STANDARD'),
      ].join('')}</Contents>`;
    });
    const about = [
      element('Name', target.bucketName),
      element('Prefix', prefix),
      element('KeyCount', String(page.keys.length)),
      element('MaxKeys', String(size)),
      element('IsTruncated', String(page.nextToken !== undefined)),
      page.nextToken === undefined ? '' : element('NextContinuationToken', page.nextToken),
    ];
    const xmlns = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"';
    return xmlReply(
      200,
      `<ListBucketResult ${xmlns}>${about.join('')}${contents.join('')}</ListBucketResult>`,
    );
  }

  function write(target: Target): Reply {
    const { exchange, key, bucketName } = target;
    const { headers, body } = exchange;
    if (headers['content-length'] === undefined) {
      throw new S3Refusal(411, 'MissingContentLength', 'You must provide the Content-Length HTTP header.');
    }
    if (key === '') {
      if (buckets.has(bucketName)) throw new S3Refusal(409, 'BucketAlreadyOwnedByYou');
      buckets.set(bucketName, { objects: new Map(), isPublic: false });
      return emptyReply(200);
    }
    const { objects } = bucketOf(target);
    if (headers['if-none-match'] === '*' && objects.has(key)) throw new S3Refusal(412, 'PreconditionFailed');
    const kept = Object.entries(headers).filter(([name]) => KEPT.test(name));
    const object = newObject(
      body,
      Object.fromEntries(kept.map(([name, text]) => [name, String(text)])),
      now(),
    );
    objects.set(key, object);
    return emptyReply(200, { etag: object.etag });
  }

  function remove(target: Target): Reply {
    const { objects } = bucketOf(target);
    if (target.key === '') throw new S3Refusal(409, 'BucketNotEmpty');
    objects.delete(target.key);
    return emptyReply(204);
  }

  function removeMany(target: Target): Reply {
    const { objects } = bucketOf(target);
    const { query, headers, body } = target.exchange;
    if (target.key !== '' || !query.has('delete')) throw new S3Refusal(405, 'MethodNotAllowed');
    if (headers['content-md5'] === undefined) {
      throw new S3Refusal(400, 'InvalidRequest', 'Missing required header for this request: Content-MD5');
    }
    const keys = [...body.toString().matchAll(/<Object>\s*<Key>([^<&]*)<\/Key>\s*<\/Object>/g)].map(
      ([, key = '']) => key,
    );
    if (keys.length === 0 || keys.length > 1000) throw new S3Refusal(400, 'MalformedXML');
    for (const key of keys) objects.delete(key);
    return xmlReply(200, '<DeleteResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"></DeleteResult>');
  }

  const emulator = await startEmulator({
    name: 's3',
    host: options.host,
    port: options.port,
    now,
    ledger: new Ledger(),
    faultNames: [...Object.keys(SCRIPTED), 'cut_body'],
    routes: [
      { operation: 'list', method: 'GET', path: /./, query: { 'list-type': '2' }, handle: answer(read) },
      { operation: 'get', method: 'GET', path: /./, handle: answer(read) },
      { operation: 'head', method: 'HEAD', path: /./, handle: answer(read) },
      { operation: 'put', method: 'PUT', path: /./, handle: answer(write) },
      { operation: 'delete', method: 'DELETE', path: /./, handle: answer(remove) },
      { operation: 'delete_many', method: 'POST', path: /./, handle: answer(removeMany) },
    ],
  });
  return { ...emulator, account, bucket: BUCKET, baseHost, buckets };
}

/** Which bucket and key are meant: by the host name or by the path. */
function targetOf(exchange: Exchange, baseHost: string): Pick<Target, 'bucketName' | 'key'> {
  const host = (exchange.headers.host ?? '').replace(/:\d+$/, '');
  const parts = exchange.path.slice(1).split('/').map(decodeURIComponent);
  if (host.endsWith(`.${baseHost}`)) {
    return { bucketName: host.slice(0, -baseHost.length - 1), key: parts.join('/') };
  }
  const [bucketName = '', ...key] = parts;
  return { bucketName, key: key.join('/') };
}

function readObject({ exchange, isAnonymous: isUnsigned }: Target, object: S3Object): Reply {
  const { headers, query } = exchange;
  const overrides = [...query].filter(([name]) => name.startsWith('response-'));
  if (isUnsigned && overrides.length > 0) {
    throw new S3Refusal(400, 'InvalidRequest', 'Request specific response headers need a signature.');
  }
  const told = {
    'content-type': 'binary/octet-stream',
    ...object.headers,
    ...Object.fromEntries(overrides.map(([name, text]) => [name.slice('response-'.length), text])),
    etag: object.etag,
    'last-modified': new Date(object.at).toUTCString(),
    'accept-ranges': 'bytes',
  };
  if (headers['if-none-match'] === object.etag) return emptyReply(304, told);
  const range = rangeOf(headers.range, object.body.length);
  if (range === undefined) return { kind: 'whole', status: 200, headers: told, body: [object.body] };
  const [start, end] = range;
  return {
    kind: 'whole',
    status: 206,
    headers: { ...told, 'content-range': `bytes ${start}-${end}/${object.body.length}` },
    body: [object.body.subarray(start, end + 1)],
  };
}

function scriptedRefusal({ fault }: Exchange): S3Refusal | undefined {
  if (fault === undefined) return undefined;
  if (fault.fault === 'error')
    return new S3Refusal(fault.status ?? 500, fault.code ?? 'InternalError', fault.message);
  const known = SCRIPTED[fault.fault];
  return known && new S3Refusal(...known);
}

function cut(reply: Reply): Reply {
  if (reply.kind !== 'whole') return reply;
  const { status, headers, body } = reply;
  const length = body.reduce((sum, part) => sum + part.length, 0);
  return { kind: 'cut', status, headers, body, sentBytes: length >> 1 };
}
