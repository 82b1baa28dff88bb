/**
 * AWS Signature Version 4 as S3 verifies it, in the `Authorization` header and in the query.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { S3Refusal } from './errors.ts';

/** What was signed, as it arrived. */
export type SignedRequest = {
  readonly method: string;
  /** Still escaped. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
};

/** Who may sign. */
export type S3Account = {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly region: string;
};

type Claim = {
  readonly credential: string;
  readonly signedHeaders: string;
  readonly signature: string;
  /** `20260102T030405Z`. */
  readonly date: string;
  readonly payload: string;
  /** Parameters of the query that are not signed. */
  readonly unsigned: ReadonlySet<string>;
};

const MAX_SKEW_MS = 15 * 60_000;
const MAX_EXPIRES_S = 7 * 24 * 60 * 60;
const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=([^,\s]+), ?SignedHeaders=([^,\s]+), ?Signature=([0-9a-f]{64})$/;
const DATE = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/;

/** Whether the request carries no signature at all. */
export function isAnonymous({ headers, query }: SignedRequest): boolean {
  return headers.authorization === undefined && !query.has('X-Amz-Signature');
}

/** Checks time, scope, signature and the digests of the body. Throws `S3Refusal`. */
export function verifySignature(request: SignedRequest, account: S3Account, now: number): void {
  const isPresigned = request.query.has('X-Amz-Signature');
  const claim = isPresigned ? claimOfQuery(request) : claimOfHeaders(request);
  const [accessKeyId, day = '', region = '', service = '', end = ''] = claim.credential.split('/');
  if (accessKeyId !== account.accessKeyId) {
    throw new S3Refusal(403, 'InvalidAccessKeyId', 'The AWS Access Key Id does not exist in our records.');
  }
  if (region !== account.region) {
    throw new S3Refusal(
      400,
      'AuthorizationHeaderMalformed',
      `the region '${region}' is wrong; expecting '${account.region}'`,
      { Region: account.region },
    );
  }
  const atMs = readDate(claim.date);
  if (service !== 's3' || end !== 'aws4_request' || atMs === undefined || !claim.date.startsWith(day)) {
    throw new S3Refusal(400, 'AuthorizationHeaderMalformed', 'The credential scope is wrong.');
  }
  if (isPresigned) checkExpiry(request.query, atMs, now);
  else if (Math.abs(now - atMs) > MAX_SKEW_MS) {
    throw new S3Refusal(
      403,
      'RequestTimeTooSkewed',
      'The difference between the request time and the current time is too large.',
      { ServerTime: new Date(now).toISOString(), RequestTime: claim.date },
    );
  }
  checkSignedHeaders(request.headers, claim.signedHeaders.split(';'));

  const scope = `${day}/${region}/${service}/${end}`;
  const text = ['AWS4-HMAC-SHA256', claim.date, scope, sha256(canonicalRequest(request, claim))].join('\n');
  const key = [day, region, service, end].reduce<string | Buffer>(hmac, `AWS4${account.secretAccessKey}`);
  const [given, wanted] = [Buffer.from(claim.signature, 'hex'), hmac(key, text)];
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) {
    throw new S3Refusal(
      403,
      'SignatureDoesNotMatch',
      'The request signature we calculated does not match the signature you provided.',
    );
  }
  checkBody(request, claim.payload);
}

function claimOfHeaders({ headers }: SignedRequest): Claim {
  const [, credential, signedHeaders, signature] = AUTHORIZATION.exec(headers.authorization ?? '') ?? [];
  if (credential === undefined || signedHeaders === undefined || signature === undefined) {
    throw new S3Refusal(400, 'AuthorizationHeaderMalformed', 'The authorization header is malformed.');
  }
  const payload = String(headers['x-amz-content-sha256'] ?? '');
  if (payload === '') throw new S3Refusal(400, 'InvalidRequest', 'Missing header x-amz-content-sha256');
  const date = String(headers['x-amz-date'] ?? '');
  return { credential, signedHeaders, signature, date, payload, unsigned: new Set() };
}

