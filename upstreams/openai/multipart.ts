/** One part of a form, as it came. */
export type Part = {
  readonly name: string;
  /** Present for a file. */
  readonly filename?: string;
  /** As declared; absent when it was not. */
  readonly contentType?: string;
  readonly bytes: Buffer;
};

/**
 * Reads `multipart/form-data` (RFC 7578) from its raw bytes, strictly: delimiters stand on lines of their own, each
 * part has a name, and the last delimiter is closed. Answers `undefined` for anything else.
 */
export function readMultipart(contentType: string, body: Buffer): readonly Part[] | undefined {
  const boundary = boundaryOf(contentType);
  if (boundary === undefined) return undefined;
  const delimiter = Buffer.from(`\r\n--${boundary}`, 'latin1');
  // The first delimiter may open the body; with a line break before it, all of them look alike.
  const whole = Buffer.concat([Buffer.from('\r\n'), body]);
  const parts: Part[] = [];
  let at = whole.indexOf(delimiter);
  if (at < 0) return undefined;
  for (;;) {
    const after = at + delimiter.length;
    const mark = whole.toString('latin1', after, after + 2);
    if (mark === '--') return parts;
    if (mark !== '\r\n') return undefined;
    at = whole.indexOf(delimiter, after);
    if (at < 0) return undefined;
    const part = readPart(whole.subarray(after, at));
    if (part === undefined) return undefined;
    parts.push(part);
  }
}

function boundaryOf(contentType: string): string | undefined {
  const found = /^multipart\/form-data\s*;(?:.*;)?\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i.exec(
    contentType,
  );
  return found?.[1] ?? found?.[2];
}

/** `block` begins with the line break that ends the delimiter. */
function readPart(block: Buffer): Part | undefined {
  const end = block.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const headers = new Map(
    block
      .toString('utf8', 2, end)
      .split('\r\n')
      .map((line): [string, string] => {
        const colon = line.indexOf(':');
        return [line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()];
      }),
  );
  const disposition = headers.get('content-disposition') ?? '';
  const name = /^form-data;.*?\bname="([^"]*)"/i.exec(disposition)?.[1];
  if (name === undefined) return undefined;
  const filename = /;\s*filename="([^"]*)"/i.exec(disposition)?.[1];
  const contentType = headers.get('content-type');
  return {
    name,
    ...(filename !== undefined && { filename }),
    ...(contentType !== undefined && { contentType }),
    bytes: block.subarray(end + 4),
  };
}
