import type { Clock } from '../core/clock.ts';
import { firstIdAt, isId, newId, type RandomBytes } from '../core/ids.ts';
import { Secret } from '../core/secret.ts';
import { webhookLimits } from '../core/webhook.ts';
import { type Database, firstRow } from '../database/database.ts';
import { prepare } from '../database/prepared.ts';
import type { WebhookDeliveryRow, WebhookEndpointRow, WebhookSecretRow } from '../database/schema.ts';
import { toDelivery, toEndpoint } from './rows.ts';
import {
  type AttemptParameters,
  deleteDeliveries,
  deleteEndpoint,
  deliveryOfKey,
  enableEndpoint,
  endpointOfKey,
  insertEndpoint,
  keepSigningSecret,
  recordAttempts,
  redeliver,
  rotateEndpoint,
  rotateSigningSecret,
  secretOfKey,
} from './webhook-operations.ts';
import type {
  AttemptRecord,
  DeliveryQuery,
  FreshEndpoint,
  PendingHost,
  SigningSecret,
  WebhookStore,
} from './webhook-store.ts';

const endpointsOfKey = prepare<{ key_id: string }, WebhookEndpointRow>('endpointsOfKey', (db, value) =>
  db.selectFrom('webhook_endpoints').selectAll().where('key_id', '=', value('key_id')).orderBy('id'),
);

interface PageValues {
  readonly key_id: string;
  readonly before: string;
  readonly task_id: string;
  readonly state: string;
  readonly limit: number;
}

const pageOf = (name: string, filter: { readonly task: boolean; readonly state: boolean }) =>
  prepare<PageValues, WebhookDeliveryRow>(name, (db, value) => {
    let query = db
      .selectFrom('webhook_deliveries')
      .selectAll()
      .where('key_id', '=', value('key_id'))
      .where('id', '<', value('before'));
    if (filter.task) query = query.where('task_id', '=', value('task_id'));
    if (filter.state) query = query.where('state', '=', value('state'));
    return query.orderBy('id', 'desc').limit(value('limit'));
  });

const pages = {
  all: pageOf('deliveriesOfAll', { task: false, state: false }),
  task: pageOf('deliveriesOfTask', { task: true, state: false }),
  state: pageOf('deliveriesOfState', { task: false, state: true }),
  both: pageOf('deliveriesOfTaskAndState', { task: true, state: true }),
};

const choosePage = (query: DeliveryQuery) => {
  if (query.taskId !== undefined) return query.state === undefined ? pages.task : pages.both;
  return query.state === undefined ? pages.all : pages.state;
};

/** Sorts after every identifier of a delivery. */
const AFTER_ALL = 'evt_~';

// NOTE: jumps from host to host in the index of what is pending, so that a million waiting deliveries cost as much as
// one; no database does so for `group by`.
const pendingHosts = prepare<Record<never, never>, { readonly host: string; readonly due_at: number }>(
  'pendingHosts',
  (db) =>
    db
      .withRecursive('hosts', (cte) =>
        cte
          .selectFrom('webhook_deliveries')
          .select((eb) => eb.fn.min<string | null>('webhook_deliveries.host').as('host'))
          .where('next_attempt_at', 'is not', null)
          .unionAll(
            cte
              .selectFrom('hosts')
              .select((eb) =>
                eb
                  .selectFrom('webhook_deliveries')
                  .select((min) => min.fn.min<string | null>('webhook_deliveries.host').as('next'))
                  .where('next_attempt_at', 'is not', null)
                  .whereRef('webhook_deliveries.host', '>', 'hosts.host')
                  .as('host'),
              )
              .where('hosts.host', 'is not', null),
          ),
      )
      .selectFrom('hosts')
      .select('hosts.host')
      .select((eb) =>
        eb
          .selectFrom('webhook_deliveries')
          .select((min) => min.fn.min<number>('next_attempt_at').as('first'))
          .where('next_attempt_at', 'is not', null)
          .whereRef('webhook_deliveries.host', '=', 'hosts.host')
          .as('due_at'),
      )
      .where('hosts.host', 'is not', null),
);

const dueDeliveries = prepare<{ host: string; now: number; limit: number }, WebhookDeliveryRow>(
  'dueDeliveries',
  (db, value) =>
    db
      .selectFrom('webhook_deliveries')
      .selectAll()
      .where('host', '=', value('host'))
      .where('next_attempt_at', 'is not', null)
      .where('next_attempt_at', '<=', value('now'))
      .orderBy('next_attempt_at')
      .limit(value('limit')),
);

const toParameters = (record: AttemptRecord): AttemptParameters => {
  const { delivery, atMs, state, nextAttemptAtMs, status, error, disableReason } = record;
  return {
    row: {
      id: delivery.id,
      state,
      attempts: delivery.attempts + 1,
      next_attempt_at: nextAttemptAtMs ?? null,
      last_attempt_at: atMs,
      last_status: status ?? null,
      last_error: error ?? null,
      delivered_at: state === 'delivered' ? atMs : null,
    },
    disable:
      disableReason === undefined || delivery.endpointId === undefined
        ? null
        : { id: delivery.endpointId, atMs, reason: disableReason },
  };
};

