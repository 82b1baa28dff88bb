/**
 * Signed requests to one bucket of an S3-compatible store: AWS Signature Version 4 and no more of S3 than all of them
 * have. Bodies are sent with their length and their digest, never in signed chunks, which several stores refuse.
 */
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import aws4 from 'aws4';
import type { Dispatcher } from 'undici';
import type { Clock } from '../../core/clock.ts';
import type { Secret } from '../../core/secret.ts';
import type { S3Body } from './s3-body.ts';
import { readNetworkFault, readS3Error, S3Error, S3Unreachable } from './s3-error.ts';

/** Where a bucket is and who may use it. */
export interface S3Account {
  /** Without a slash at its end, such as `https://s3.eu-central-1.amazonaws.com`. */
  readonly endpoint: string;
  readonly region: string;
  readonly bucket: string;
  /** Where the name of the bucket goes: into the path, in front of the host, or nowhere: the endpoint is the bucket's own. */
  readonly addressing: 'path' | 'virtual' | 'cname';
  readonly accessKeyId: string;
  readonly secretAccessKey: Secret;
  /** Where callers reach the bucket, its name included; as we do unless told. */
  readonly linkBaseUrl?: string;
}

/** One request, about the bucket or a key in it. */
export interface S3Request {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
  /** Absent when it is about the bucket. */
  readonly key?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: S3Body;
}

/** A successful answer. */
export interface S3Answer {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** To be read to its end or destroyed. */
  readonly body: Readable;
}

export interface S3Client {
  /**
   * The answer, when it is a success; a request that failed in passing is sent up to three times. Throws `S3Error` or
   * `S3Unreachable`.
   */
  send(request: S3Request): Promise<S3Answer>;
  /** An address at which anyone may GET the key for so many seconds from now on, a week at most. */
  presign(key: string, seconds: number, query: Readonly<Record<string, string>>): string;
}

/** Waits so many milliseconds; holds the process open, since somebody waits for the answer. */
export type Pause = (ms: number) => Promise<void>;

/** Of the empty body. */
const EMPTY_SHA256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/** From the request to the first byte of the answer, and between two parts of it. */
const ANSWER_TIMEOUT_MS = 60_000;

const PAUSES_MS = [200, 800] as const;

/** @param settings.dispatcher has the connections; who made it closes it. */
export const createS3Client = (settings: {
  readonly account: S3Account;
  readonly dispatcher: Dispatcher;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly pause: Pause;
}): S3Client => {
  const { account, dispatcher, clock, pause } = settings;
  const { bucket, region, linkBaseUrl } = account;
  const credentials = {
    accessKeyId: account.accessKeyId,
    secretAccessKey: account.secretAccessKey.reveal(),
  };
  const inside = placeOf(account.endpoint, bucket, account.addressing);
  const outside = linkBaseUrl === undefined ? inside : placeOf(linkBaseUrl, bucket, 'cname');

  const exchange = async (request: S3Request, what: string): Promise<S3Answer> => {
    const { method, key = '', query = {}, body } = request;
    const signed = aws4.sign(
      {
        service: 's3',
        region,
        method,
        path: `${inside.path}/${key}${queryOf(query)}`,
        headers: {
          ...request.headers,
          host: inside.host,
          'x-amz-date': signatureDate(clock.nowMs()),
          'x-amz-content-sha256': body?.sha256 ?? EMPTY_SHA256,
          ...(body !== undefined && { 'content-md5': body.md5 }),
        },
      },
      credentials,
    );
    const answer = await dispatcher
      .request({
        origin: inside.origin,
        path: signed.path ?? '',
        method,
        headers: {
          ...(signed.headers as Record<string, string>),
          'accept-encoding': 'identity',
          ...(body !== undefined && { 'content-length': String(body.bytes) }),
        },
        body: body?.open() ?? null,
        headersTimeout: ANSWER_TIMEOUT_MS,
        bodyTimeout: ANSWER_TIMEOUT_MS,
      })
      .catch((fault: unknown) => {
        throw readNetworkFault(what, account, fault);
      });
    if (answer.statusCode < 300) return { headers: answer.headers, body: answer.body };
    const { date } = answer.headers;
    throw readS3Error(what, account, {
      status: answer.statusCode,
      text: await text(answer.body).catch(() => ''),
      date: typeof date === 'string' ? date : undefined,
      nowMs: clock.nowMs(),
    });
  };

  const send = async (request: S3Request): Promise<S3Answer> => {
    const what = `${request.method} ${request.key ?? bucket}`;
    for (const pauseMs of PAUSES_MS) {
      try {
        return await exchange(request, what);
      } catch (fault) {
        if (!isPassing(fault)) throw fault;
        await pause(pauseMs);
      }
    }
    return exchange(request, what);
  };

  return {
    send,
    presign: (key, seconds, query) => {
      const signed = aws4.sign(
        {
          service: 's3',
          region,
          path: `${outside.path}/${key}${queryOf({
            ...query,
            'X-Amz-Date': signatureDate(clock.nowMs()),
            'X-Amz-Expires': String(seconds),
          })}`,
          headers: { host: outside.host },
          signQuery: true,
        },
        credentials,
      );
      return `${outside.origin}${signed.path}`;
    },
  };
};

interface Place {
  readonly origin: string;
  readonly host: string;
  /** Up to where the key begins, without the slash. */
  readonly path: string;
}

const placeOf = (endpoint: string, bucket: string, addressing: S3Account['addressing']): Place => {
  const { protocol, host, pathname } = new URL(endpoint);
  const base = pathname.replace(/\/+$/, '');
  const at = addressing === 'virtual' ? `${bucket}.${host}` : host;
  return {
    origin: `${protocol}//${at}`,
    host: at,
    path: addressing === 'path' ? `${base}/${bucket}` : base,
  };
};

/** A moment as `X-Amz-Date` says it: `20260102T030405Z`. */
const signatureDate = (unixMs: number): string =>
  new Date(unixMs).toISOString().replaceAll(/[-:]|\.\d+/g, '');

const queryOf = (query: Readonly<Record<string, string>>): string => {
  const pairs = Object.entries(query).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`;
};

const isPassing = (fault: unknown): boolean => {
  if (fault instanceof S3Error) return fault.isPassing;
  // Whoever closed the connections does not want to hear of the store again.
  return fault instanceof S3Unreachable && !['UND_ERR_DESTROYED', 'UND_ERR_CLOSED'].includes(fault.code);
};
