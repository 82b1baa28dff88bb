import type { Clock } from '../core/clock.ts';
import type { RandomBytes } from '../core/ids.ts';
import type { Database } from '../database/database.ts';
import { forgetInstallationSecret, installationSecret, installationSecretsLike } from './sql-key-store.ts';

/** How long one key signs. */
const PERIOD_MS = 7 * 24 * 60 * 60 * 1000;

/** How often it is looked after the keys: the next one is there long before it is needed. */
const REFRESH_MS = 12 * 60 * 60 * 1000;

const STANDING = 'links';
const nameOf = (id: string): string => `${STANDING}-${id}`;

/** What signs an expiring link now. */
export interface LinkKey {
  /** Stands in the link; empty for the standing key. */
  readonly id: string;
  readonly secret: Uint8Array;
}

/** The keys that links to stored images are signed with; the same in every process of an installation. */
export interface LinkKeys {
  /** Signs permanent links, and is never replaced. */
  readonly standing: Uint8Array;
  current(): LinkKey;
  /** The key of a link, as long as links that it signed may work. */
  find(id: string): Uint8Array | undefined;
}

/** The standing key alone, for whoever only looks. */
export const standingKeyOnly = (standing: Uint8Array): LinkKeys => ({
  standing,
  current: () => ({ id: '', secret: standing }),
  find: (id) => (id === '' ? standing : undefined),
});

/** What the keys need. */
export interface LinkKeysSettings {
  readonly database: Database;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  /** How long a link works: so long a key is kept after its last one. */
  readonly keepMs: number;
  readonly onFault: (fault: unknown) => void;
}

/**
 * A new random key each week, agreed on through the database: whoever comes first in a week makes it, and the one of the
 * next week. A key is forgotten when the last link that it signed has expired, so whoever steals one has it for days.
 */
export const openLinkKeys = async (settings: LinkKeysSettings): Promise<LinkKeys & { stop(): void }> => {
  const { database, clock, randomBytes, keepMs, onFault } = settings;
  const fresh = (): string => Buffer.from(randomBytes(32)).toString('base64url');
  const idAt = (timeMs: number): string => String(Math.floor(timeMs / PERIOD_MS));
  const isOver = (id: string): boolean => (Number(id) + 1) * PERIOD_MS + keepMs < clock.nowMs();
  const standing = Buffer.from(await installationSecret(database, STANDING, fresh()), 'base64url');
  let keys: ReadonlyMap<string, Uint8Array> = new Map();

  const refresh = async (): Promise<void> => {
    const nowMs = clock.nowMs();
    for (const id of [idAt(nowMs), idAt(nowMs + PERIOD_MS)]) {
      await installationSecret(database, nameOf(id), fresh());
    }
    const known = await installationSecretsLike(database, nameOf('%'));
    const byId = known.map(({ name, value }) => [name.slice(nameOf('').length), value] as const);
    keys = new Map(
      byId.filter(([id]) => !isOver(id)).map(([id, value]) => [id, Buffer.from(value, 'base64url')]),
    );
    for (const [id] of byId) if (isOver(id)) await forgetInstallationSecret(database, nameOf(id));
  };
  await refresh();

  let cancel = (): void => {};
  const goOn = (): void => {
    cancel = clock.after(REFRESH_MS, () => void refresh().catch(onFault).finally(goOn));
  };
  goOn();

  return {
    standing,
    current: () => {
      const id = idAt(clock.nowMs());
      const secret = keys.get(id);
      // The database was away for a week.
      return secret === undefined ? { id: '', secret: standing } : { id, secret };
    },
    find: (id) => (id === '' ? standing : keys.get(id)),
    stop: () => cancel(),
  };
};
