import type { Migration } from './index.ts';

/** Tasks, calls, images, jobs, idempotency records, API keys and the installation's own secrets. */
export const tasksCallsImages: Migration = {
  name: '0001-tasks-calls-images',
  statements: (sql) => {
    // NOTE: the primary keys are texts that sort by age; without rowid, SQLite keeps the rows in that order and
    // needs no second index for them.
    const clustered = sql === 'sqlite' ? ' without rowid' : '';
    // Identifiers are compared byte by byte, whatever language the database is set to.
    const id = sql === 'sqlite' ? 'text' : 'text collate "C"';
    return [
      `create table tasks (
        id ${id} primary key,
        key_id ${id} not null,
        status text not null,
        model text not null,
        response_format text not null,
        request text not null,
        created_at bigint not null,
        started_at bigint,
        completed_at bigint,
        adjustments text not null,
        usage text,
        error text,
        claim text
      )${clustered}`,
      'create index tasks_by_key on tasks (key_id, id)',
      'create index tasks_by_status on tasks (key_id, status, id)',
      'create index tasks_by_model on tasks (key_id, model, id)',
      "create index tasks_open on tasks (id) where status in ('pending', 'processing')",
      "create index tasks_ended on tasks (completed_at) where completed_at is not null and response_format <> 'oss_url'",
      `create table calls (
        id ${id} primary key,
        task_id ${id} not null references tasks (id) on delete cascade,
        slot integer not null,
        attempt integer not null,
        provider text not null,
        request text not null,
        state text not null,
        step text not null,
        created_at bigint not null,
        sent_at bigint
      )${clustered}`,
      'create index calls_of_task on calls (task_id)',
      `create table images (
        id ${id} primary key,
        task_id ${id} not null references tasks (id) on delete cascade,
        call_id ${id} not null,
        place integer not null,
        file_key ${id} not null unique,
        width integer not null,
        height integer not null,
        format text not null,
        bytes bigint not null,
        created_at bigint not null
      )${clustered}`,
      'create index images_of_task on images (task_id)',
      // PostgreSQL has pg-boss for them.
      ...(sql === 'sqlite'
        ? [
            `create table jobs (
        task_id ${id} primary key references tasks (id) on delete cascade,
        lane text not null,
        key_id ${id} not null
      )${clustered}`,
          ]
        : []),
      `create table idempotency (
        key_id ${id} not null,
        idempotency_key text not null,
        body_hash text not null,
        task_id ${id} not null,
        created_at bigint not null,
        primary key (key_id, idempotency_key)
      )${clustered}`,
      'create index idempotency_by_age on idempotency (created_at)',
      `create table api_keys (
        id ${id} primary key,
        name text not null,
        role text not null,
        hash text not null unique,
        hint text not null,
        created_at bigint not null,
        revoked_at bigint
      )${clustered}`,
      `create table installation_secrets (
        name text primary key,
        value text not null
      )${clustered}`,
    ];
  },
};
