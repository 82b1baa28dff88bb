import { closest, distance } from 'fastest-levenshtein';

/** The name that was probably meant; `undefined` when none is close. */
export const closestName = (written: string, names: readonly string[]): string | undefined => {
  // The distance takes time in proportion to the length: no name is this long.
  if (names.length === 0 || written.length > 64) return undefined;
  const nearest = closest(written.toLowerCase(), names);
  return distance(written.toLowerCase(), nearest) <= Math.max(2, Math.floor(written.length / 3))
    ? nearest
    : undefined;
};

/** ` Did you mean …?` to end a sentence with, or nothing. */
export const didYouMean = (written: string, names: readonly string[]): string => {
  const name = closestName(written, names);
  return name === undefined ? '' : ` Did you mean \`${name}\`?`;
};
