import type { ApiKey, KeyRole, KeyStore } from '../access/keys.ts';

/** Makes an API key; its secret is shown this once. */
export const createKey = (
  parts: { readonly keys: Pick<KeyStore, 'create'> },
  input: { readonly name: string; readonly role: KeyRole },
): Promise<{ readonly key: ApiKey; readonly secret: string }> => parts.keys.create(input.name, input.role);
