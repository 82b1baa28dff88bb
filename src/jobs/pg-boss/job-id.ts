/** Crockford's base 32, as in `core/ids.ts`. */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

/** The 128 bits of a task's identifier as a UUID, which pg-boss wants: so that a job sent twice is one job. */
export const jobIdOf = (taskId: string): string => {
  let bits = 0n;
  for (const letter of taskId.slice(taskId.indexOf('_') + 1)) {
    bits = bits * 32n + BigInt(ALPHABET.indexOf(letter));
  }
  const hex = BigInt.asUintN(128, bits).toString(16).padStart(32, '0');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
};
