/** The one door to sharp: loaded when first needed, without its cache, for few pictures at a time. */
import type sharpFactory from 'sharp';

/** Two decoded pictures of 64 megapixels are the most that a small machine bears. */
const picturesAtOnce = 2;

let running = 0;
const waiting: (() => void)[] = [];

type SharpFactory = typeof sharpFactory;

const loadSharp = async (): Promise<SharpFactory> => {
  const { default: sharp } = await import('sharp');
  // No file is read twice, and a cached one would be shown after it changed.
  sharp.cache(false);
  return sharp;
};

/** Runs work that decodes or encodes a picture, when a place is free. */
export const withSharp = async <T>(work: (sharp: SharpFactory) => Promise<T>): Promise<T> => {
  if (running === picturesAtOnce) await new Promise<void>((resolve) => waiting.push(resolve));
  else running += 1;
  try {
    return await work(await loadSharp());
  } finally {
    // The place goes straight to the next in line.
    const next = waiting.shift();
    if (next === undefined) running -= 1;
    else next();
  }
};

/** The file cannot be decoded as a picture, or would be larger than the limit. */
export class BadImage extends Error {
  override readonly name = 'BadImage';
}

/** Translates what sharp throws for an input that it cannot decode; a missing file stays a missing file. */
export const asBadImage = (error: unknown): unknown =>
  error instanceof Error && !error.message.startsWith('Input file is missing')
    ? new BadImage(error.message, { cause: error })
    : error;
