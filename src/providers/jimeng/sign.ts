import { createHash, createHmac } from 'node:crypto';

/** What a signature of Volcengine covers, and whose it is. */
export interface SignedRequest {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  /** The headers to sign, in the order of the list; the receiver follows it. `x-date` is among them. */
  readonly headers: Readonly<Record<string, string>>;
  /** The exact text that will be sent. */
  readonly body: string;
  readonly region: string;
  readonly service: string;
  readonly accessKeyId: string;
  /** As the console shows it: it looks like base64 and is not decoded. */
  readonly secretAccessKey: string;
}

/** A moment as `X-Date` says it: `20260102T030405Z`. */
export const toSignatureDate = (unixMs: number): string =>
  new Date(unixMs).toISOString().replaceAll(/[-:]|\.\d+/g, '');

/** Lower-case hexadecimal SHA-256 of a text. */
export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** The `Authorization` header of a request: HMAC-SHA256, sheet section 2.1. Throws without an `x-date` header. */
export const authorizationOf = (request: SignedRequest): string => {
  const { headers, region, service, accessKeyId, secretAccessKey } = request;
  const date = headers['x-date'];
  if (date === undefined) throw new Error('a signature needs the header x-date');
  const day = date.slice(0, 8);
  const scope = `${day}/${region}/${service}/request`;
  const text = ['HMAC-SHA256', date, scope, sha256(canonicalRequest(request))].join('\n');
  const key = [day, region, service, 'request'].reduce<string | Buffer>(
    (derived, part) => hmac(derived, part),
    secretAccessKey,
  );
  const signature = hmac(key, text).toString('hex');
  const names = Object.keys(headers).join(';');
  return `HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}`;
};

/** The text whose digest is signed: six parts, with an empty line after the headers. */
export const canonicalRequest = ({ method, path, query, headers, body }: SignedRequest): string =>
  [
    method,
    path,
    Object.entries(query)
      .toSorted(([one], [other]) => (one < other ? -1 : 1))
      .map(([name, value]) => `${encode(name)}=${encode(value)}`)
      .join('&'),
    ...Object.entries(headers).map(([name, value]) => `${name}:${value.trim()}`),
    '',
    Object.keys(headers).join(';'),
    sha256(body),
  ].join('\n');

const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

/** RFC 3986: everything but its unreserved characters is escaped. */
const encode = (text: string): string =>
  encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  );
