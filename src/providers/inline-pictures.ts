/**
 * Reads a JSON answer while it arrives. Pictures that come in it as base64 are decoded at once and handed to a
 * sink; in the JSON an `InlinePicture` takes their place. Neither a picture nor its base64 is ever held whole.
 */

/** A file in the making for one picture. */
export interface PictureFile {
  /** Copies the chunk before it returns; a promise means that the disk is behind and the writer should wait. */
  write(chunk: Uint8Array): Promise<void> | void;
  /** On return the picture is complete and survives a power cut. */
  finish(): Promise<void>;
  /** Gives the file up; fine after `finish`, which it does not undo. */
  discard(): Promise<void>;
}

/** Takes the pictures of answers, each under a name of its own. */
export interface PictureSink {
  create(name: string): Promise<PictureFile>;
  remove(name: string): Promise<void>;
}

/** Limits of one answer. */
export interface AnswerLimits {
  /** Decoded. */
  readonly pictureBytes: number;
  /** All of the JSON but its pictures. */
  readonly textBytes: number;
}

/** The answer breaks a limit, or a picture in it is no base64. */
export class BrokenAnswer extends Error {
  override readonly name = 'BrokenAnswer';
}

/** Takes an answer's body chunk by chunk. */
export interface AnswerReader {
  /** Throws `BrokenAnswer`, and what the sink throws; a promise asks to wait. */
  write(chunk: Buffer): Promise<void> | void;
  /** The text of the JSON once the body is complete and its pictures are safe. Throws `BrokenAnswer`. */
  end(): Promise<string>;
  /** Removes the pictures of an answer that is of no use. */
  discard(): Promise<void>;
}

const quote = 0x22;
const backslash = 0x5c;

/**
 * How much of a string is looked at to tell a picture from a text. A picture's base64 must be flawless for so
 * long (or to its end) that a text which merely begins like one is left alone.
 */
const headBytes = 4096;

/**
 * Base64 of the first bytes of PNG, JPEG, WebP, GIF, TIFF, BMP, AVIF or HEIC, and JPEG XL, as far as whole
 * characters reach. Base64 that begins otherwise (a signature, a prompt of 5,000 letters) is a text like any other.
 */
const pictureHead =
  /^(?:iVBORw0KGg|[/_]9j[/_]|UklGR[\w+/-]{6}XRUJQ|R0lGOD[dl]h|SUkqA|TU0AK|Qk[0-3][\w+/-]{5}AAAAA|AAAA[\w+/-][GWm2]Z0eX|AAAADEpYTCAN)/;
/** No picture is shorter; a short text may begin like one by chance. */
const fewestCharacters = 40;
const dataPrefix = /^data:image\/[\w.+-]+(?:;[\w=.+-]+)*;base64,/i;
const base64Text = /^[A-Za-z0-9+/_-]*={0,2}$/;

