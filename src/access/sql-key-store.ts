import { createHash } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import { newId, type RandomBytes } from '../core/ids.ts';
import type { JsonValue } from '../core/json.ts';
import { type Database, firstRow, operation } from '../database/database.ts';
import { prepare } from '../database/prepared.ts';
import type { ApiKeyRow, InstallationSecretRow } from '../database/schema.ts';
import type { Actor, AuditedAct, AuditEntry } from './audit.ts';
import { beginBudget } from './budgets.ts';
import {
  type ApiKey,
  bootstrapName,
  type Caller,
  type KeyChanges,
  type KeyRole,
  type KeySettings,
  type KeyStore,
} from './keys.ts';
import type { KeyLimits } from './limits.ts';
import { recordAct } from './sql-audit-log.ts';

/** Begins every key that was made here; what follows is random. */
const OURS = 'sk-limner-';

type NewKeyRow = Pick<ApiKeyRow, 'id' | 'name' | 'role' | 'hash' | 'hint' | 'created_at' | 'settings'>;

const upsertKey = prepare<NewKeyRow>('upsertKey', (db, value) =>
  db
    .insertInto('api_keys')
    .values({
      id: value('id'),
      name: value('name'),
      role: value('role'),
      hash: value('hash'),
      hint: value('hint'),
      created_at: value('created_at'),
      revoked_at: null,
      settings: value('settings'),
      previous_hash: null,
      previous_until: null,
      last_used_at: null,
    })
    .onConflict((conflict) => conflict.column('hash').doNothing()),
);

const insertKey = operation(
  'insertKey',
  async (
    connection,
    { row, audit }: { readonly row: NewKeyRow; readonly audit: AuditEntry },
  ): Promise<void> => {
    await connection.run(upsertKey, row);
    const { limits } = settingsIn(row.settings);
    if (limits.budget !== undefined) await beginBudget(connection, row.id, limits.budget, row.created_at);
    await recordAct(connection, audit);
  },
);

const validateBootstrap = prepare<Pick<ApiKeyRow, 'hash'>>('validateBootstrap', (db, value) =>
  db
    .updateTable('api_keys')
    .set({ role: 'admin', name: bootstrapName, revoked_at: null, settings: '{}' })
    .where('hash', '=', value('hash')),
);

const revokeOtherBootstraps = prepare<Pick<ApiKeyRow, 'hash' | 'revoked_at'>>(
  'revokeOtherBootstraps',
  (db, value) =>
    db
      .updateTable('api_keys')
      .set({ revoked_at: value('revoked_at') })
      .where('name', '=', bootstrapName)
      .where('hash', '<>', value('hash'))
      .where('revoked_at', 'is', null),
);

/** There is one bootstrap key: giving another in the environment ends the one before. */
const bootstrapKey = operation('bootstrapKey', async (connection, row: NewKeyRow): Promise<void> => {
  await connection.run(upsertKey, row);
  await connection.run(validateBootstrap, { hash: row.hash });
  await connection.run(revokeOtherBootstraps, { hash: row.hash, revoked_at: row.created_at });
});

const keyToChange = prepare<Pick<ApiKeyRow, 'id'>, ApiKeyRow>('keyToChange', (db, value, lockRows) =>
  lockRows(db.selectFrom('api_keys').selectAll().where('id', '=', value('id'))),
);

const stampRevoked = prepare<Pick<ApiKeyRow, 'id' | 'revoked_at'>>('stampRevoked', (db, value) =>
  db
    .updateTable('api_keys')
    .set({ revoked_at: value('revoked_at') })
    .where('id', '=', value('id')),
);

const revokeKey = operation(
  'revokeKey',
  async (
    connection,
    { id, audit }: { readonly id: string; readonly audit: AuditEntry },
  ): Promise<ApiKeyRow | null> => {
    const row = await firstRow(connection, keyToChange, { id });
    if (row === undefined) return null;
    if (row.revoked_at !== null) return row;
    await connection.run(stampRevoked, { id, revoked_at: audit.atMs });
    await recordAct(connection, audit);
    return { ...row, revoked_at: audit.atMs };
  },
);

