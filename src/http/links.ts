import { createHmac, timingSafeEqual } from 'node:crypto';
import type { LinkKey, LinkKeys } from '../access/link-keys.ts';
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

/**
 * Links to the image store where it hands files out itself, else to `/files`, signed with HMAC-SHA256 over the file name,
 * the time and which key it is.
 */
export const createLinks = (settings: {
  readonly keys: LinkKeys;
  readonly origin: () => string;
  readonly images: Pick<ImageStore, 'link'>;
}): Links => {
  const { images, keys } = settings;
  const sign = (fileName: string, until: string, { id, secret }: LinkKey): string =>
    createHmac('sha256', secret)
      .update(`${fileName}\n${until}${id === '' ? '' : `\n${id}`}`)
      .digest('base64url');
  const standingKey = (): LinkKey => ({ id: '', secret: keys.standing });
  const linkTo = (image: Linked): string => `${settings.origin()}/files/${fileNameOf(image)}`;

  const orderOf = (image: Linked) => ({
    contentType: `image/${image.format}`,
    fileName: fileNameOf(image),
  });

  return {
    expiring(image, expiresAtMs) {
      const expires = String(Math.floor(expiresAtMs / 1000));
      const ownLink = (): string => {
        const key = keys.current();
        const which = key.id === '' ? '' : `&key=${key.id}`;
        return `${linkTo(image)}?expires=${expires}${which}&signature=${sign(fileNameOf(image), expires, key)}`;
      };
      return images.link(image.key, { ...orderOf(image), expiresAtMs }) ?? ownLink();
    },
    permanent: (image) =>
      images.link(image.key, orderOf(image)) ??
      `${linkTo(image)}?signature=${sign(fileNameOf(image), PERMANENT, standingKey())}`,
    check(fileName, { expires, key: id = '', signature }) {
      const imageId = fileName.slice(0, fileName.lastIndexOf('.'));
      if (typeof signature !== 'string' || !isId('img', imageId)) return undefined;
      if (expires !== undefined && !(typeof expires === 'string' && /^\d{1,12}$/.test(expires)))
        return undefined;
      const secret = typeof id === 'string' ? keys.find(id) : undefined;
      // A key that may be gone in a week signs nothing that is to last.
      if (secret === undefined || (expires === undefined && id !== '')) return undefined;
      // The texts, not the bytes they stand for: the last character of a signature has two bits to spare.
      const given = Buffer.from(signature);
      const wanted = Buffer.from(sign(fileName, expires ?? PERMANENT, { id: String(id), secret }));
      if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) return undefined;
      return expires === undefined ? { imageId } : { imageId, expiresAtMs: Number(expires) * 1000 };
    },
  };
};
