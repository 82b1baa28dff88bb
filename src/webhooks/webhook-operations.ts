/** The writes of the webhook store: each one a transaction, the same for every database. */
import { firstRow, operation } from '../database/database.ts';
import { prepare } from '../database/prepared.ts';
import type {
  ApiKeyRow,
  WebhookDeliveryRow,
  WebhookEndpointRow,
  WebhookSecretRow,
} from '../database/schema.ts';

type OfKey = Pick<WebhookEndpointRow, 'id' | 'key_id'>;

export const endpointOfKey = prepare<OfKey, WebhookEndpointRow>('endpointOfKey', (db, value) =>
  db
    .selectFrom('webhook_endpoints')
    .selectAll()
    .where('id', '=', value('id'))
    .where('key_id', '=', value('key_id')),
);

const countEndpoints = prepare<{ key_id: string }, { readonly count: number }>(
  'countEndpoints',
  (db, value) =>
    db
      .selectFrom('webhook_endpoints')
      .select((eb) => eb.fn.countAll<number>().as('count'))
      .where('key_id', '=', value('key_id')),
);

type NewEndpoint = Pick<WebhookEndpointRow, 'id' | 'key_id' | 'url' | 'secret' | 'created_at'>;

const insertEndpointRow = prepare<NewEndpoint>('insertEndpointRow', (db, value) =>
  db.insertInto('webhook_endpoints').values({
    id: value('id'),
    key_id: value('key_id'),
    url: value('url'),
    secret: value('secret'),
    secret_previous: null,
    secret_previous_until: null,
    disabled_at: null,
    disabled_reason: null,
    created_at: value('created_at'),
  }),
);

/** Whoever adds to what belongs to a key waits here for others who do. */
const lockKey = prepare<{ key_id: string }, Pick<ApiKeyRow, 'id'>>('lockKey', (db, value, lockRows) =>
  lockRows(db.selectFrom('api_keys').select('id').where('id', '=', value('key_id'))),
);

/** Whether the endpoint was made; not when the key has `most` of them. */
export const insertEndpoint = operation(
  'insertEndpoint',
  async (connection, { most, ...endpoint }: NewEndpoint & { readonly most: number }): Promise<boolean> => {
    await connection.all(lockKey, { key_id: endpoint.key_id });
    const known = await firstRow(connection, countEndpoints, { key_id: endpoint.key_id });
    if (known !== undefined && Number(known.count) >= most) return false;
    await connection.run(insertEndpointRow, endpoint);
    return true;
  },
);

const deleteEndpointRow = prepare<OfKey>('deleteEndpointRow', (db, value) =>
  db.deleteFrom('webhook_endpoints').where('id', '=', value('id')).where('key_id', '=', value('key_id')),
);

export const deleteEndpoint = operation(
  'deleteEndpoint',
  async (connection, endpoint: OfKey): Promise<boolean> =>
    (await connection.run(deleteEndpointRow, endpoint)) > 0,
);

const rotateEndpointRow = prepare<OfKey & { secret: string; until: number }>(
  'rotateEndpointRow',
  (db, value) =>
    db
      .updateTable('webhook_endpoints')
      .set((eb) => ({
        secret_previous: eb.ref('secret'),
        secret_previous_until: value('until'),
        secret: value('secret'),
      }))
      .where('id', '=', value('id'))
      .where('key_id', '=', value('key_id')),
);

/** A new secret, and until when the one before signs too. */
export interface Rotation {
  readonly secret: string;
  readonly until: number;
}

export const rotateEndpoint = operation(
  'rotateEndpoint',
  async (connection, { id, key_id, ...rotation }: OfKey & Rotation): Promise<WebhookEndpointRow | null> => {
    await connection.run(rotateEndpointRow, { id, key_id, ...rotation });
    return (await firstRow(connection, endpointOfKey, { id, key_id })) ?? null;
  },
);

const enableEndpointRow = prepare<OfKey>('enableEndpointRow', (db, value) =>
  db
    .updateTable('webhook_endpoints')
    .set({ disabled_at: null, disabled_reason: null })
    .where('id', '=', value('id'))
    .where('key_id', '=', value('key_id')),
);

export const enableEndpoint = operation(
  'enableEndpoint',
  async (connection, endpoint: OfKey): Promise<WebhookEndpointRow | null> => {
    await connection.run(enableEndpointRow, endpoint);
    return (await firstRow(connection, endpointOfKey, endpoint)) ?? null;
  },
);

export const secretOfKey = prepare<{ key_id: string }, WebhookSecretRow>('secretOfKey', (db, value) =>
  db.selectFrom('webhook_secrets').selectAll().where('key_id', '=', value('key_id')),
);

type NewSecret = Pick<WebhookSecretRow, 'key_id' | 'secret' | 'created_at'>;

const insertSigningSecret = prepare<NewSecret>('insertSigningSecret', (db, value) =>
  db
    .insertInto('webhook_secrets')
    .values({
      key_id: value('key_id'),
      secret: value('secret'),
      secret_previous: null,
      secret_previous_until: null,
      created_at: value('created_at'),
    })
    .onConflict((conflict) => conflict.column('key_id').doNothing()),
);

