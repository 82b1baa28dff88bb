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

type Entry = Omit<LoggedRequest, 'headers' | 'body'> & {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
};

const SECRET_HEADER = /^(cookie|x-api-key|api-key|x-security-token)$/;
const LONG_BASE64 = /[A-Za-z0-9+/_-]{200,}={0,2}/g;
const NOT_TEXT = /^(multipart|image|application\/octet-stream)/;

/** The last requests, newest last. */
export class RequestLog {
  readonly #capacity: number;
  #entries: Entry[] = [];

  constructor(capacity = 1000) {
    this.#capacity = capacity;
  }

  record(at: number, method: string, path: string, headers: IncomingHttpHeaders, body: Buffer): void {
    this.#entries.push({ at, method, path, headers, body: clip(headers['content-type'] ?? '', body) });
    // Halving now and then keeps recording O(1) on average.
    if (this.#entries.length >= this.#capacity * 2) this.#entries = this.#entries.slice(-this.#capacity);
  }

  get all(): readonly LoggedRequest[] {
    return this.#entries.slice(-this.#capacity).map((entry) => ({
      ...entry,
      headers: withoutSecrets(entry.headers),
      body: parsed(entry.body),
    }));
  }

  reset(): void {
    this.#entries = [];
  }
}

function clip(contentType: string, body: Buffer): string {
  if (NOT_TEXT.test(contentType)) return `[${contentType.split(';')[0]}, ${body.length} bytes]`;
  return body.toString().replace(LONG_BASE64, (text) => `${text.slice(0, 32)}…[${text.length} characters]`);
}

function withoutSecrets(headers: IncomingHttpHeaders): Record<string, string> {
  const shown: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    const text = String(value);
    if (name === 'authorization')
      shown[name] = text.replace(/^(\S+)\s.*$/s, '$1 [secret]').replace(/^\S+$/, '[secret]');
    else shown[name] = SECRET_HEADER.test(name) ? '[secret]' : text;
  }
  return shown;
}

function parsed(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
