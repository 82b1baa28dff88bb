import { Readable } from 'node:stream';
import { LimnerError } from '../core/errors.ts';
import type { Image } from '../core/image.ts';
import type { ImageStore } from '../images/image-store.ts';

/** An answer whose length is known before its pictures are read. */
export interface Base64Answer {
  readonly bytes: number;
  /** Reads each picture when its turn comes and encodes it on the way; fails when one is gone or has another size. */
  open(): Readable;
}

/**
 * A text of JSON with pictures as base64, none of which is ever held whole. The n-th picture goes to the n-th empty
 * `"b64_json":""` of the text. A quotation mark inside a JSON text is always escaped, so such a mark can only be a
 * member. Throws `internal_error` when a picture is missing from the store.
 */
export const createBase64Answer = async (
  store: Pick<ImageStore, 'open' | 'stat'>,
  text: string,
  images: readonly Image[],
): Promise<Base64Answer> => {
  const files = await Promise.all(images.map((image) => store.stat(image.key)));
  const sizes = files.flatMap((file) => (file === undefined ? [] : [file.bytes]));
  if (sizes.length < images.length) {
    throw new LimnerError('internal_error', 'A picture of this task is missing from the store.');
  }

  const pieces: string[] = [];
  let from = 0;
  for (const _ of images) {
    const end = text.indexOf(MARK, from) + MARK.length - 1;
    pieces.push(text.slice(from, end));
    from = end;
  }
  const tail = text.slice(from);

  const encodedBytes = sizes.reduce((sum, size) => sum + 4 * Math.ceil(size / 3), 0);
  return {
    bytes: Buffer.byteLength(text) + encodedBytes,
    open: () =>
      Readable.from(
        (async function* () {
          for (const [place, image] of images.entries()) {
            yield pieces[place];
            yield* encode(await store.open(image.key), sizes[place] ?? 0);
          }
          yield tail;
        })(),
        // By default a stream reads 16 pieces ahead, which would be a whole picture.
        { highWaterMark: 1 },
      ),
  };
};

const MARK = '"b64_json":""';

/** The file as base64, in pieces of whole groups of three bytes, so that they may be joined. */
async function* encode(file: Readable | undefined, size: number): AsyncGenerator<string, void, undefined> {
  if (file === undefined) throw new Error('A picture vanished while its task was being sent');
  let seen = 0;
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of file as AsyncIterable<Buffer>) {
    seen += chunk.length;
    const whole = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const cut = whole.length - (whole.length % 3);
    rest = whole.subarray(cut);
    if (cut > 0) yield whole.toString('base64', 0, cut);
  }
  if (seen !== size) throw new Error('A picture changed its size while its task was being sent');
  if (rest.length > 0) yield rest.toString('base64');
}
