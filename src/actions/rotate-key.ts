import type { Actor } from '../access/audit.ts';
import { bootstrapName, type KeyStore, type KeyWithSecret } from '../access/keys.ts';
import { LimnerError } from '../core/errors.ts';
import { getKey, keyNotFound } from './get-key.ts';

/**
 * Gives a key a new secret, shown this once; the one before works on for `overlapMs`. Throws `key_not_found`, also for a
 * revoked key, and `invalid_parameter` for the key of `LIMNER_API_KEY`.
 */
export const rotateKey = async (
  parts: { readonly keys: Pick<KeyStore, 'get' | 'rotate'> },
  keyId: string,
  overlapMs: number,
  actor: Actor,
): Promise<KeyWithSecret> => {
  const key = await getKey(parts, keyId);
  if (key.name === bootstrapName) {
    throw new LimnerError(
      'invalid_parameter',
      `The key \`${bootstrapName}\` is the one of LIMNER_API_KEY: give another one there.`,
      { param: 'key_id' },
    );
  }
  const rotated = await parts.keys.rotate(keyId, overlapMs, actor);
  if (rotated === undefined) throw keyNotFound();
  return rotated;
};
