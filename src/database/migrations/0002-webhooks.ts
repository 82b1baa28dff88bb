import type { Migration } from './index.ts';

/** Webhook endpoints, the signing secrets of keys, and deliveries. */
export const webhooks: Migration = {
  name: '0002-webhooks',
  statements: (sql) => {
    const clustered = sql === 'sqlite' ? ' without rowid' : '';
    // Identifiers are compared byte by byte, whatever language the database is set to.
    const id = sql === 'sqlite' ? 'text' : 'text collate "C"';
    return [
      `create table webhook_endpoints (
        id ${id} primary key,
        key_id ${id} not null,
        url text not null,
        secret text not null,
        secret_previous text,
        secret_previous_until bigint,
        disabled_at bigint,
        disabled_reason text,
        created_at bigint not null
      )${clustered}`,
      'create index webhook_endpoints_by_key on webhook_endpoints (key_id, id)',
      `create table webhook_secrets (
        key_id ${id} primary key,
        secret text not null,
        secret_previous text,
        secret_previous_until bigint,
        created_at bigint not null
      )${clustered}`,
      // NOTE: a delivery has no foreign key, since the log outlives tasks and endpoints.
      `create table webhook_deliveries (
        id ${id} primary key,
        key_id ${id} not null,
        task_id ${id} not null,
        endpoint_id ${id},
        url text not null,
        host ${id} not null,
        type text not null,
        state text not null,
        attempts integer not null,
        next_attempt_at bigint,
        last_attempt_at bigint,
        last_status integer,
        last_error text,
        created_at bigint not null,
        delivered_at bigint
      )${clustered}`,
      'create index webhook_deliveries_by_key on webhook_deliveries (key_id, id)',
      'create index webhook_deliveries_by_state on webhook_deliveries (key_id, state, id)',
      'create index webhook_deliveries_by_task on webhook_deliveries (task_id, id)',
      'create index webhook_deliveries_pending on webhook_deliveries (host, next_attempt_at) where next_attempt_at is not null',
    ];
  },
};
