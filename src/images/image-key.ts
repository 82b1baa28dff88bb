/** Longest key of an image store: as a file name it still leaves room for a prefix and a suffix (255 on Linux). */
const maxKeyCharacters = 200;

const keyShape = /^[a-z0-9_-][a-z0-9_.-]*(?:\/[a-z0-9_-][a-z0-9_.-]*)*$/;

/**
 * Throws a `TypeError` for a text that is no key of an image store. A key has lower-case letters, digits and
 * `_ . -`, in parts between slashes that are neither empty nor begin with a dot, so it never climbs out of a
 * folder, whatever a store makes of it.
 */
export const assertImageKey = (key: string): void => {
  if (key.length <= maxKeyCharacters && keyShape.test(key)) return;
  throw new TypeError(`Not a key of an image store: ${JSON.stringify(key)}`);
};
