import { open, stat } from 'node:fs/promises';
import type { Adjustment } from '../core/adjustment.ts';
import { LimnerError } from '../core/errors.ts';
import type { ReferenceRule } from '../core/model-card.ts';
import type { ImageFormat } from '../core/request.ts';
import { formatSize, isSameSize, type Size } from '../core/size.ts';
import { BadImage, asBadImage, withSharp } from './decoding.ts';
import { encode, writePicture } from './fit.ts';
import { inspectImage, type ImageInfo } from './inspect.ts';

/** Limits of design §4. */
export const referenceLimits = { bytes: 10 * 1024 * 1024, pixels: 40_000_000 } as const;

/** Formats that a caller's reference may have. SVG is a program, not a picture, and is never one of them. */
export type ReferenceFormat = ImageFormat | 'gif' | 'tiff' | 'avif';

/** A reference that was decoded once, so that every upstream can be given it. */
export interface CheckedReference extends Size {
  readonly format: ReferenceFormat;
  readonly bytes: number;
}

/**
 * Checks the file that a caller named as reference: told by its content, not its name, within the limits, and
 * really decodable. Width and height are as a viewer sees it, EXIF orientation applied. Throws
 * `LimnerError('reference_invalid')`.
 */
export const checkReference = async (path: string): Promise<CheckedReference> => {
  const { size: bytes } = await stat(path);
  if (bytes > referenceLimits.bytes) {
    throw invalid(
      `The reference picture has ${bytes} bytes; at most 10 MB (${referenceLimits.bytes}) are taken.`,
    );
  }
  const format = await sniff(path);
  if (format === undefined) {
    throw invalid(
      'The reference is not a picture that can be read: send PNG, JPEG, WebP, GIF, TIFF or AVIF.',
    );
  }
  const size = await refusing(() =>
    withSharp(async (sharp) => {
      const options = { failOn: 'error', limitInputPixels: referenceLimits.pixels } as const;
      const { autoOrient } = await decoding(sharp(path, { ...options, limitInputPixels: false }).metadata());
      if (autoOrient.width * autoOrient.height > referenceLimits.pixels) {
        throw invalid(
          `The reference picture has ${formatSize(autoOrient)} pixels; at most 40 megapixels are taken.`,
        );
      }
      // Shrinking passes every row through the decoder and keeps none; the shortcut of JPEG would skip details.
      const shrunk = sharp(path, options).resize(8, 8, { fit: 'fill', fastShrinkOnLoad: false });
      await decoding(shrunk.raw().toBuffer());
      return { width: autoOrient.width, height: autoOrient.height };
    }),
  );
  return { format, bytes, ...size };
};

/** What a model is given as reference. */
export type NormalisedReference =
  /** The picture as it came is what the model takes. */
  | ({ readonly changed: false } & ImageInfo)
  /** A new one was written to the target. */
  | ({ readonly changed: true; readonly adjustment: Adjustment } & ImageInfo);

/**
 * Makes of a checked reference what the model takes: turned upright, cropped around the centre to the most
 * extreme shape allowed, scaled into the allowed sides and pixels, in an allowed format of allowed bytes. Throws
 * `LimnerError('reference_invalid')` when no such picture exists.
 */
export const normaliseReference = async (
  source: string,
  target: string,
  rule: ReferenceRule,
): Promise<NormalisedReference> => {
  const asIs = await inspectImage(source);
  return refusing(() =>
    withSharp(async (sharp) => {
      const options = { limitInputPixels: referenceLimits.pixels, failOn: 'error' } as const;
      const {
        autoOrient,
        orientation = 1,
        hasAlpha,
        format,
      } = await decoding(sharp(source, options).metadata());
      const size = { width: autoOrient.width, height: autoOrient.height };
      const fitted = sizeWithin(size, rule);
      if (fitted === undefined) {
        throw invalid(
          `A reference picture of ${formatSize(size)} cannot be brought to a size that the model takes.`,
        );
      }
      const isTaken =
        rule.formats.some((taken) => taken === asIs?.format) && (asIs?.bytes ?? 0) <= rule.maxBytes;
      if (asIs !== undefined && isTaken && orientation === 1 && isSameSize(size, fitted)) {
        return { changed: false, ...asIs };
      }
      for (const attempt of attemptsFor(fitted, formatFor(rule, asIs?.format, hasAlpha), rule)) {
        const picture = sharp(source, options)
          .autoOrient()
          .resize(attempt.size.width, attempt.size.height, { fit: 'cover', kernel: 'lanczos3' });
        const written = await writePicture(encode(picture, attempt.format, attempt.quality), target);
        if (written.bytes > rule.maxBytes) continue;
        const adjustment = {
          parameter: 'url',
          asked: `${formatSize(size)} ${format}`,
          used: `${formatSize(written)} ${attempt.format}`,
          reason: reasonFor(size, written, rule),
        };
        return { changed: true, format: attempt.format, ...written, adjustment };
      }
      throw invalid(
        `The reference picture cannot be brought under the ${rule.maxBytes} bytes that the model takes.`,
      );
    }),
  );
};