/** A webhook store over any database that runs the operations of `webhook-operations.ts`. */
export const createWebhookStore = (
  database: Database,
  clock: Pick<Clock, 'nowMs'>,
  randomBytes: RandomBytes,
): WebhookStore => {
  const { read } = database;

  /** As Standard Webhooks writes symmetric secrets: 24 to 64 random bytes in base64. */
  const newSecret = (): string => `whsec_${Buffer.from(randomBytes(32)).toString('base64')}`;

  const rotation = () => ({ secret: newSecret(), until: clock.nowMs() + webhookLimits.rotationMs });

  const toFresh = (row: WebhookEndpointRow): FreshEndpoint => ({
    endpoint: toEndpoint(row),
    secret: new Secret(row.secret),
  });

  const toSigningSecret = (row: WebhookSecretRow | null): SigningSecret => {
    if (row === null) throw new Error('A signing secret was written and is not there');
    const until = row.secret_previous_until;
    return {
      secret: new Secret(row.secret),
      createdAtMs: row.created_at,
      ...(until !== null && until > clock.nowMs() && { previousUntilMs: until }),
    };
  };

  const secretsIn = (row: WebhookEndpointRow | WebhookSecretRow): readonly Secret[] => {
    const { secret, secret_previous: previous, secret_previous_until: until } = row;
    const isPreviousGood = previous !== null && until !== null && until > clock.nowMs();
    return [new Secret(secret), ...(isPreviousGood ? [new Secret(previous)] : [])];
  };

  const ensureSigningSecret = async (keyId: string): Promise<WebhookSecretRow | null> =>
    (await firstRow(read, secretOfKey, { key_id: keyId })) ??
    database.write(keepSigningSecret, { key_id: keyId, secret: newSecret(), created_at: clock.nowMs() });

  return {
    createEndpoint: async (keyId, url) => {
      const nowMs = clock.nowMs();
      const endpoint = { id: newId('wh', nowMs, randomBytes), keyId, url, createdAtMs: nowMs };
      const secret = newSecret();
      const isMade = await database.write(insertEndpoint, {
        id: endpoint.id,
        key_id: keyId,
        url,
        secret,
        created_at: nowMs,
        most: webhookLimits.endpointsPerKey,
      });
      return isMade ? { endpoint, secret: new Secret(secret) } : undefined;
    },

    endpoint: async (id, keyId) => {
      if (!isId('wh', id)) return undefined;
      const row = await firstRow(read, endpointOfKey, { id, key_id: keyId });
      return row && toEndpoint(row);
    },

    endpoints: async (keyId) => (await read.all(endpointsOfKey, { key_id: keyId })).map(toEndpoint),

    deleteEndpoint: async (id, keyId) =>
      isId('wh', id) && database.write(deleteEndpoint, { id, key_id: keyId }),

    rotateSecret: async (id, keyId) => {
      const row = isId('wh', id)
        ? await database.write(rotateEndpoint, { id, key_id: keyId, ...rotation() })
        : null;
      return row === null ? undefined : toFresh(row);
    },

    enableEndpoint: async (id, keyId) => {
      const row = isId('wh', id) ? await database.write(enableEndpoint, { id, key_id: keyId }) : null;
      return row === null ? undefined : toEndpoint(row);
    },

    signingSecret: async (keyId) => toSigningSecret(await ensureSigningSecret(keyId)),

    rotateSigningSecret: async (keyId) =>
      toSigningSecret(
        await database.write(rotateSigningSecret, {
          key_id: keyId,
          created_at: clock.nowMs(),
          ...rotation(),
        }),
      ),

    deliveries: async (query) => {
      const rows = await read.all(choosePage(query), {
        key_id: query.keyId,
        before: query.afterId ?? AFTER_ALL,
        task_id: query.taskId ?? '',
        state: query.state ?? '',
        limit: query.limit + 1,
      });
      return {
        deliveries: rows.slice(0, query.limit).map(toDelivery),
        hasMore: rows.length > query.limit,
      };
    },

    delivery: async (id, keyId) => {
      if (!isId('evt', id)) return undefined;
      const row = await firstRow(read, deliveryOfKey, { id, key_id: keyId });
      return row && toDelivery(row);
    },

    redeliver: async (id, keyId) => {
      if (!isId('evt', id)) return undefined;
      const row = await database.write(redeliver, { id, key_id: keyId, atMs: clock.nowMs() });
      return row === null ? undefined : toDelivery(row);
    },

    pendingHosts: async () =>
      (await read.all(pendingHosts, {})).map(({ host, due_at }): PendingHost => ({ host, dueAtMs: due_at })),

    due: async (host, nowMs, limit) =>
      (await read.all(dueDeliveries, { host, now: nowMs, limit })).map(toDelivery),

    signingOf: async ({ endpointId, keyId }) => {
      if (endpointId === undefined) {
        const row = await ensureSigningSecret(keyId);
        return { kind: 'secrets', secrets: row === null ? [] : secretsIn(row) };
      }
      const row = await firstRow(read, endpointOfKey, { id: endpointId, key_id: keyId });
      if (row === undefined) return { kind: 'deleted' };
      return row.disabled_at === null ? { kind: 'secrets', secrets: secretsIn(row) } : { kind: 'disabled' };
    },

    recordAttempts: (records) => database.write(recordAttempts, records.map(toParameters)),

    deleteDeliveriesBefore: (timeMs, limit) =>
      database.write(deleteDeliveries, { before: firstIdAt('evt', timeMs), limit }),
  };
};
