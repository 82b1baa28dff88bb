/** Longest key of an image store: as a file name it still leaves room for a prefix and a suffix (255 on Linux). */
const maxKeyCharacters = 200;

const keyShape = /^[a-z0-9_-][a-z0-9_.-]*(?:\/[a-z0-9_-][a-z0-9_.-]*)*$/;

/**
 * Whether a text may be a key of an image store: lower-case letters, digits and `_ . -`, in parts between slashes
 * that are neither empty nor begin with a dot. So it never climbs out of a folder, whatever a store makes of it.
 */
export const isImageKey = (text: string): boolean => text.length <= maxKeyCharacters && keyShape.test(text);

/** Throws a `TypeError` for a text that is no key of an image store. */
export const assertImageKey = (text: string): void => {
  if (!isImageKey(text)) throw new TypeError(`Not a key of an image store: ${JSON.stringify(text)}`);
};
