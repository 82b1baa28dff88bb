/** Scripts that put no spaces between words, or put endings right behind them: an entry counts wherever it stands. */
const unspaced =
  /[\p{scx=Han}\p{scx=Hira}\p{scx=Kana}\p{scx=Hangul}\p{scx=Thai}\p{scx=Lao}\p{scx=Khmer}\p{scx=Mymr}]/u;
const partOfWord = /[\p{L}\p{N}\p{M}]/u;

/** Invisible in print: joiners, soft hyphens, direction marks, variation selectors, and the accents over Latin letters. */
const invisible = /[\p{Default_Ignorable_Code_Point}\p{Cf}\u0300-\u036F]/gu;

/**
 * The text as it is compared: compatibility forms (wide, circled, mathematical letters) as plain ones, accents and what
 * cannot be seen left out, case folded, everything that is no letter or digit as one space.
 */
const folded = (text: string): string =>
  text
    .normalize('NFKD')
    .replaceAll(invisible, '')
    .toUpperCase()
    .toLowerCase()
    .replaceAll(invisible, '')
    .replaceAll(/[^\p{L}\p{N}\p{M}]+/gu, ' ')
    .trim();

/** Whether a word may begin or end between these two characters. */
const isBoundary = (one: string | undefined, other: string | undefined): boolean =>
  one === undefined ||
  other === undefined ||
  !partOfWord.test(one) ||
  !partOfWord.test(other) ||
  unspaced.test(one) ||
  unspaced.test(other);

/** Finds the first entry of a list in a text, as it is written in the list. */
export type FindWord = (text: string) => string | undefined;

/**
 * A list of words and phrases to find in texts, whatever their case, width or accents; whole words only, except in scripts
 * without spaces. The time it takes grows with the text and hardly with the list.
 */
export const createWordList = (entries: readonly string[]): FindWord => {
  const words = new Map(entries.map((entry) => [folded(entry), entry]));
  words.delete('');
  const lengthsByFirst = new Map<string, readonly number[]>();
  for (const word of words.keys()) {
    const first = word.charAt(0);
    const lengths = new Set(lengthsByFirst.get(first));
    lengthsByFirst.set(first, [...lengths.add(word.length)]);
  }

  return (text) => {
    const looked = folded(text);
    for (let start = 0; start < looked.length; start += 1) {
      for (const length of lengthsByFirst.get(looked.charAt(start)) ?? []) {
        const end = start + length;
        const found = words.get(looked.slice(start, end));
        if (found === undefined) continue;
        if (!isBoundary(looked[start - 1], looked[start]) || !isBoundary(looked[end - 1], looked[end]))
          continue;
        return found;
      }
    }
    return undefined;
  };
};