const invalid = (detail: string, cause?: unknown): LimnerError =>
  new LimnerError('reference_invalid', detail, { param: 'url', cause });

/** Runs work on a reference; what cannot be decoded becomes the caller's error. */
const refusing = async <T>(work: () => Promise<T>): Promise<T> => {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof BadImage)) throw error;
    throw invalid('The reference picture is damaged and cannot be decoded.', error);
  }
};

/** The work's result; what sharp throws in it is about the picture. */
const decoding = async <T>(work: Promise<T>): Promise<T> => {
  try {
    return await work;
  } catch (error) {
    throw asBadImage(error);
  }
};

const sniff = async (path: string): Promise<ReferenceFormat | undefined> => {
  const handle = await open(path);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(32), 0, 32, 0);
    return bytesRead < 12 ? undefined : formatOf(buffer.toString('latin1'));
  } finally {
    await handle.close();
  }
};

const formatOf = (head: string): ReferenceFormat | undefined => {
  if (head.startsWith('\x89PNG\r\n\x1a\n')) return 'png';
  if (head.startsWith('\xff\xd8\xff')) return 'jpeg';
  if (head.startsWith('RIFF') && head.startsWith('WEBP', 8)) return 'webp';
  if (head.startsWith('GIF87a') || head.startsWith('GIF89a')) return 'gif';
  if (head.startsWith('II*\0') || head.startsWith('MM\0*')) return 'tiff';
  if (head.startsWith('ftypavif', 4)) return 'avif';
  return undefined;
};

/** The nearest size that the rule takes, or nothing when the rule leaves none for this shape. */
const sizeWithin = (size: Size, rule: ReferenceRule): Size | undefined => {
  const short = Math.min(size.width, size.height);
  const long = Math.min(Math.max(size.width, size.height), Math.floor(short * rule.maxRatio));
  const largest = Math.min(rule.maxSide / long, Math.sqrt(rule.maxPixels / (short * long)));
  const scale = Math.max(Math.min(1, largest), rule.minSide / short);
  if (scale > largest * 1.001) return undefined;
  const rounded = scale > 1 ? Math.ceil : Math.floor;
  const newShort = Math.max(rounded(short * scale), rule.minSide);
  const newLong = Math.min(rounded(long * scale), rule.maxSide, Math.floor(newShort * rule.maxRatio));
  return size.width < size.height
    ? { width: newShort, height: newLong }
    : { width: newLong, height: newShort };
};

/** Its own format where that is taken; else JPEG, or PNG where something is transparent. */
const formatFor = (rule: ReferenceRule, own: ImageFormat | undefined, hasAlpha: boolean): ImageFormat => {
  const liked: (ImageFormat | undefined)[] = hasAlpha
    ? [own, 'png', 'webp', 'jpeg']
    : [own, 'jpeg', 'png', 'webp'];
  return liked.find((format) => format !== undefined && rule.formats.includes(format)) ?? 'jpeg';
};

interface Attempt {
  readonly size: Size;
  readonly format: ImageFormat;
  readonly quality: number;
}

/** What to try in turn until the bytes fit: first as good as can be, then smaller files. */
const attemptsFor = (size: Size, format: ImageFormat, rule: ReferenceRule): readonly Attempt[] => {
  const small = rule.formats.includes('jpeg') ? 'jpeg' : format;
  const shrunk = [0.75, 0.5, 0.35, 0.25]
    .map((factor) => ({ width: Math.round(size.width * factor), height: Math.round(size.height * factor) }))
    .filter((each) => Math.min(each.width, each.height) >= rule.minSide);
  return [
    { size, format, quality: 92 },
    ...[90, 80].map((quality) => ({ size, format: small, quality })),
    ...shrunk.map((each) => ({ size: each, format: small, quality: 85 })),
  ];
};

const reasonFor = (from: Size, to: Size, rule: ReferenceRule): string => {
  const wasShaped = Math.max(from.width, from.height) > rule.maxRatio * Math.min(from.width, from.height);
  const formats = rule.formats.map((format) => format.toUpperCase()).join(', ');
  if (wasShaped)
    return `The model takes no reference picture longer than ${rule.maxRatio} to 1, so it was cropped.`;
  return isSameSize(from, to)
    ? `The model takes reference pictures as ${formats} of at most ${rule.maxBytes} bytes.`
    : 'The model takes reference pictures of certain sizes only, so it was scaled.';
};