/** Reads one answer; its pictures are named by `nextName`. */
export const createAnswerReader = ({
  sink,
  nextName,
  limits,
}: {
  readonly sink: PictureSink;
  readonly nextName: () => string;
  readonly limits: AnswerLimits;
}): AnswerReader => {
  const text = createTextKeeper(limits.textBytes);
  const finished: string[] = [];
  let picture: PictureDecoder | undefined;
  /** What is known of the string at hand until it is told apart, without its opening quote. */
  const head = createTextKeeper(headBytes);
  let place: 'outside' | 'head' | 'text' | 'picture' = 'outside';
  /** Whether the next byte belongs to an escape that the last chunk began. */
  let isEscaped = false;

  /** Tells a string apart by its head; the rest of a picture goes to a decoder. */
  const decide = (isWhole: boolean): Promise<void> | undefined => {
    const beginning = startOfPicture(head.toString(), isWhole);
    if (beginning !== undefined) {
      place = 'picture';
      return startPicture(beginning);
    }
    place = 'text';
    text.append(quoteByte);
    text.append(head.bytes());
    head.clear();
    return undefined;
  };

  const startPicture = async (beginning: string): Promise<void> => {
    const name = nextName();
    const file = await sink.create(name);
    picture = createPictureDecoder(name, file, limits.pictureBytes);
    head.clear();
    await picture.write(beginning);
  };

  const endPicture = async (): Promise<void> => {
    if (picture === undefined) return;
    await picture.finish();
    finished.push(picture.name);
    text.append(Buffer.from(JSON.stringify({ spooled: picture.name })));
    picture = undefined;
  };

  /** Takes bytes of a string; gives a promise where a picture's file is asked to do something. */
  const takePart = (part: Buffer, isLast: boolean): Promise<void> | undefined => {
    if (place === 'head') {
      const taken = Math.min(part.length, headBytes - head.length);
      head.append(part.subarray(0, taken));
      const isWhole = isLast && taken === part.length;
      if (!isWhole && head.length < headBytes) return undefined;
      const rest = part.subarray(taken);
      const deciding = decide(isWhole);
      return deciding === undefined ? takePart(rest, isLast) : deciding.then(() => takePart(rest, isLast));
    }
    if (place === 'text') {
      text.append(part);
      if (isLast) text.append(quoteByte);
      return undefined;
    }
    const writing = picture?.write(part);
    if (!isLast) return writing;
    return writing === undefined ? endPicture() : writing.then(endPicture);
  };

  const scan = (chunk: Buffer, from: number): Promise<void> | undefined => {
    let position = from;
    while (position < chunk.length) {
      if (place === 'outside') {
        const start = chunk.indexOf(quote, position);
        text.append(chunk.subarray(position, start === -1 ? chunk.length : start));
        if (start === -1) return undefined;
        position = start + 1;
        place = 'head';
      }
      const end = endOfString(chunk, position, isEscaped);
      const isLast = end !== -1;
      const part = chunk.subarray(position, isLast ? end : chunk.length);
      isEscaped = !isLast && endsInEscape(part, isEscaped);
      position = isLast ? end + 1 : chunk.length;
      const taking = takePart(part, isLast);
      if (taking !== undefined) {
        const next = position;
        return taking.then(() => {
          if (isLast) place = 'outside';
          return scan(chunk, next);
        });
      }
      if (isLast) place = 'outside';
    }
    return undefined;
  };

  return {
    write: (chunk) => scan(chunk, 0),
    end: async () => {
      if (place !== 'outside') throw new BrokenAnswer('The answer ends inside a string');
      return text.toString();
    },
    discard: async () => {
      await picture?.discard();
      await Promise.all(finished.map((name) => sink.remove(name)));
    },
  };
};

const quoteByte = Buffer.from('"');

/** Bytes that grow up to a limit; beyond it `append` throws `BrokenAnswer`. */
interface TextKeeper {
  readonly length: number;
  append(bytes: Buffer): void;
  bytes(): Buffer;
  toString(): string;
  clear(): void;
}

const createTextKeeper = (limitBytes: number): TextKeeper => {
  let kept = Buffer.allocUnsafe(Math.min(limitBytes, 8192));
  let length = 0;
  return {
    get length() {
      return length;
    },
    append: (bytes) => {
      const wanted = length + bytes.length;
      if (wanted > limitBytes) throw new BrokenAnswer(`The answer has more than ${limitBytes} bytes of text`);
      if (wanted > kept.length) {
        const larger = Buffer.allocUnsafe(Math.min(limitBytes, wanted * 2));
        kept.copy(larger, 0, 0, length);
        kept = larger;
      }
      bytes.copy(kept, length);
      length = wanted;
    },
    bytes: () => kept.subarray(0, length),
    toString: () => kept.toString('utf8', 0, length),
    clear: () => {
      length = 0;
    },
  };
};

/** Where the string that goes on at `from` has its closing quote; -1 when that is not in this chunk. */
const endOfString = (chunk: Buffer, from: number, isEscaped: boolean): number => {
  const first = isEscaped ? from + 1 : from;
  let end = chunk.indexOf(quote, first);
  while (end !== -1 && isEscapedAt(chunk, end, first)) end = chunk.indexOf(quote, end + 1);
  return end;
};

const isEscapedAt = (chunk: Buffer, position: number, first: number): boolean => {
  let start = position;
  while (start > first && chunk[start - 1] === backslash) start -= 1;
  return (position - start) % 2 === 1;
};

const endsInEscape = (part: Buffer, isEscaped: boolean): boolean =>
  part.length === 0 ? isEscaped : isEscapedAt(part, part.length, isEscaped ? 1 : 0);

/**
 * The raw beginning of a picture's base64, without the prefix of a data URI; `undefined` for any other string.
 * `raw` is what JSON has between the quotes, perhaps cut off inside an escape.
 */
