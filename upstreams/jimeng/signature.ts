/** Volcengine's request signature, verified as the server does it: section 2 of the Jimeng fact sheet. */
import { createHash, createHmac } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { gateway } from './errors.ts';

/** What was signed, as it arrived. */
export type SignedRequest = {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
};

/** Who may sign. */
export type SigningAccount = {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** The temporary credentials' token; absent for permanent ones. */
  readonly securityToken: string | undefined;
};

const SERVICE = 'cv';
const REGION = 'cn-north-1';
const DEFAULT_EXPIRES_S = 900;
const AUTHORIZATION =
  /^HMAC-SHA256 Credential=([^,\s]*), ?SignedHeaders=([^,\s]*)(?:, ?Signature=([^,\s]*))?$/;
const CREDENTIAL = /^([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/request$/;
const DATE = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/;

/**
 * Checks the signature in the sheet's order (section 12): token present, syntax, service and region, access key,
 * time, signature. The canonical request is rebuilt from the SignedHeaders list in the order given: which headers
 * are in it, and in which order, is the signer's choice. Throws `JimengRefusal`.
 */
export function verifySignature(request: SignedRequest, account: SigningAccount, now: number): void {
  const { headers } = request;
  const { authorization } = headers;
  if (authorization === undefined || authorization === '') throw gateway(100003);
  const [, credential, signedHeaders, signature] = AUTHORIZATION.exec(authorization) ?? [];
  if (credential === undefined || !signedHeaders) throw gateway(100024);
  if (!signature) throw gateway(100005);
  const [, accessKeyId, day = '', region = '', service = ''] = CREDENTIAL.exec(credential) ?? [];
  if (accessKeyId === undefined) throw gateway(100025);
  if (service !== SERVICE) throw gateway(100007, `This service[${service}] not found.`);
  if (region !== REGION) throw gateway(100025, `The region ${region} of the Credential is invalid.`);
  if (accessKeyId !== account.accessKeyId) {
    throw gateway(100009, `The accesskey [${accessKeyId}] included in the request is invalid.`);
  }
  const date = headerText(headers, 'x-date');
  if (date === '') throw gateway(100004);
  const at = readDate(date);
  if (at === undefined) throw gateway(100006);
  if (!date.startsWith(day))
    throw gateway(100025, 'The date of the Credential is not the date of the request.');
  if (Math.abs(now - at) > expiresSeconds(request.query) * 1000) throw gateway(100006);
  if (headerText(headers, 'x-security-token') !== (account.securityToken ?? '')) throw gateway(100026);

  const digest = sha256(request.body);
  const told = headerText(headers, 'x-content-sha256');
  if (told !== '' && told !== digest) throw gateway(100010);
  const canonical = canonicalRequest(request, signedHeaders, digest);
  const text = ['HMAC-SHA256', date, `${day}/${region}/${service}/request`, sha256(canonical)].join('\n');
  const key = [day, region, service, 'request'].reduce<string | Buffer>(hmac, account.secretAccessKey);
  if (hmac(key, text).toString('hex') !== signature) throw gateway(100010);
}

/** The six parts of section 2.1. */
function canonicalRequest(request: SignedRequest, signedHeaders: string, bodyDigest: string): string {
  const lines = signedHeaders
    .split(';')
    .map((name) => `${name.toLowerCase()}:${headerText(request.headers, name.toLowerCase())}\n`);
  return [
    request.method.toUpperCase(),
    request.path,
    canonicalQuery(request.query),
    lines.join(''),
    signedHeaders,
    bodyDigest,
  ].join('\n');
}

function canonicalQuery(query: URLSearchParams): string {
  return [...query]
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

function headerText(headers: IncomingHttpHeaders, name: string): string {
  const text = String(headers[name] ?? '').trim();
  // The vendor's own signer leaves a default port out of what it signs.
  return name === 'host' ? text.replace(/:(80|443)$/, '') : text;
}

function expiresSeconds(query: URLSearchParams): number {
  const seconds = Number(query.get('X-Expires') ?? DEFAULT_EXPIRES_S);
  return Number.isFinite(seconds) ? seconds : DEFAULT_EXPIRES_S;
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
