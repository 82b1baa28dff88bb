import { createHmac, timingSafeEqual } from 'node:crypto';
import { KlingRefusal, refusalNamed } from './errors.ts';

/** The two ways into one account: section 2. */
export type KlingCredentials = {
  readonly apiKey: string;
  readonly accessKey: string;
  readonly secretKey: string;
};

/** Accepts the static key or a signed token; throws the refusal of section 2.3. */
export function checkAuthorization(
  header: string | undefined,
  credentials: KlingCredentials,
  nowMs: number,
): void {
  if (header === undefined || header === '') throw refusalNamed('auth_empty');
  const token = /^Bearer (\S+)$/.exec(header)?.[1];
  if (token === undefined) throw refusalNamed('auth_invalid');
  if (!equal(token, credentials.apiKey)) checkToken(token, credentials, nowMs);
}

/** HS256 with the secret key's text as the key; `exp` and `nbf` in seconds; `iat` is not looked at. */
function checkToken(token: string, { accessKey, secretKey }: KlingCredentials, nowMs: number): void {
  const parts = token.split('.');
  const [head = '', claims = '', signature = ''] = parts;
  if (parts.length !== 3) {
    const got = parts.length === 1 ? 0 : parts.length;
    throw new KlingRefusal(
      401,
      1002,
      `Authorization is invalid: a token of 3 parts was expected, but got ${got}`,
    );
  }
  if (decoded(head)?.['alg'] !== 'HS256') throw refusalNamed('auth_invalid');
  const { iss, exp, nbf } = decoded(claims) ?? {};
  if (typeof exp !== 'number' || (nbf !== undefined && typeof nbf !== 'number')) {
    throw refusalNamed('auth_invalid');
  }
  const expected = createHmac('sha256', secretKey).update(`${head}.${claims}`).digest('base64url');
  if (iss !== accessKey || !equal(signature, expected)) throw refusalNamed('auth_failed');
  if (nbf !== undefined && nbf * 1000 > nowMs) throw refusalNamed('auth_not_yet_valid');
  if (exp * 1000 <= nowMs) throw refusalNamed('auth_expired');
}

function decoded(part: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString());
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function equal(sent: string, expected: string): boolean {
  const [a, b] = [Buffer.from(sent), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}
