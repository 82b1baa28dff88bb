import { asBadImage, withSharp } from './decoding.ts';

/** The longest side of a picture that is shown alone; several share its area. */
const PREVIEW_SIDE = 1024;

/**
 * A picture to look at in place of the full one: a JPEG small enough to be one of `count` that go together into the
 * context of a language model. No side grows. Throws `BadImage` for bytes that cannot be decoded.
 */
export const previewOf = (picture: Uint8Array, count: number): Promise<Uint8Array> =>
  withSharp(async (sharp) => {
    const side = Math.floor(PREVIEW_SIDE / Math.sqrt(count));
    try {
      return await sharp(picture)
        .autoOrient()
        .resize(side, side, { fit: 'inside', withoutEnlargement: true })
        .flatten({ background: 'white' })
        .jpeg({ quality: 80 })
        .toBuffer();
    } catch (error) {
      throw asBadImage(error);
    }
  });
