import type { ApiKey, KeyStore } from '../access/keys.ts';
import { LimnerError } from '../core/errors.ts';
import { isId } from '../core/ids.ts';

/** Revokes an API key for good; revoking it again changes nothing. Throws `key_not_found`. */
export const revokeKey = async (
  parts: { readonly keys: Pick<KeyStore, 'revoke'> },
  keyId: string,
): Promise<ApiKey> => {
  const key = isId('key', keyId) ? await parts.keys.revoke(keyId) : undefined;
  if (key === undefined) throw new LimnerError('key_not_found', 'There is no such key.');
  return key;
};
