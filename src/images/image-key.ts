/** Longest key of an image store: as a file name it still leaves room for a prefix and a suffix (255 on Linux). */
const maxKeyCharacters = 200;

/**
 * Whether a text may be a key of an image store: lower-case letters, digits and `_ . / -`, in parts between
 * slashes that are neither empty nor begin with a dot. So it never climbs, whatever a store makes of it.
 */
export const isImageKey = (key: string): boolean =>
  key.length <= maxKeyCharacters && /^[a-z0-9_-][a-z0-9_.-]*(?:\/[a-z0-9_-][a-z0-9_.-]*)*$/.test(key);

/** Throws a `TypeError` for a text that is no key of an image store. */
export const assertImageKey = (key: string): void => {
  if (!isImageKey(key)) throw new TypeError(`Not a key of an image store: ${JSON.stringify(key)}`);
};
