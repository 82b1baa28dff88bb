import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';

/** A body that can be sent again. */
export interface S3Body {
  readonly bytes: number;
  /** Lower-case hexadecimal. */
  readonly sha256: string;
  /** In base64, as `Content-MD5` has it: the one checksum that every store looks at. */
  readonly md5: string;
  readonly open: () => Buffer | Readable;
}

const readChunkBytes = 256 * 1024;

/** These bytes. */
export const bodyOf = (bytes: Buffer): S3Body => ({
  bytes: bytes.length,
  sha256: createHash('sha256').update(bytes).digest('hex'),
  md5: createHash('md5').update(bytes).digest('base64'),
  open: () => bytes,
});

/** A file, read once for its digests and once each time that it is sent, never whole into memory. */
export const fileBody = async (path: string): Promise<S3Body> => {
  const [sha256, md5] = [createHash('sha256'), createHash('md5')];
  let bytes = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: readChunkBytes })) {
    sha256.update(chunk as Buffer);
    md5.update(chunk as Buffer);
    bytes += (chunk as Buffer).length;
  }
  return {
    bytes,
    sha256: sha256.digest('hex'),
    md5: md5.digest('base64'),
    open: () => createReadStream(path, { highWaterMark: readChunkBytes }),
  };
};