function claimOfQuery({ query }: SignedRequest): Claim {
  const value = (name: string): string => {
    const values = query.getAll(name);
    if (values.length !== 1 || values[0] === undefined) {
      throw new S3Refusal(400, 'AuthorizationQueryParametersError', `Query needs ${name} once`);
    }
    return values[0];
  };
  if (value('X-Amz-Algorithm') !== 'AWS4-HMAC-SHA256') {
    throw new S3Refusal(400, 'AuthorizationQueryParametersError', 'X-Amz-Algorithm is not supported');
  }
  return {
    credential: value('X-Amz-Credential'),
    signedHeaders: value('X-Amz-SignedHeaders'),
    signature: value('X-Amz-Signature'),
    date: value('X-Amz-Date'),
    payload: 'UNSIGNED-PAYLOAD',
    unsigned: new Set(['X-Amz-Signature']),
  };
}

function checkExpiry(query: URLSearchParams, atMs: number, now: number): void {
  const text = query.get('X-Amz-Expires') ?? '';
  const seconds = /^\d{1,7}$/.test(text) ? Number(text) : 0;
  if (seconds < 1 || seconds > MAX_EXPIRES_S) {
    throw new S3Refusal(
      400,
      'AuthorizationQueryParametersError',
      'X-Amz-Expires must be between 1 second and a week',
    );
  }
  if (atMs > now + MAX_SKEW_MS) throw new S3Refusal(403, 'AccessDenied', 'Request is not yet valid');
  if (now >= atMs + seconds * 1000) throw new S3Refusal(403, 'AccessDenied', 'Request has expired');
}

function checkSignedHeaders(headers: IncomingHttpHeaders, signed: readonly string[]): void {
  if (!signed.includes('host')) throw new S3Refusal(403, 'AccessDenied', 'The header host must be signed');
  const forgotten = Object.keys(headers).filter(
    (name) => name.startsWith('x-amz-') && !signed.includes(name),
  );
  if (forgotten.length > 0) {
    const list = forgotten.join(', ');
    throw new S3Refusal(403, 'AccessDenied', `There were headers present which were not signed: ${list}`);
  }
}

function checkBody({ headers, body }: SignedRequest, payload: string): void {
  if (payload.startsWith('STREAMING-')) {
    // As Aliyun OSS answers it, which takes no chunked signatures.
    throw new S3Refusal(501, 'NotImplemented', `A header you provided implies ${payload}`);
  }
  if (payload !== 'UNSIGNED-PAYLOAD' && payload !== sha256(body)) {
    throw new S3Refusal(400, 'XAmzContentSHA256Mismatch', 'The sha256 is not that of the body.');
  }
  const md5 = headers['content-md5'];
  if (md5 !== undefined && md5 !== createHash('md5').update(body).digest('base64')) {
    throw new S3Refusal(400, 'BadDigest', 'The Content-MD5 you specified did not match what we received.');
  }
}

function canonicalRequest(request: SignedRequest, claim: Claim): string {
  const lines = claim.signedHeaders.split(';').map(
    (name) =>
      `${name}:${String(request.headers[name] ?? '')
        .trim()
        .replace(/\s+/g, ' ')}\n`,
  );
  return [
    request.method,
    request.path
      .split('/')
      .map((part) => encode(decodeURIComponent(part)))
      .join('/'),
    canonicalQuery(request.query, claim.unsigned),
    lines.join(''),
    claim.signedHeaders,
    claim.payload,
  ].join('\n');
}

function canonicalQuery(query: URLSearchParams, unsigned: ReadonlySet<string>): string {
  return [...query]
    .filter(([name]) => !unsigned.has(name))
    .map(([name, value]) => [encode(name), encode(value)] as const)
    .toSorted(([a, x], [b, y]) => compare(a, b) || compare(x, y))
    .map((pair) => pair.join('='))
    .join('&');
}

function compare(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}

/** RFC 3986: everything but the unreserved characters. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function readDate(text: string): number | undefined {
  const [, year, month, day, hour, minute, second] = (DATE.exec(text) ?? []).map(Number);
  if (year === undefined || month === undefined) return undefined;
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

function sha256(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
