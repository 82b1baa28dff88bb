import type { IncomingHttpHeaders } from 'node:http';

/** One request as an emulator received it, without secrets and with long base64 clipped. */
export type LoggedRequest = {
  /** Unix milliseconds. */
  readonly at: number;
  readonly method: string;
  /** Path and query as sent. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Parsed JSON, else text, else a remark on the bytes. */
  readonly body: unknown;
};

type Entry = Omit<LoggedRequest, 'headers'> & { readonly headers: IncomingHttpHeaders };

const SECRET_HEADER = /^(cookie|x-api-key|api-key|x-security-token)$/;
const STARTS_LIKE_BASE64 = /^(data:[^,]{0,80},)?[A-Za-z0-9+/_-]{200}/;
const NOT_TEXT = /^(multipart|image|application\/octet-stream)/;

/** The last requests, newest last. */
export class RequestLog {
  readonly #capacity: number;
  #entries: Entry[] = [];

  constructor(capacity = 1000) {
    this.#capacity = capacity;
  }

  record(at: number, method: string, path: string, headers: IncomingHttpHeaders, body: Buffer): void {
    this.#entries.push({ at, method, path, headers, body: shown(body, headers['content-type'] ?? '') });
    // Halving now and then keeps recording O(1) on average.
    if (this.#entries.length >= this.#capacity * 2) this.#entries = this.#entries.slice(-this.#capacity);
  }

  get all(): readonly LoggedRequest[] {
    return this.#entries.slice(-this.#capacity).map((entry) => ({
      ...entry,
      headers: withoutSecrets(entry.headers),
    }));
  }

  reset(): void {
    this.#entries = [];
  }
}

function shown(body: Buffer, contentType: string): unknown {
  if (body.length === 0) return undefined;
  if (NOT_TEXT.test(contentType)) return `[${contentType.split(';')[0]}, ${body.length} bytes]`;
  const text = body.toString();
  try {
    return JSON.parse(text, (_name, value: unknown) => (typeof value === 'string' ? clipped(value) : value));
  } catch {
    return clipped(text);
  }
}

function clipped(text: string): string {
  const isLong = text.length > 400 && STARTS_LIKE_BASE64.test(text);
  return isLong ? `${text.slice(0, 64)}…[${text.length} characters]` : text;
}

function withoutSecrets(headers: IncomingHttpHeaders): Record<string, string> {
  const safe: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    const text = String(value);
    if (name === 'authorization')
      safe[name] = text.replace(/^(\S+)\s.*$/s, '$1 [secret]').replace(/^\S+$/, '[secret]');
    else safe[name] = SECRET_HEADER.test(name) ? '[secret]' : text;
  }
  return safe;
}
