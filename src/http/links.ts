import { createHmac, timingSafeEqual } from 'node:crypto';
import { isId } from '../core/ids.ts';
import type { Image } from '../core/image.ts';
import type { ImageFormat } from '../core/request.ts';
import type { ImageStore } from '../images/image-store.ts';

/** What a link points at. */
type Linked = Pick<Image, 'id' | 'format' | 'key'>;

/** A file address, taken apart and found to be signed by us. */
export interface CheckedLink {
  readonly imageId: string;
  /** Absent in a permanent link. */
  readonly expiresAtMs?: number;
}

/** Makes and checks the links to stored images. */
export interface Links {
  /** A link that works until then, cut to whole seconds. */
  expiring(image: Linked, expiresAtMs: number): string;
  /** A link that works as long as the image is there. */
  permanent(image: Linked): string;
  /** `undefined` when we never signed it. The time is not looked at. */
  check(fileName: string, query: Readonly<Record<string, unknown>>): CheckedLink | undefined;
}

const extensions: Readonly<Record<ImageFormat, string>> = { png: 'png', jpeg: 'jpg', webp: 'webp' };

/** The name under which an image is handed out. */
export const fileNameOf = (image: Pick<Image, 'id' | 'format'>): string =>
  `${image.id}.${extensions[image.format]}`;

const PERMANENT = 'permanent';

/** Links to the image store where it hands files out itself, else to `/files`, signed with HMAC-SHA256 over the file name and the time. */
export const createLinks = (settings: {
  readonly secret: Uint8Array;
  readonly origin: () => string;
  readonly images: Pick<ImageStore, 'link'>;
}): Links => {
  const { images } = settings;
  const sign = (fileName: string, until: string): string =>
    createHmac('sha256', settings.secret).update(`${fileName}\n${until}`).digest('base64url');
  const linkTo = (image: Linked): string => `${settings.origin()}/files/${fileNameOf(image)}`;

  const orderOf = (image: Linked) => ({
    contentType: `image/${image.format}`,
    fileName: fileNameOf(image),
  });

  return {
    expiring(image, expiresAtMs) {
      const expires = String(Math.floor(expiresAtMs / 1000));
      return (
        images.link(image.key, { ...orderOf(image), expiresAtMs }) ??
        `${linkTo(image)}?expires=${expires}&signature=${sign(fileNameOf(image), expires)}`
      );
    },
    permanent: (image) =>
      images.link(image.key, orderOf(image)) ??
      `${linkTo(image)}?signature=${sign(fileNameOf(image), PERMANENT)}`,
    check(fileName, { expires, signature }) {
      const imageId = fileName.slice(0, fileName.lastIndexOf('.'));
      if (typeof signature !== 'string' || !isId('img', imageId)) return undefined;
      if (expires !== undefined && !(typeof expires === 'string' && /^\d{1,12}$/.test(expires)))
        return undefined;
      // The texts, not the bytes they stand for: the last character of a signature has two bits to spare.
      const given = Buffer.from(signature);
      const wanted = Buffer.from(sign(fileName, expires ?? PERMANENT));
      if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) return undefined;
      return expires === undefined ? { imageId } : { imageId, expiresAtMs: Number(expires) * 1000 };
    },
  };
};
