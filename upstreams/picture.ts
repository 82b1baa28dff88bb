import { fileURLToPath } from 'node:url';
import { crc32 } from 'node:zlib';
import sharp from 'sharp';
import type { OverlayOptions, Sharp } from 'sharp';

export type PictureFormat = 'jpeg' | 'png' | 'webp';

/** Text over a picture. */
export type Mark = {
  readonly text: string;
  /** Default bottom right. */
  readonly corner?: 'bottom right' | 'bottom left' | 'top left' | 'top right';
  /** From 0 to 1; default 1. */
  readonly opacity?: number;
};

/** What to draw. Equal specifications give the same bytes. */
export type PictureSpec = {
  readonly width: number;
  readonly height: number;
  readonly format: PictureFormat;
  /** Any integer; it chooses the colours. */
  readonly tint: number;
  /** A visible mark, drawn over the picture. */
  readonly mark?: Mark;
  readonly transparent?: boolean;
  /** Pads the file, which stays valid, to this size. A file that is larger already stays as it is. */
  readonly paddedBytes?: number | undefined;
};

/** A finished file, with its base64 text made once. */
export class Picture {
  readonly width: number;
  readonly height: number;
  readonly format: PictureFormat;
  readonly bytes: Buffer;
  #base64: Buffer | undefined;

  constructor(spec: PictureSpec, bytes: Buffer) {
    this.width = spec.width;
    this.height = spec.height;
    this.format = spec.format;
    this.bytes = bytes;
  }

  get contentType(): string {
    return `image/${this.format}`;
  }

  /** Base64 as ASCII bytes, ready to be written. */
  get base64(): Buffer {
    this.#base64 ??= Buffer.from(this.bytes.toString('base64'), 'latin1');
    return this.#base64;
  }
}

export type Painter = (spec: PictureSpec) => Promise<Picture>;

/** Red, green, blue of the four corners. */
const TINTS = [
  [214, 69, 80, 72, 61, 139, 246, 196, 83, 38, 112, 120],
  [33, 74, 122, 125, 190, 206, 240, 236, 214, 219, 108, 74],
  [24, 78, 60, 170, 196, 92, 244, 222, 150, 96, 57, 30],
  [70, 34, 92, 224, 94, 140, 250, 176, 120, 40, 52, 110],
  [20, 24, 40, 86, 110, 150, 196, 204, 214, 232, 150, 70],
  [250, 210, 200, 150, 200, 220, 120, 140, 200, 90, 80, 140],
];

/** The same seed, or the same prompt without one, gives the same colours. */
export function tintOf(prompt: string, seed?: number): number {
  if (seed !== undefined && seed >= 0) return seed;
  let sum = 0;
  for (let at = 0; at < prompt.length; at += 1) sum = (sum * 31 + prompt.charCodeAt(at)) & 0xffff;
  return sum;
}

/** Draws cheap gradients and keeps the last `capacity` files, so that a repeated size costs nothing. */
export function createPainter(capacity = 64): Painter {
  const kept = new Map<string, Promise<Picture>>();
  return (spec) => {
    const tint = Math.abs(spec.tint) % TINTS.length;
    const key = [
      spec.width,
      spec.height,
      spec.format,
      tint,
      JSON.stringify(spec.mark),
      spec.transparent,
      spec.paddedBytes,
    ].join();
    const found = kept.get(key);
    if (found !== undefined) {
      kept.delete(key);
      kept.set(key, found);
      return found;
    }
    const picture = draw(spec, TINTS[tint] ?? []);
    kept.set(key, picture);
    const oldest = kept.size > capacity ? kept.keys().next().value : undefined;
    if (oldest !== undefined) kept.delete(oldest);
    return picture;
  };
}

async function draw(spec: PictureSpec, corners: readonly number[]): Promise<Picture> {
  const { width, height } = spec;
  const alpha = spec.transparent === true;
  const pixels = alpha ? withAlpha(corners) : corners;
  let image = sharp(Buffer.from(pixels), { raw: { width: 2, height: 2, channels: alpha ? 4 : 3 } }).resize(
    width,
    height,
    { fit: 'fill', kernel: 'linear' },
  );
  if (spec.mark !== undefined) image = image.composite([await markFor(spec.mark, width, height)]);
  // The mark brings an alpha channel along.
  if (!alpha) image = image.removeAlpha();
  const bytes = await encoded(image, spec.format).toBuffer();
  return new Picture(
    spec,
    spec.paddedBytes === undefined ? bytes : padded(bytes, spec.format, spec.paddedBytes),
  );
}

