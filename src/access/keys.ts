/** API keys: random, stored as hashes, shown once. */

/** What a key may do. */
export const keyRoles = ['user', 'admin'] as const;
export type KeyRole = (typeof keyRoles)[number];

/** An API key as everybody but its owner knows it. */
export interface ApiKey {
  readonly id: string;
  readonly name: string;
  readonly role: KeyRole;
  /** First characters of the key, to tell keys apart in a list. */
  readonly hint: string;
  readonly createdAtMs: number;
  readonly revokedAtMs?: number;
}

export interface KeyStore {
  /** The key's owner; `undefined` when it is unknown or revoked. A revocation counts within a second everywhere. */
  authenticate(secret: string): Promise<ApiKey | undefined>;
  /** Makes a key; `secret` is shown this once. */
  create(name: string, role: KeyRole): Promise<{ readonly key: ApiKey; readonly secret: string }>;
  /** Makes this secret the one bootstrap key, with the admin role, for `LIMNER_API_KEY`. */
  ensureBootstrap(secret: string): Promise<void>;
  list(): Promise<readonly ApiKey[]>;
  /** `undefined` when there is no such key. */
  revoke(keyId: string): Promise<ApiKey | undefined>;
}