const setSettings = prepare<Pick<ApiKeyRow, 'id' | 'name' | 'settings'>>('setSettings', (db, value) =>
  db
    .updateTable('api_keys')
    .set({ name: value('name'), settings: value('settings') })
    .where('id', '=', value('id')),
);

const updateKey = operation(
  'updateKey',
  async (
    connection,
    update: { readonly id: string; readonly changes: KeyChanges; readonly audit: AuditEntry },
  ): Promise<ApiKeyRow | null> => {
    const { id, changes, audit } = update;
    const row = await firstRow(connection, keyToChange, { id });
    if (row === undefined) return null;
    const settings = changed(settingsIn(row.settings), changes);
    const next = { ...row, name: changes.name ?? row.name, settings: JSON.stringify(settings) };
    await connection.run(setSettings, next);
    if (changes.budget !== undefined) {
      await beginBudget(connection, id, changes.budget ?? undefined, audit.atMs);
    }
    await recordAct(connection, audit);
    return next;
  },
);

type FreshSecret = Pick<ApiKeyRow, 'id' | 'hash' | 'hint' | 'previous_hash' | 'previous_until'>;

const setSecret = prepare<FreshSecret>('setSecret', (db, value) =>
  db
    .updateTable('api_keys')
    .set({
      hash: value('hash'),
      hint: value('hint'),
      previous_hash: value('previous_hash'),
      previous_until: value('previous_until'),
    })
    .where('id', '=', value('id')),
);

const rotateKey = operation(
  'rotateKey',
  async (
    connection,
    rotation: Pick<FreshSecret, 'id' | 'hash' | 'hint'> & {
      readonly untilMs: number;
      readonly audit: AuditEntry;
    },
  ): Promise<ApiKeyRow | null> => {
    const { id, hash, hint, untilMs, audit } = rotation;
    const row = await firstRow(connection, keyToChange, { id });
    if (row === undefined || row.revoked_at !== null) return null;
    // NOTE: that is what an earlier run of this transaction left.
    if (row.hash === hash) return row;
    const fresh = { hash, hint, previous_hash: row.hash, previous_until: untilMs };
    await connection.run(setSecret, { id, ...fresh });
    await recordAct(connection, audit);
    return { ...row, ...fresh };
  },
);

const stampUsed = prepare<{ id: string; at: number }>('stampUsed', (db, value) =>
  db
    .updateTable('api_keys')
    .set({ last_used_at: value('at') })
    .where('id', '=', value('id'))
    .where((eb) => eb.or([eb('last_used_at', 'is', null), eb('last_used_at', '<', value('at'))])),
);

const noteUse = operation(
  'noteUse',
  async (connection, use: { readonly id: string; readonly at: number }): Promise<void> => {
    await connection.run(stampUsed, use);
  },
);

const insertSecret = prepare<InstallationSecretRow>('insertSecret', (db, value) =>
  db
    .insertInto('installation_secrets')
    .values({ name: value('name'), value: value('value') })
    .onConflict((conflict) => conflict.column('name').doNothing()),
);

const secretByName = prepare<Pick<InstallationSecretRow, 'name'>, InstallationSecretRow>(
  'secretByName',
  (db, value) => db.selectFrom('installation_secrets').selectAll().where('name', '=', value('name')),
);

const keepSecret = operation(
  'keepSecret',
  async (connection, row: InstallationSecretRow): Promise<string> => {
    await connection.run(insertSecret, row);
    return (await firstRow(connection, secretByName, { name: row.name }))?.value ?? row.value;
  },
);

const secretsLike = prepare<{ pattern: string }, InstallationSecretRow>('secretsLike', (db, value) =>
  db.selectFrom('installation_secrets').selectAll().where('name', 'like', value('pattern')),
);

const deleteSecret = prepare<Pick<InstallationSecretRow, 'name'>>('deleteSecret', (db, value) =>
  db.deleteFrom('installation_secrets').where('name', '=', value('name')),
);

const forgetSecret = operation(
  'forgetSecret',
  async (connection, secret: Pick<InstallationSecretRow, 'name'>): Promise<void> => {
    await connection.run(deleteSecret, secret);
  },
);

/** The writes of this store. @public loaded by the writer thread, by name. */
export const operations = [
  forgetSecret,
  insertKey,
  bootstrapKey,
  updateKey,
  rotateKey,
  revokeKey,
  noteUse,
  keepSecret,
];

