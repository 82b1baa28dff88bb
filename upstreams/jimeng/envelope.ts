/** How the service and the gateway before it put an answer into words: section 7.1 and 8.3. */
import { randomBytes } from 'node:crypto';
import { encodeJson, jsonReply } from '../reply.ts';
import type { Reply } from '../reply.ts';
import type { JimengRefusal } from './errors.ts';

const BEIJING_MS = 8 * 3_600_000;
/** Failures before the gateway knows what is asked repeat nothing of it (measured for 100002). */
const EARLY = new Set([100002, 100003, 100004, 100005, 100024, 100025]);
const AMPERSAND = 0x26;

/** 34 characters: a Beijing timestamp of 14 digits and 20 hexadecimal ones in upper case. */
export function newRequestId(now: number): string {
  const stamp = new Date(now + BEIJING_MS).toISOString().replace(/\D/g, '').slice(0, 14);
  return stamp + randomBytes(10).toString('hex').toUpperCase();
}

/** The service's answer; `elapsedMs` is told as Go writes a duration. */
export function serviceReply(
  status: number,
  answer: { readonly code: number; readonly data: unknown; readonly message: string },
  requestId: string,
  elapsedMs: number,
  headers: Record<string, string> = {},
): Reply {
  const body = { ...answer, request_id: requestId, status: answer.code, time_elapsed: goDuration(elapsedMs) };
  return {
    kind: 'whole',
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
    body: encodeJson(body).map(withEscapedAmpersands),
  };
}

/** A refusal in the form of whoever refuses. */
export function refusalReply(
  { refusal, retryAfter }: JimengRefusal,
  requestId: string,
  elapsedMs: number,
  query: URLSearchParams,
): Reply {
  const headers: Record<string, string> =
    retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) };
  const { status, code, message } = refusal;
  if (refusal.kind === 'service') {
    return serviceReply(status, { code: refusal.code, data: null, message }, requestId, elapsedMs, headers);
  }
  const { codeN } = refusal;
  const about = {
    Action: query.get('Action') ?? '',
    Version: query.get('Version') ?? '',
    Service: 'cv',
    Region: 'cn-north-1',
  };
  return jsonReply(
    status,
    {
      ResponseMetadata: {
        RequestId: requestId,
        ...(codeN !== undefined && EARLY.has(codeN) ? {} : about),
        Error: { ...(codeN !== undefined && { CodeN: codeN }), Code: code, Message: message },
      },
    },
    headers,
  );
}

function goDuration(ms: number): string {
  if (ms < 1) return `${Number((ms * 1000).toFixed(3))}µs`;
  if (ms < 1000) return `${Number(ms.toFixed(6))}ms`;
  return `${Number((ms / 1000).toFixed(9))}s`;
}

/** Go escapes `&` inside JSON; base64 has none, so pictures pass untouched. */
function withEscapedAmpersands(part: Buffer): Buffer {
  return part.includes(AMPERSAND) ? Buffer.from(part.toString().replaceAll('&', String.raw`\u0026`)) : part;
}
