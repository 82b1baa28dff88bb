import { closest, distance } from 'fastest-levenshtein';

/** The name that was probably meant; `undefined` when none is close. */
export const closestName = (written: string, names: readonly string[]): string | undefined => {
  // The distance takes time in proportion to the length: no name is this long.
  if (names.length === 0 || written.length > 64) return undefined;
  const nearest = closest(written.toLowerCase(), names);
  const away = distance(written.toLowerCase(), nearest);
  // Of a short name half must be left, or every two letters would be near to `n`.
  return away <= Math.max(2, Math.floor(written.length / 3)) && away * 2 <= written.length
    ? nearest
    : undefined;
};

/** ` Did you mean …?` to end a sentence with, or nothing. */
export const didYouMean = (written: string, names: readonly string[]): string => {
  const name = closestName(written, names);
  return name === undefined ? '' : ` Did you mean \`${name}\`?`;
};