const keyByHash = prepare<Pick<ApiKeyRow, 'hash'>, ApiKeyRow>('keyByHash', (db, value) =>
  db
    .selectFrom('api_keys')
    .selectAll()
    .where((eb) => eb.or([eb('hash', '=', value('hash')), eb('previous_hash', '=', value('hash'))])),
);

const keyById = prepare<Pick<ApiKeyRow, 'id'>, ApiKeyRow>('keyById', (db, value) =>
  db.selectFrom('api_keys').selectAll().where('id', '=', value('id')),
);

const allKeys = prepare<Record<never, never>, ApiKeyRow>('allKeys', (db) =>
  db.selectFrom('api_keys').selectAll().orderBy('id'),
);

/** The settings in a row; one that was written before there were any has none. */
const settingsIn = (text: string): KeySettings => ({ limits: {}, ...(JSON.parse(text) as object) });

/** What is left when `null` takes away. */
const without = <Value extends object>(value: Value): Partial<Value> =>
  Object.fromEntries(
    Object.entries(value).filter(([, one]) => one !== null && one !== undefined),
  ) as Partial<Value>;

const changed = (settings: KeySettings, changes: KeyChanges): KeySettings => {
  const { name: _, models, allowedIps, expiresAtMs, ...limits } = changes;
  const given = (value: Record<string, unknown>) =>
    Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined));
  return {
    ...without({ ...settings, ...given({ models, allowedIps, expiresAtMs }) }),
    limits: without({ ...settings.limits, ...given(limits) }) as KeyLimits,
  };
};

const toKey = (row: ApiKeyRow): ApiKey => ({
  id: row.id,
  name: row.name,
  role: row.role as KeyRole,
  hint: row.hint,
  createdAtMs: row.created_at,
  ...(row.revoked_at !== null && { revokedAtMs: row.revoked_at }),
  ...(row.previous_until !== null && { previousUntilMs: row.previous_until }),
  ...(row.last_used_at !== null && { lastUsedAtMs: row.last_used_at }),
  ...settingsIn(row.settings),
});

/** A key made by us has 256 random bits, so one round of SHA-256 keeps it as safe as any slow hash would. */
const hashOf = (secret: string): string => createHash('sha256').update(secret).digest('base64url');

/** How long a key that was found valid is believed without asking again. */
const BELIEVED_MS = 500;

const BELIEVED_KEYS = 10_000;

/** How exactly the last use of a key is known: it is written down this often at most. */
const USE_NOTED_EVERY_MS = 60_000;

/** What the store of keys works with. */
export interface KeyStoreSettings {
  readonly database: Database;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  /** What holds for keys with the role `user` that have no limit of their own. */
  readonly defaultLimits?: KeyLimits;
}

/**
 * Keys in the database. The secret is looked up by its hash, so that no comparison of secrets can leak by its timing.
 */
