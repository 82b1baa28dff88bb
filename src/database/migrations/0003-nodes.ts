import type { Migration } from './index.ts';

/** The nodes of a fleet. A SQLite file has one process and needs none. */
export const nodes: Migration = {
  name: '0003-nodes',
  statements: (sql) =>
    sql === 'sqlite'
      ? []
      : [
          `create table nodes (
            id text collate "C" primary key,
            role text not null,
            offer text not null,
            started_at bigint not null,
            seen_at bigint not null
          )`,
        ],
};
