/** Gives tests databases on one PostgreSQL server for the whole run, which starts when the first of them asks. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { Client } from 'pg';
import type { TestProject } from 'vitest/node';
import { openPostgresDatabase } from '../../src/database/postgres/postgres-database.ts';
import { openJobBoard } from '../../src/jobs/pg-boss/job-board.ts';
import { systemClock } from '../../src/observe/system-clock.ts';
import { type PostgresServer, startPostgresServer } from './postgres-server.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Where to ask for the address of a new database: empty, but with all tables. */
    postgresDesk: string;
  }
}

const TEMPLATE = 'limner_template';

const addressOf = (server: PostgresServer, database: string): string =>
  server.url.replace(/[^/]+$/, database);

const query = async (server: PostgresServer, sql: string): Promise<void> => {
  const client = new Client(server.url);
  await client.connect();
  await client.query(sql);
  await client.end();
};

const startWithTemplate = async (): Promise<PostgresServer> => {
  const server = await startPostgresServer();
  await query(server, `create database ${TEMPLATE}`);
  const url = addressOf(server, TEMPLATE);
  const settings = { url, clock: systemClock, connections: 1 };
  const database = await openPostgresDatabase({ ...settings, enqueue: () => Promise.resolve() });
  await database.close();
  const board = await openJobBoard({
    ...settings,
    isWatching: false,
    onFault: (fault) => {
      throw fault;
    },
  });
  await board.close();
  return server;
};

/** Called by Vitest before the tests; what it returns, after them. */
export const setup = async ({ provide }: TestProject): Promise<() => Promise<void>> => {
  let starting: Promise<PostgresServer> | undefined;
  let made = 0;
  // One after the other: a template can be copied by one at a time.
  let making: Promise<unknown> = Promise.resolve();
  const make = async (): Promise<string> => {
    const server = await (starting ??= startWithTemplate());
    made += 1;
    const name = `limner_${made}`;
    await query(server, `create database ${name} template ${TEMPLATE}`);
    return addressOf(server, name);
  };
  const desk = createServer((_, answer) => {
    making = making.then(make).then(
      (url) => answer.end(url),
      (fault: unknown) => answer.writeHead(500).end(String(fault)),
    );
  }).listen(0, '127.0.0.1');
  await once(desk, 'listening');
  const address = desk.address();
  provide('postgresDesk', typeof address === 'object' ? `http://127.0.0.1:${address?.port}` : '');
  return async () => {
    desk.close();
    await (await starting)?.[Symbol.asyncDispose]();
  };
};
