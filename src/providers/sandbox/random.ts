import { createHash } from 'node:crypto';

/** The next number of a sequence, from 0 to 1. */
export type Random = () => number;

/** A sequence that is the same for the same text: xoshiro128** (Blackman, Vigna) seeded with its SHA-256. */
export const randomFrom = (text: string): Random => {
  const state = new Uint32Array(4);
  const digest = createHash('sha256').update(text).digest();
  for (let word = 0; word < 4; word += 1) state[word] = digest.readUInt32LE(word * 4) | 1;
  let [a = 1, b = 1, c = 1, d = 1] = state;
  const rotate = (value: number, bits: number): number => (value << bits) | (value >>> (32 - bits));
  return () => {
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9);
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotate(d, 11);
    return (result >>> 0) / 2 ** 32;
  };
};
