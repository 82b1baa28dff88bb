import type { Migration } from './index.ts';

/** What keys may take and have taken, the usage ledger, and the audit log. */
export const limitsAndLedger: Migration = {
  name: '0004-limits-and-ledger',
  statements: (sql) => {
    const clustered = sql === 'sqlite' ? ' without rowid' : '';
    // Identifiers are compared byte by byte, whatever language the database is set to.
    const id = sql === 'sqlite' ? 'text' : 'text collate "C"';
    return [
      "alter table api_keys add column settings text not null default '{}'",
      'alter table api_keys add column previous_hash text',
      'alter table api_keys add column previous_until bigint',
      'alter table api_keys add column last_used_at bigint',
      'create unique index api_keys_by_previous on api_keys (previous_hash) where previous_hash is not null',
      `create table key_balances (
        key_id ${id} primary key,
        currency text not null,
        period_start bigint not null,
        committed bigint not null,
        day_start bigint not null,
        day_images bigint not null
      )${clustered}`,
      // NOTE: no foreign key, since the ledger outlives tasks and keys.
      `create table usage_ledger (
        task_id ${id} not null,
        kind text not null,
        provider text not null,
        key_id ${id} not null,
        model text not null,
        tasks integer not null,
        failed_tasks integer not null,
        images integer not null,
        calls integer not null,
        failed_calls integer not null,
        unconfirmed_calls integer not null,
        micros bigint not null,
        cost_micros bigint not null,
        currency text not null,
        counted_at bigint not null,
        at bigint not null,
        primary key (task_id, kind, provider)
      )${clustered}`,
      'create index usage_of_key on usage_ledger (key_id, at)',
      "create index usage_settled on usage_ledger (at) where kind = 'settled'",
      `create table audit_log (
        id ${id} primary key,
        at bigint not null,
        actor_key_id ${id},
        actor_name text not null,
        address text,
        act text not null,
        target ${id} not null,
        details text not null
      )${clustered}`,
      // What is counted in a minute need not survive a crash of the database. A SQLite file has one process, which counts by itself.
      ...(sql === 'postgres'
        ? [
            `create unlogged table request_windows (
        key_id ${id} primary key,
        started_at bigint not null,
        taken integer not null
      )`,
          ]
        : []),
    ];
  },
};