/** The key's secret: the one that there is, or else the given one. */
export const keepSigningSecret = operation(
  'keepSigningSecret',
  async (connection, fresh: NewSecret): Promise<WebhookSecretRow | null> => {
    await connection.run(insertSigningSecret, fresh);
    return (await firstRow(connection, secretOfKey, { key_id: fresh.key_id })) ?? null;
  },
);

const rotateSigningSecretRow = prepare<NewSecret & { until: number }>('rotateSigningSecretRow', (db, value) =>
  db
    .updateTable('webhook_secrets')
    .set((eb) => ({
      secret_previous: eb.ref('secret'),
      secret_previous_until: value('until'),
      secret: value('secret'),
      created_at: value('created_at'),
    }))
    .where('key_id', '=', value('key_id')),
);

/** Puts the given secret in the place of the one that there is. */
export const rotateSigningSecret = operation(
  'rotateSigningSecret',
  async (connection, fresh: NewSecret & { readonly until: number }): Promise<WebhookSecretRow | null> => {
    const changed = await connection.run(rotateSigningSecretRow, fresh);
    if (changed === 0) {
      const { until: _, ...first } = fresh;
      await connection.run(insertSigningSecret, first);
    }
    return (await firstRow(connection, secretOfKey, { key_id: fresh.key_id })) ?? null;
  },
);

export const deliveryOfKey = prepare<Pick<WebhookDeliveryRow, 'id' | 'key_id'>, WebhookDeliveryRow>(
  'deliveryOfKey',
  (db, value) =>
    db
      .selectFrom('webhook_deliveries')
      .selectAll()
      .where('id', '=', value('id'))
      .where('key_id', '=', value('key_id')),
);

const restartDelivery = prepare<{ id: string; key_id: string; next_attempt_at: number }>(
  'restartDelivery',
  (db, value) =>
    db
      .updateTable('webhook_deliveries')
      .set({
        state: 'pending',
        attempts: 0,
        next_attempt_at: value('next_attempt_at'),
        delivered_at: null,
      })
      .where('id', '=', value('id'))
      .where('key_id', '=', value('key_id')),
);

export const redeliver = operation(
  'redeliver',
  async (
    connection,
    { id, key_id, atMs }: { readonly id: string; readonly key_id: string; readonly atMs: number },
  ): Promise<WebhookDeliveryRow | null> => {
    await connection.run(restartDelivery, { id, key_id, next_attempt_at: atMs });
    return (await firstRow(connection, deliveryOfKey, { id, key_id })) ?? null;
  },
);

type AttemptRow = Pick<
  WebhookDeliveryRow,
  | 'id'
  | 'state'
  | 'attempts'
  | 'next_attempt_at'
  | 'last_attempt_at'
  | 'last_status'
  | 'last_error'
  | 'delivered_at'
>;

const updateDelivery = prepare<AttemptRow>('updateDelivery', (db, value) =>
  db
    .updateTable('webhook_deliveries')
    .set({
      state: value('state'),
      attempts: value('attempts'),
      next_attempt_at: value('next_attempt_at'),
      last_attempt_at: value('last_attempt_at'),
      last_status: value('last_status'),
      last_error: value('last_error'),
      delivered_at: value('delivered_at'),
    })
    .where('id', '=', value('id'))
    .where('state', '=', 'pending'),
);

const disableEndpointRow = prepare<{ id: string; disabled_at: number; disabled_reason: string }>(
  'disableEndpointRow',
  (db, value) =>
    db
      .updateTable('webhook_endpoints')
      .set({ disabled_at: value('disabled_at'), disabled_reason: value('disabled_reason') })
      .where('id', '=', value('id'))
      .where('disabled_at', 'is', null),
);

/** What an attempt changes: the delivery, and its endpoint when that wants no more. */
export interface AttemptParameters {
  readonly row: AttemptRow;
  readonly disable: { readonly id: string; readonly atMs: number; readonly reason: string } | null;
}

export const recordAttempts = operation(
  'recordAttempts',
  async (connection, attempts: readonly AttemptParameters[]): Promise<void> => {
    for (const { row, disable } of attempts) {
      await connection.run(updateDelivery, row);
      if (disable === null) continue;
      const { id, atMs, reason } = disable;
      await connection.run(disableEndpointRow, { id, disabled_at: atMs, disabled_reason: reason });
    }
  },
);

const deleteOldDeliveries = prepare<{ before: string; limit: number }>('deleteOldDeliveries', (db, value) =>
  db
    .deleteFrom('webhook_deliveries')
    .where('id', 'in', (old) =>
      old
        .selectFrom('webhook_deliveries')
        .select('id')
        .where('id', '<', value('before'))
        .where('next_attempt_at', 'is', null)
        .orderBy('id')
        .limit(value('limit')),
    ),
);

export const deleteDeliveries = operation(
  'deleteDeliveries',
  (connection, range: { readonly before: string; readonly limit: number }): Promise<number> =>
    connection.run(deleteOldDeliveries, range),
);

/** All of them. @public loaded by the writer thread, by name. */
export const operations = [
  insertEndpoint,
  deleteEndpoint,
  rotateEndpoint,
  enableEndpoint,
  keepSigningSecret,
  rotateSigningSecret,
  redeliver,
  recordAttempts,
  deleteDeliveries,
];
