/** What an emulator sends back: a whole answer, a stream, or one of the ways a connection goes wrong. */
export type Reply =
  | {
      readonly kind: 'whole';
      readonly status: number;
      readonly headers: Readonly<Record<string, string>>;
      readonly body: readonly Buffer[];
    }
  | {
      readonly kind: 'stream';
      readonly status: number;
      readonly headers: Readonly<Record<string, string>>;
      readonly chunks: AsyncIterable<string | Buffer> | Iterable<string | Buffer>;
      /** Close the socket after the last chunk instead of ending the answer properly. */
      readonly cut?: boolean;
    }
  | {
      /** Announces the whole length, sends a part, closes the socket. */
      readonly kind: 'cut';
      readonly status: number;
      readonly headers: Readonly<Record<string, string>>;
      readonly body: readonly Buffer[];
      readonly sentBytes: number;
    }
  | { readonly kind: 'drop' }
  | { readonly kind: 'hang' };

/** A piece of base64 in a JSON answer that is written from its own buffer, never copied into a string. */
export class InlineBase64 {
  readonly text: Buffer;
  constructor(text: Buffer) {
    this.text = text;
  }
}

/** An empty body with this status. */
export function emptyReply(status: number, headers: Record<string, string> = {}): Reply {
  return { kind: 'whole', status, headers, body: [] };
}

/** A text body of any type. */
export function textReply(status: number, contentType: string, text: string): Reply {
  return { kind: 'whole', status, headers: { 'content-type': contentType }, body: [Buffer.from(text)] };
}

/** A JSON body; `InlineBase64` values anywhere in it become strings without being copied. */
export function jsonReply(status: number, value: unknown, headers: Record<string, string> = {}): Reply {
  return {
    kind: 'whole',
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
    body: encodeJson(value),
  };
}

/** The page a load balancer shows when the service behind it does not answer. */
export function gatewayPage(status: 502 | 503 | 504): Reply {
  const title = { 502: 'Bad Gateway', 503: 'Service Temporarily Unavailable', 504: 'Gateway Time-out' }[
    status
  ];
  const line = `${status} ${title}`;
  return textReply(
    status,
    'text/html',
    `<html>\r\n<head><title>${line}</title></head>\r\n<body>\r\n<center><h1>${line}</h1></center>\r\n</body>\r\n</html>\r\n`,
  );
}

/** JSON as buffers to be written one after the other. */
export function encodeJson(value: unknown): Buffer[] {
  const inlined: Buffer[] = [];
  const text = JSON.stringify(value, (_name, part: unknown) => {
    if (!(part instanceof InlineBase64)) return part;
    inlined.push(part.text);
    return `\u0001inline:${inlined.length - 1}\u0001`;
  });
  if (inlined.length === 0) return [Buffer.from(text)];
  const quote = Buffer.from('"');
  // JSON.stringify writes U+0001 as the six characters \u0001, which no caller's text can spell unescaped.
  const pieces = text.split(/"\\u0001inline:(\d+)\\u0001"/);
  return pieces.flatMap((piece, at) => {
    const blob = at % 2 === 1 ? inlined[Number(piece)] : undefined;
    return blob === undefined ? [Buffer.from(piece)] : [quote, blob, quote];
  });
}
