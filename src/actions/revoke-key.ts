import type { Actor } from '../access/audit.ts';
import type { ApiKey, KeyStore } from '../access/keys.ts';
import { isId } from '../core/ids.ts';
import { keyNotFound } from './get-key.ts';

/** Revokes an API key for good; revoking it again changes nothing. Throws `key_not_found`. */
export const revokeKey = async (
  parts: { readonly keys: Pick<KeyStore, 'revoke'> },
  keyId: string,
  actor: Actor,
): Promise<ApiKey> => {
  const key = isId('key', keyId) ? await parts.keys.revoke(keyId, actor) : undefined;
  if (key === undefined) throw keyNotFound();
  return key;
};