const startOfPicture = (raw: string, isWhole: boolean): string | undefined => {
  const [complete, rest] = isWhole ? [raw, ''] : cutAtEscape(raw);
  const plain = unescapeText(complete);
  const prefix = dataPrefix.exec(plain)?.[0] ?? '';
  const base64 = plain.slice(prefix.length);
  const isPicture =
    base64.length >= fewestCharacters &&
    (prefix !== '' || pictureHead.test(base64)) &&
    base64Text.test(base64);
  return isPicture ? base64 + rest : undefined;
};

/** Divides a text before an escape that is not complete at its end. */
const cutAtEscape = (raw: string): readonly [string, string] => {
  const rest = /(?:^|[^\\])(?:\\\\)*(\\(?:u[0-9a-fA-F]{0,3})?)$/.exec(raw.slice(-8))?.[1] ?? '';
  return [raw.slice(0, raw.length - rest.length), rest];
};

const escapes: Readonly<Record<string, string>> = { n: '', r: '', t: '', '/': '/' };

/** Undoes the escapes that may stand in base64, and drops line breaks; any other stays and is no base64. */
const unescapeText = (text: string): string =>
  text.includes('\\')
    ? text.replaceAll(/\\(?:u([0-9a-fA-F]{4})|(.))/gs, (whole: string, code?: string, letter?: string) =>
        code === undefined
          ? (escapes[letter ?? ''] ?? whole)
          : String.fromCharCode(Number.parseInt(code, 16)),
      )
    : text;

interface PictureDecoder {
  readonly name: string;
  /** Takes what JSON has between the quotes. */
  write(part: Buffer | string): Promise<void> | undefined;
  finish(): Promise<void>;
  discard(): Promise<void>;
}

/** A chunk this short is joined with what was carried: it may hold the padding. */
const seamBytes = 64;

const createPictureDecoder = (name: string, file: PictureFile, limitBytes: number): PictureDecoder => {
  /** Begun escape and characters that do not fill a group of four yet. */
  let carried = '';
  let bytes = 0;

  const hand = (base64: string): Promise<void> | undefined => {
    const decoded = decode(base64);
    bytes += decoded.length;
    if (bytes > limitBytes) throw new BrokenAnswer(`A picture has more than ${limitBytes} bytes`);
    return file.write(decoded) ?? undefined;
  };

  /** Decodes what fills groups of four and carries the rest; padding waits for the end, however the chunks fall. */
  const take = (plain: string, begun: string): Promise<void> | undefined => {
    const groups = Math.max(0, Math.floor((plain.length - 2) / 4)) * 4;
    carried = plain.slice(groups) + begun;
    return groups === 0 ? undefined : hand(plain.slice(0, groups));
  };

  return {
    name,
    write: (part) => {
      if (typeof part !== 'string' && part.length > seamBytes && !part.includes(backslash)) {
        // NOTE: joining what was carried with the whole chunk would copy it once more; the seam is enough.
        const missing = (4 - (carried.length % 4)) % 4;
        const end = missing + Math.floor((part.length - missing - 2) / 4) * 4;
        const seam = hand(carried + part.toString('latin1', 0, missing));
        const bulk = hand(part.toString('latin1', missing, end));
        carried = part.toString('latin1', end);
        return bulk ?? seam;
      }
      const raw = carried + (typeof part === 'string' ? part : part.toString('latin1'));
      // The one escape that is common, for JPEG is full of slashes; the general way is slower.
      const [complete, begun] = raw.includes('\\') ? cutAtEscape(raw.replaceAll('\\/', '/')) : [raw, ''];
      return take(unescapeText(complete), begun);
    },
    finish: async () => {
      await hand(unescapeText(carried).replace(/={1,2}$/, ''));
      await file.finish();
    },
    discard: () => file.discard(),
  };
};

/** Takes one decoded chunk after another; whoever is handed it copies it at once. */
let scratch = Buffer.allocUnsafeSlow(64 * 1024);

/** Decodes base64 of either alphabet. Node skips characters that are none, which shows in the length. */
const decode = (base64: string): Buffer => {
  const wanted = Math.floor((base64.length * 3) / 4);
  if (wanted > scratch.length) scratch = Buffer.allocUnsafeSlow(wanted);
  if (scratch.write(base64, 'base64') !== wanted || base64.length % 4 === 1) {
    throw new BrokenAnswer('A picture in the answer is no base64');
  }
  return scratch.subarray(0, wanted);
};
