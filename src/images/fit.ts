import { rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Sharp } from 'sharp';
import type { ImageFormat, OutputFormat } from '../core/request.ts';
import { isSameSize, type Size } from '../core/size.ts';
import { asBadImage, withSharp } from './decoding.ts';
import { syncToDisk } from './durable-file.ts';
import type { ImageInfo } from './inspect.ts';

/** Bound against pictures that unpack to more than a machine bears; the largest model makes 16 megapixels. */
const maxPixels = 64_000_000;

/** A picture, and what it should become. */
export interface FitOrder {
  /** Path of the picture as it came. */
  readonly source: string;
  readonly sourceInfo: ImageInfo;
  /** Path of the new picture, if there must be one. */
  readonly target: string;
  readonly size: Size;
  /** `auto` keeps the format of the source. */
  readonly format: OutputFormat;
}

/** Whether a new picture was written. */
export type Fitted = { readonly changed: false } | ({ readonly changed: true } & ImageInfo);

/**
 * Makes a picture of exactly the asked pixels and format: cropped around the centre to the asked shape, then
 * resampled; an EXIF orientation is applied then. When the source's stored pixels and format are that already,
 * nothing is decoded or written. On return the target is complete and survives a power cut. Throws `BadImage`
 * for a source that cannot be decoded.
 */
export const fitImage = async ({ source, sourceInfo, target, size, format }: FitOrder): Promise<Fitted> => {
  const wanted = format === 'auto' ? sourceInfo.format : format;
  if (isSameSize(sourceInfo, size) && sourceInfo.format === wanted) return { changed: false };
  const written = await withSharp(async (sharp) => {
    const picture = sharp(source, { limitInputPixels: maxPixels, failOn: 'error' })
      .autoOrient()
      .resize(size.width, size.height, { fit: 'cover', position: 'centre', kernel: 'lanczos3' })
      // XMP holds the upstream's mark that a machine made the picture, which must not get lost.
      .keepXmp();
    return writePicture(encode(picture, wanted), target);
  });
  return { changed: true, format: wanted, ...written };
};

/** Encodes for delivery: no loss that one could see, at a speed that a request can wait for. */
export const encode = (picture: Sharp, format: ImageFormat, quality = 92): Sharp => {
  switch (format) {
    case 'png':
      return picture.png({ compressionLevel: 3 });
    case 'jpeg':
      return picture.flatten({ background: 'white' }).jpeg({ quality, chromaSubsampling: '4:4:4' });
    case 'webp':
      // Effort 2 takes half the time of the default for the same number of bytes.
      return picture.webp({ quality, effort: 2 });
  }
};

/** Writes a picture so that the target is never half a file; throws `BadImage` when the input does not decode. */
export const writePicture = async (picture: Sharp, target: string): Promise<Size & { bytes: number }> => {
  // Through memory, so that a full disk and a broken picture stay apart: sharp words both alike.
  const { data, info } = await picture.toBuffer({ resolveWithObject: true }).catch((error: unknown) => {
    throw asBadImage(error);
  });
  const part = `${target}.part`;
  try {
    await writeFile(part, data, { flush: true });
    await rename(part, target);
    await syncToDisk(dirname(target));
  } finally {
    await rm(part, { force: true });
  }
  return { width: info.width, height: info.height, bytes: data.length };
};
