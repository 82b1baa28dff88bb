/** Largest reference picture that a request may carry (design §4). */
const MAX_REFERENCE_BYTES = 10 * 1024 * 1024;

const PREFIX = /^data:image\/[a-z0-9.+-]{1,40}(?:;[a-z0-9=._-]{1,40})?;base64,/i;

/** Whether the text claims to be a `data:` URI. */
export const isDataUri = (text: string): boolean => /^data:/i.test(text.slice(0, 5));

/** The picture in a `data:image/…;base64,` URI; `undefined` when it is none, is empty, or is larger than 10 MB. */
export const readDataUri = (text: string): Uint8Array | undefined => {
  const prefix = PREFIX.exec(text.slice(0, 128))?.[0];
  if (prefix === undefined) return undefined;
  const encoded = text.slice(prefix.length);
  const bytes = (encoded.replace(/={1,2}$/, '').length * 3) >>> 2;
  if (bytes === 0 || bytes > MAX_REFERENCE_BYTES) return undefined;
  const decoded = Buffer.from(encoded, 'base64');
  // Node skips what is not base64, so a difference in length gives it away.
  return decoded.length === bytes ? decoded : undefined;
};
