import { open } from 'node:fs/promises';
import type { ImageFormat } from '../core/request.ts';
import type { Size } from '../core/size.ts';

/** What a picture file says of itself. */
export interface ImageInfo extends Size {
  readonly format: ImageFormat;
  /** Length of the file. */
  readonly bytes: number;
}

/**
 * Reads format and size from the headers of a PNG, JPEG or WebP file; no pixel is decoded. `undefined` for any
 * other content and for a file that visibly lacks its end. Width and height are the stored pixels, as sharp's
 * `metadata()` gives them: an EXIF orientation does not swap them.
 */
export const inspectImage = async (path: string): Promise<ImageInfo | undefined> => {
  const handle = await open(path);
  try {
    const { size: bytes } = await handle.stat();
    const read = async (position: number, length: number): Promise<Buffer> => {
      const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(length), 0, length, position);
      return buffer.subarray(0, bytesRead);
    };
    const found = await inspectFile({ bytes, head: await read(0, headBytes), read });
    return found && found.width > 0 && found.height > 0 ? { ...found, bytes } : undefined;
  } finally {
    await handle.close();
  }
};

interface PictureFile {
  readonly bytes: number;
  /** The beginning of the file. */
  readonly head: Buffer;
  /** A part of the file, shorter where the file ends. */
  read(position: number, length: number): Promise<Buffer>;
}

type Found = Size & { readonly format: ImageFormat };

/** Holds the whole header of nearly every file that an upstream makes. */
const headBytes = 4096;

/** How much may follow the end of the picture itself, such as a maker's notes. */
const tailBytes = 64 * 1024;

const pngSignature = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex');
const pngEnd = Buffer.from('0000000049454e44ae426082', 'hex');
const jpegSignature = Buffer.from('ffd8ff', 'hex');
const jpegEnd = Buffer.from('ffd9', 'hex');

const inspectFile = async (file: PictureFile): Promise<Found | undefined> => {
  const { head } = file;
  if (head.subarray(0, 16).equals(pngSignature)) return inspectPng(file);
  if (head.subarray(0, 3).equals(jpegSignature)) return inspectJpeg(file);
  if (head.toString('latin1', 0, 4) === 'RIFF' && head.toString('latin1', 8, 12) === 'WEBP') {
    return inspectWebp(file);
  }
  return undefined;
};

/** Whether these bytes stand somewhere after `position`, near the end of the file. */
const endsWith = async (file: PictureFile, end: Buffer, position: number): Promise<boolean> => {
  for (const length of [headBytes, tailBytes]) {
    const start = Math.max(position, file.bytes - length);
    if ((await file.read(start, file.bytes - start)).includes(end)) return true;
  }
  return false;
};

/** PNG (W3C, third edition) §11.2.1: IHDR comes first and holds width and height. */
const inspectPng = async (file: PictureFile): Promise<Found | undefined> => {
  if (file.head.length < 33 || !(await endsWith(file, pngEnd, 33))) return undefined;
  return { format: 'png', width: file.head.readUInt32BE(16), height: file.head.readUInt32BE(20) };
};

/**
 * JPEG (ITU T.81, annex B): walks from segment to segment to the frame header. Segments of 64 KiB before it
 * (EXIF, colour profiles, provenance) are stepped over, not read.
 */
const inspectJpeg = async (file: PictureFile): Promise<Found | undefined> => {
  let position = 2;
  while (position < file.bytes) {
    const isInHead = position + 9 <= file.head.length;
    const segment = isInHead ? file.head.subarray(position, position + 9) : await file.read(position, 9);
    if (segment.length < 9 || segment[0] !== 0xff) return undefined;
    const marker = segment.readUInt8(1);
    if (marker === 0xff) {
      position += 1;
    } else if (marker >= 0xc0 && marker <= 0xc2) {
      const size = { width: segment.readUInt16BE(7), height: segment.readUInt16BE(5) };
      return (await endsWith(file, jpegEnd, position)) ? { format: 'jpeg', ...size } : undefined;
    } else if (isFrameless(marker)) {
      return undefined;
    } else {
      position += 2 + segment.readUInt16BE(2);
    }
  }
  return undefined;
};

/** Markers that cannot stand between the start and a frame header that browsers know. */
const isFrameless = (marker: number): boolean =>
  marker < 0xc4 ||
  (marker >= 0xc5 && marker <= 0xcf && marker !== 0xcc) ||
  (marker >= 0xd0 && marker <= 0xda);

/** WebP (RFC 9649 §2): a simple lossy or lossless picture, or an extended one with the size of its canvas. */
const inspectWebp = async ({ head, bytes }: PictureFile): Promise<Found | undefined> => {
  if (head.length < 30 || head.readUInt32LE(4) + 8 > bytes) return undefined;
  const kind = head.toString('latin1', 12, 16);
  if (kind === 'VP8X') {
    return { format: 'webp', width: head.readUIntLE(24, 3) + 1, height: head.readUIntLE(27, 3) + 1 };
  }
  if (kind === 'VP8L' && head[20] === 0x2f) {
    const bits = head.readUInt32LE(21);
    return { format: 'webp', width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
  }
  if (kind === 'VP8 ' && head.readUIntBE(23, 3) === 0x9d012a) {
    return { format: 'webp', width: head.readUInt16LE(26) & 0x3fff, height: head.readUInt16LE(28) & 0x3fff };
  }
  return undefined;
};