export const createKeyStore = ({
  database,
  clock,
  randomBytes,
  defaultLimits = {},
}: KeyStoreSettings): KeyStore => {
  const believed = new Map<string, { readonly caller: Caller; readonly untilMs: number }>();
  const notedMs = new Map<string, number>();

  const newSecret = (): string => `${OURS}${Buffer.from(randomBytes(32)).toString('base64url')}`;
  // A secret that somebody chose may say all with its first characters.
  const hintOf = (secret: string): string =>
    secret.startsWith(OURS) ? `${secret.slice(0, OURS.length + 4)}…` : '…';

  const rowOf = (secret: string, name: string, role: KeyRole, settings: KeySettings): NewKeyRow => {
    const nowMs = clock.nowMs();
    return {
      id: newId('key', nowMs, randomBytes),
      name,
      role,
      hash: hashOf(secret),
      hint: hintOf(secret),
      created_at: nowMs,
      settings: JSON.stringify(settings),
    };
  };

  const auditOf = (act: AuditedAct, target: string, actor: Actor, details: JsonValue): AuditEntry => {
    const atMs = clock.nowMs();
    return { id: newId('act', atMs, randomBytes), atMs, actor, act, target, details };
  };

  /** The key of a secret as it is used now; how long that may be believed. */
  const callerOf = (row: ApiKeyRow, hash: string, nowMs: number) => {
    const key = toKey(row);
    const endsMs = Math.min(
      key.expiresAtMs ?? Infinity,
      row.hash === hash ? Infinity : (row.previous_until ?? 0),
    );
    if (row.revoked_at !== null || endsMs <= nowMs) return undefined;
    const limits = key.role === 'user' ? { ...defaultLimits, ...key.limits } : key.limits;
    return { caller: { ...key, limits }, untilMs: Math.min(nowMs + BELIEVED_MS, endsMs) };
  };

  const noteUseOf = ({ id, lastUsedAtMs = 0 }: Caller, nowMs: number): void => {
    if (nowMs - Math.max(lastUsedAtMs, notedMs.get(id) ?? 0) < USE_NOTED_EVERY_MS) return;
    if (notedMs.size >= BELIEVED_KEYS) notedMs.clear();
    notedMs.set(id, nowMs);
    // Nobody waits for it, and the next use says the same.
    database.write(noteUse, { id, at: nowMs }).catch(() => notedMs.delete(id));
  };

  return {
    authenticate: async (secret) => {
      const hash = hashOf(secret);
      const nowMs = clock.nowMs();
      const known = believed.get(hash);
      if (known !== undefined && known.untilMs > nowMs) return known.caller;
      const row = await firstRow(database.read, keyByHash, { hash });
      const found = row && callerOf(row, hash, nowMs);
      if (found === undefined) {
        believed.delete(hash);
        return undefined;
      }
      if (believed.size >= BELIEVED_KEYS) believed.clear();
      believed.set(hash, found);
      noteUseOf(found.caller, nowMs);
      return found.caller;
    },

    create: async ({ name, role, ...settings }, actor) => {
      const secret = newSecret();
      const row = rowOf(secret, name, role, { limits: {}, ...settings });
      const audit = auditOf('key.create', row.id, actor, detailsOf({ name, role, ...settings }));
      await database.write(insertKey, { row, audit });
      return {
        key: toKey({
          ...row,
          revoked_at: null,
          previous_hash: null,
          previous_until: null,
          last_used_at: null,
        }),
        secret,
      };
    },

    ensureBootstrap: async (secret) => {
      await database.write(bootstrapKey, rowOf(secret, bootstrapName, 'admin', { limits: {} }));
      believed.clear();
    },

    list: async () => (await database.read.all(allKeys, {})).map(toKey),

    get: async (keyId) => {
      const row = await firstRow(database.read, keyById, { id: keyId });
      return row && toKey(row);
    },

    update: async (keyId, changes, actor) => {
      const audit = auditOf('key.update', keyId, actor, detailsOf(changes));
      const row = await database.write(updateKey, { id: keyId, changes, audit });
      believed.clear();
      return row === null ? undefined : toKey(row);
    },

    rotate: async (keyId, overlapMs, actor) => {
      const secret = newSecret();
      const audit = auditOf('key.rotate', keyId, actor, { overlapMs });
      const row = await database.write(rotateKey, {
        id: keyId,
        hash: hashOf(secret),
        hint: hintOf(secret),
        untilMs: audit.atMs + overlapMs,
        audit,
      });
      believed.clear();
      return row === null ? undefined : { key: toKey(row), secret };
    },

    revoke: async (keyId, actor) => {
      const audit = auditOf('key.revoke', keyId, actor, {});
      const row = await database.write(revokeKey, { id: keyId, audit });
      believed.clear();
      return row === null ? undefined : toKey(row);
    },
  };
};

const detailsOf = (value: object): JsonValue => JSON.parse(JSON.stringify(value)) as JsonValue;

/** A secret of this installation: the stored one, or the given one when there was none. */
export const installationSecret = async (database: Database, name: string, fresh: string): Promise<string> =>
  database.write(keepSecret, { name, value: fresh });

/** The secrets of this installation whose names fit the pattern of a `like`. */
export const installationSecretsLike = (
  database: Database,
  pattern: string,
): Promise<readonly InstallationSecretRow[]> => database.read.all(secretsLike, { pattern });

/** Removes a secret of this installation for good. */
export const forgetInstallationSecret = (database: Database, name: string): Promise<void> =>
  database.write(forgetSecret, { name });
