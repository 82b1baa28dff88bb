import type { ApiKey, KeyStore } from '../access/keys.ts';
import { LimnerError } from '../core/errors.ts';
import { isId } from '../core/ids.ts';

/** The error for a key that is not there. */
export const keyNotFound = (): LimnerError => new LimnerError('key_not_found', 'There is no such key.');

/** An API key without its secret, revoked or not. Throws `key_not_found`. */
export const getKey = async (
  parts: { readonly keys: Pick<KeyStore, 'get'> },
  keyId: string,
): Promise<ApiKey> => {
  const key = isId('key', keyId) ? await parts.keys.get(keyId) : undefined;
  if (key === undefined) throw keyNotFound();
  return key;
};
