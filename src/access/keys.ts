/** API keys: random, stored as hashes, shown once. */
import type { Actor } from './audit.ts';
import type { Budget, KeyLimits } from './limits.ts';

/** What a key may do. */
export const keyRoles = ['user', 'admin'] as const;
export type KeyRole = (typeof keyRoles)[number];

/** What is set for a key beside its name and role. */
export interface KeySettings {
  /** The public models that it may use; absent: every one. */
  readonly models?: readonly string[];
  /** Addresses and CIDR ranges that it may be used from; absent: any. */
  readonly allowedIps?: readonly string[];
  /** When it stops working. */
  readonly expiresAtMs?: number;
  /** Its own; what is absent here is as for every key. */
  readonly limits: KeyLimits;
}

/** An API key as everybody but its owner knows it. */
export interface ApiKey extends KeySettings {
  readonly id: string;
  readonly name: string;
  readonly role: KeyRole;
  /** First characters of the key, to tell keys apart in a list. */
  readonly hint: string;
  readonly createdAtMs: number;
  readonly revokedAtMs?: number;
  /** Until when the secret before this one works too. */
  readonly previousUntilMs?: number;
  /** To the minute, more or less; absent when it was never used. */
  readonly lastUsedAtMs?: number;
}

/** A key whose secret was shown; its limits are those that hold, the ones for every key included. */
export type Caller = ApiKey;

/** What a key is made with. */
export interface NewKey extends Partial<KeySettings> {
  readonly name: string;
  readonly role: KeyRole;
}

/** What is to change; `null` takes away what was set, what is absent stays. */
export interface KeyChanges {
  readonly name?: string;
  readonly models?: readonly string[] | null;
  readonly allowedIps?: readonly string[] | null;
  readonly expiresAtMs?: number | null;
  readonly requestsPerMinute?: number | null;
  readonly concurrentTasks?: number | null;
  readonly imagesPerDay?: number | null;
  readonly budget?: Budget | null;
}

/** A key that has just got its secret, which is shown this once. */
export interface KeyWithSecret {
  readonly key: ApiKey;
  readonly secret: string;
}

/** Keys, and every act on them written down with who did it. */
export interface KeyStore {
  /** Whose secret it is; `undefined` when it is unknown, revoked or expired. A change counts within a second everywhere. */
  authenticate(secret: string): Promise<Caller | undefined>;
  create(key: NewKey, actor: Actor): Promise<KeyWithSecret>;
  /** Makes this secret the one bootstrap key, with the admin role and no limits, for `LIMNER_API_KEY`. */
  ensureBootstrap(secret: string): Promise<void>;
  list(): Promise<readonly ApiKey[]>;
  /** `undefined` when there is no such key. */
  get(keyId: string): Promise<ApiKey | undefined>;
  update(keyId: string, changes: KeyChanges, actor: Actor): Promise<ApiKey | undefined>;
  /** Gives the key a new secret; the one before works on for `overlapMs`. */
  rotate(keyId: string, overlapMs: number, actor: Actor): Promise<KeyWithSecret | undefined>;
  revoke(keyId: string, actor: Actor): Promise<ApiKey | undefined>;
}

/** Name of the key that `LIMNER_API_KEY` gives; no other key may have it. */
export const bootstrapName = 'bootstrap';
