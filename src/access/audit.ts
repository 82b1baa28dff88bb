/** Who did what with the power of an administrator. */
import type { JsonValue } from '../core/json.ts';

/** Who acts, and from where. */
export interface Actor {
  /** The key that was used; absent when nobody's was, e.g. on the command line. */
  readonly keyId?: string;
  /** Name of that key, or what acted. */
  readonly name: string;
  /** Address of whoever asked; absent when it was not over the network. */
  readonly address?: string;
}

/** Everything that is written down. */
export const auditedActs = ['key.create', 'key.update', 'key.rotate', 'key.revoke'] as const;
export type AuditedAct = (typeof auditedActs)[number];

/** One act as it was written down; rows are added and never changed. */
export interface AuditEntry {
  readonly id: string;
  readonly atMs: number;
  readonly actor: Actor;
  readonly act: AuditedAct;
  /** Id of what it was done to. */
  readonly target: string;
  /** What changed, without any secret. */
  readonly details: JsonValue;
}

/** A page of acts, newest first. */
export interface AuditPage {
  readonly entries: readonly AuditEntry[];
  readonly hasMore: boolean;
}

export interface AuditLog {
  /** Acts before the given one, or the newest. */
  list(query: { readonly limit: number; readonly afterId?: string }): Promise<AuditPage>;
}
