import type { ApiKey, KeyStore } from '../access/keys.ts';

/** Every API key, revoked ones too. */
export const listKeys = (parts: { readonly keys: Pick<KeyStore, 'list'> }): Promise<readonly ApiKey[]> =>
  parts.keys.list();