function encoded(image: Sharp, format: PictureFormat): Sharp {
  switch (format) {
    case 'png':
      return image.png({ compressionLevel: 2 });
    case 'webp':
      return image.webp({ quality: 85, effort: 0 });
    case 'jpeg':
      return image.jpeg({ quality: 85 });
  }
}

function withAlpha(corners: readonly number[]): number[] {
  return [0, 3, 6, 9].flatMap((at, corner) => [...corners.slice(at, at + 3), corner === 0 ? 0 : 255]);
}

async function markFor(mark: Mark, width: number, height: number): Promise<OverlayOptions> {
  // The vendors' marks are about a thirtieth of the shorter side high.
  const textHeight = Math.max(10, Math.round(Math.min(width, height) / 28));
  // Pango counts opacity from 1 to 65535.
  const opacity = Math.max(1, Math.round((mark.opacity ?? 1) * 65_535));
  const { data, info } = await sharp({
    text: {
      text: `<span foreground="white" alpha="${opacity}">${escaped(mark.text)}</span>`,
      font: 'Noto Sans Hans Medium',
      // A font of our own: the mark must not depend on what the machine has installed.
      fontfile: fileURLToPath(
        import.meta.resolve('@embedpdf/fonts-sc').replace(/dist\/[^/]+$/, 'fonts/NotoSansHans-Medium.otf'),
      ),
      height: textHeight,
      width: Math.floor(width / 2),
      rgba: true,
    },
  })
    .png()
    .toBuffer({ resolveWithObject: true });
  const margin = Math.round(textHeight / 2);
  const corner = mark.corner ?? 'bottom right';
  const right = Math.max(0, width - info.width - margin);
  const bottom = Math.max(0, height - info.height - margin);
  return {
    input: data,
    left: corner.endsWith('right') ? right : Math.min(margin, right),
    top: corner.startsWith('bottom') ? bottom : Math.min(margin, bottom),
  };
}

/** Text inside Pango's markup. */
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function padded(bytes: Buffer, format: PictureFormat, wanted: number): Buffer {
  const missing = wanted - bytes.length;
  if (missing < 16) return bytes;
  switch (format) {
    case 'png':
      return paddedPng(bytes, missing);
    case 'webp':
      return paddedWebp(bytes, missing);
    case 'jpeg':
      return paddedJpeg(bytes, missing);
  }
}

/** One unknown chunk at the end of the RIFF container, which readers skip (RFC 9649, section 2.7). */
function paddedWebp(bytes: Buffer, missing: number): Buffer {
  const chunk = Buffer.alloc(missing & ~1, ' ');
  chunk.write('paDd', 0, 'latin1');
  chunk.writeUInt32LE(chunk.length - 8, 4);
  const whole = Buffer.concat([bytes, chunk]);
  whole.writeUInt32LE(whole.length - 8, 4);
  return whole;
}

/** Comment segments (ITU-T T.81, B.2.4.5) right after the JFIF header. */
function paddedJpeg(bytes: Buffer, missing: number): Buffer {
  const afterHeader = 4 + bytes.readUInt16BE(4);
  const segments: Buffer[] = [];
  for (let left = missing; left >= 5;) {
    const length = Math.min(left, 65_537);
    const segment = Buffer.alloc(length, ' ');
    segment.writeUInt16BE(0xfffe, 0);
    segment.writeUInt16BE(length - 2, 2);
    segments.push(segment);
    left -= length;
  }
  return Buffer.concat([bytes.subarray(0, afterHeader), ...segments, bytes.subarray(afterHeader)]);
}

/** One private ancillary chunk (PNG 1.2, 3.3) before the end chunk. */
function paddedPng(bytes: Buffer, missing: number): Buffer {
  const chunk = Buffer.alloc(missing, ' ');
  chunk.writeUInt32BE(missing - 12, 0);
  chunk.write('paDd', 4, 'latin1');
  chunk.writeUInt32BE(crc32(chunk.subarray(4, missing - 4)), missing - 4);
  const end = bytes.length - 12;
  return Buffer.concat([bytes.subarray(0, end), chunk, bytes.subarray(end)]);
}
