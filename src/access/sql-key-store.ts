import { createHash } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import { newId, type RandomBytes } from '../core/ids.ts';
import { type Database, firstRow, operation } from '../database/database.ts';
import { prepare } from '../database/prepared.ts';
import type { ApiKeyRow, InstallationSecretRow } from '../database/schema.ts';
import type { ApiKey, KeyRole, KeyStore } from './keys.ts';

/** Name of the key that the environment gives; no other key may have it. */
const BOOTSTRAP = 'bootstrap';

/** Begins every key that was made here; what follows is random. */
const OURS = 'sk-limner-';

const upsertKey = prepare<ApiKeyRow>('upsertKey', (db, value) =>
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
    })
    .onConflict((conflict) => conflict.column('hash').doNothing()),
);

const insertKey = operation('insertKey', async (connection, row: ApiKeyRow): Promise<void> => {
  await connection.run(upsertKey, row);
});

const validateBootstrap = prepare<Pick<ApiKeyRow, 'hash'>>('validateBootstrap', (db, value) =>
  db
    .updateTable('api_keys')
    .set({ role: 'admin', name: BOOTSTRAP, revoked_at: null })
    .where('hash', '=', value('hash')),
);

const revokeOtherBootstraps = prepare<Pick<ApiKeyRow, 'hash' | 'revoked_at'>>(
  'revokeOtherBootstraps',
  (db, value) =>
    db
      .updateTable('api_keys')
      .set({ revoked_at: value('revoked_at') })
      .where('name', '=', BOOTSTRAP)
      .where('hash', '<>', value('hash'))
      .where('revoked_at', 'is', null),
);

/** There is one bootstrap key: giving another in the environment ends the one before. */
const bootstrapKey = operation('bootstrapKey', async (connection, row: ApiKeyRow): Promise<void> => {
  await connection.run(upsertKey, row);
  await connection.run(validateBootstrap, { hash: row.hash });
  await connection.run(revokeOtherBootstraps, { hash: row.hash, revoked_at: row.created_at });
});

const stampRevoked = prepare<Pick<ApiKeyRow, 'id' | 'revoked_at'>>('stampRevoked', (db, value) =>
  db
    .updateTable('api_keys')
    .set({ revoked_at: value('revoked_at') })
    .where('id', '=', value('id'))
    .where('revoked_at', 'is', null),
);

const keyById = prepare<Pick<ApiKeyRow, 'id'>, ApiKeyRow>('keyById', (db, value) =>
  db.selectFrom('api_keys').selectAll().where('id', '=', value('id')),
);

const revokeKey = operation(
  'revokeKey',
  async (
    connection,
    revocation: { readonly id: string; readonly atMs: number },
  ): Promise<ApiKeyRow | null> => {
    await connection.run(stampRevoked, { id: revocation.id, revoked_at: revocation.atMs });
    return (await firstRow(connection, keyById, { id: revocation.id })) ?? null;
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

/** The writes of this store. @public loaded by the writer thread, by name. */
export const operations = [insertKey, bootstrapKey, revokeKey, keepSecret];

const keyByHash = prepare<Pick<ApiKeyRow, 'hash'>, ApiKeyRow>('keyByHash', (db, value) =>
  db.selectFrom('api_keys').selectAll().where('hash', '=', value('hash')),
);

const allKeys = prepare<Record<never, never>, ApiKeyRow>('allKeys', (db) =>
  db.selectFrom('api_keys').selectAll().orderBy('id'),
);

const toKey = (row: ApiKeyRow): ApiKey => ({
  id: row.id,
  name: row.name,
  role: row.role as KeyRole,
  hint: row.hint,
  createdAtMs: row.created_at,
  ...(row.revoked_at !== null && { revokedAtMs: row.revoked_at }),
});

/** A key made by us has 256 random bits, so one round of SHA-256 keeps it as safe as any slow hash would. */
const hashOf = (secret: string): string => createHash('sha256').update(secret).digest('base64url');

/** How long a key that was found valid is believed without asking again. */
const BELIEVED_MS = 500;

const BELIEVED_KEYS = 10_000;

/**
 * Keys in the database. The secret is looked up by its hash, so that no comparison of secrets can leak by its timing.
 */
export const createKeyStore = (database: Database, clock: Clock, randomBytes: RandomBytes): KeyStore => {
  const believed = new Map<string, { readonly key: ApiKey; readonly untilMs: number }>();

  const rowOf = (secret: string, name: string, role: KeyRole): ApiKeyRow => {
    const nowMs = clock.nowMs();
    return {
      id: newId('key', nowMs, randomBytes),
      name,
      role,
      hash: hashOf(secret),
      // A secret that somebody chose may say all with its first characters.
      hint: secret.startsWith(OURS) ? `${secret.slice(0, OURS.length + 4)}…` : '…',
      created_at: nowMs,
      revoked_at: null,
    };
  };

  return {
    authenticate: async (secret) => {
      const hash = hashOf(secret);
      const nowMs = clock.nowMs();
      const known = believed.get(hash);
      if (known !== undefined && known.untilMs > nowMs) return known.key;
      const row = await firstRow(database.read, keyByHash, { hash });
      if (row === undefined || row.revoked_at !== null) {
        believed.delete(hash);
        return undefined;
      }
      if (believed.size >= BELIEVED_KEYS) believed.clear();
      const key = toKey(row);
      believed.set(hash, { key, untilMs: nowMs + BELIEVED_MS });
      return key;
    },

    create: async (name, role) => {
      const secret = `${OURS}${Buffer.from(randomBytes(32)).toString('base64url')}`;
      const row = rowOf(secret, name, role);
      await database.write(insertKey, row);
      return { key: toKey(row), secret };
    },

    ensureBootstrap: async (secret) => {
      await database.write(bootstrapKey, rowOf(secret, BOOTSTRAP, 'admin'));
      believed.clear();
    },

    list: async () => (await database.read.all(allKeys, {})).map(toKey),

    revoke: async (keyId) => {
      const row = await database.write(revokeKey, { id: keyId, atMs: clock.nowMs() });
      believed.clear();
      return row === null ? undefined : toKey(row);
    },
  };
};

/** A secret of this installation: the stored one, or the given one when there was none. */
export const installationSecret = async (database: Database, name: string, fresh: string): Promise<string> =>
  database.write(keepSecret, { name, value: fresh });
