/**
 * Identifiers: a prefix that says what it names, then 26 characters of Crockford base 32 (the ULID layout):
 * 48 bits of milliseconds, so that identifiers sort by age, and 80 random bits, so that none can be guessed.
 */

/** Fills the array with random bytes that nobody can predict. */
export type RandomBytes = (size: number) => Uint8Array;

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const TIME_LENGTH = 10;

const encodeTime = (timeMs: number): string => {
  let text = '';
  for (let rest = timeMs, place = 0; place < TIME_LENGTH; place += 1, rest = Math.floor(rest / 32)) {
    text = ALPHABET.charAt(rest % 32) + text;
  }
  return text;
};

const encodeRandom = (bytes: Uint8Array): string => {
  let text = '';
  let bits = 0;
  let held = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += ALPHABET.charAt((held >>> bits) & 31);
    }
    held &= 31;
  }
  return text;
};

/** What an identifier may name. */
export type IdPrefix = 'task' | 'call' | 'img' | 'key' | 'req' | 'claim' | 'wh' | 'evt' | 'act';

/** A new identifier such as `task_01jd…`: sortable by age, with 80 unpredictable bits. */
export const newId = (prefix: IdPrefix, nowMs: number, randomBytes: RandomBytes): string =>
  `${prefix}_${encodeTime(nowMs)}${encodeRandom(randomBytes(10))}`;

/** The smallest identifier that could have been made at this time: turns a time filter into a range of identifiers. */
export const firstIdAt = (prefix: IdPrefix, timeMs: number): string => `${prefix}_${encodeTime(timeMs)}`;

/** Whether the text has the shape of an identifier with this prefix; spares a query for nonsense. */
export const isId = (prefix: IdPrefix, text: string): boolean =>
  text.length === prefix.length + 27 &&
  text.startsWith(`${prefix}_`) &&
  /^[0-9a-hjkmnp-tv-z]{26}$/.test(text.slice(prefix.length + 1));
