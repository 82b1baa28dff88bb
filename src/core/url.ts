/** Longest address that is taken; signed links of object stores have one to two thousand characters. */
const maxUrlCharacters = 8192;

/**
 * What is wrong with an address that a caller sends for us to fetch or call, as the end of a sentence such as
 * "`url` must be an http or https address"; `undefined` when its form is fine. Where it leads is checked when it
 * is used.
 */
export const checkUrlShape = (text: string): string | undefined => {
  if (text.length > maxUrlCharacters) return `must have at most ${maxUrlCharacters} characters`;
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return 'must be an http or https address';
  const url = new URL(text);
  if (url.username !== '' || url.password !== '') return 'must not hold a user name or password';
  return undefined;
};
