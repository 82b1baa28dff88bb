import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { performance } from 'node:perf_hooks';
import type { ClientBase } from 'pg';
import type { Config } from '../../config/config.ts';
import type { Clock } from '../../core/clock.ts';
import type { Finding } from '../../core/finding.ts';
import { explain } from '../explain.ts';
import { isUpToDate, schemaStatus, type SchemaStatus } from '../schema.ts';
import type { ClockReadings } from './clock-readings.ts';

const check = 'database';

/** With a slower way to the database a node does not keep up (docs/scaling.md). */
const SLOW_MS = 20;

/** The oldest PostgreSQL that Limner is tested on, as `server_version_num` says it. */
const OLDEST = 150_000;

const NOTIFIED_WITHIN_MS = 3_000;

const ofSchema = (status: SchemaStatus): Finding => {
  const { version, known, jobs } = status;
  if (version > known || (jobs !== undefined && jobs.version > jobs.known)) {
    return {
      check,
      state: 'fault',
      message: 'A newer Limner has been here: this one does not start on it.',
      remedy: 'Start the newer Limner, or restore a backup from before the upgrade.',
    };
  }
  if (isUpToDate(status)) return { check, state: 'ok', message: `The schema has version ${version}.` };
  return {
    check,
    state: 'warning',
    message: `The schema has version ${version}, and this Limner brings ${known}.`,
    remedy: 'The next start migrates it, and so does `limner db migrate`. Make a backup before.',
  };
};

const trial = 'create table limner_trial (number integer); insert into limner_trial values (1)';

const checkSqlite = async (config: Config): Promise<readonly Finding[]> => {
  const file = join(config.dataDir, 'limner.db');
  if (!existsSync(file)) {
    return [{ check, state: 'ok', message: `There is no ${file} yet; the first start makes it.` }];
  }
  const schema = ofSchema(await schemaStatus(config));
  const handle = new DatabaseSync(file, { timeout: 5_000 });
  try {
    const fromMs = performance.now();
    handle.exec(`BEGIN IMMEDIATE; ${trial}; ROLLBACK`);
    const ms = (performance.now() - fromMs).toFixed(1);
    return [schema, { check, state: 'ok', message: `${file} can be written to (${ms} ms).` }];
  } catch (fault) {
    return [
      schema,
      cannotWrite(fault, 'Give the file to the user that runs Limner, and see that the disk has room.'),
    ];
  } finally {
    handle.close();
  }
};

const cannotWrite = (fault: unknown, remedy: string): Finding => ({
  check,
  state: 'fault',
  message: `It cannot be written to: ${fault instanceof Error ? fault.message : String(fault)}.`,
  remedy,
});

const ofVersion = async (client: ClientBase): Promise<Finding> => {
  const { rows } = await client.query(
    "select current_setting('server_version_num')::int as number, current_setting('server_version') as text",
  );
  const { number, text } = rows[0] as { readonly number: number; readonly text: string };
  const message = `It is PostgreSQL ${text}.`;
  if (number >= OLDEST) return { check, state: 'ok', message };
  return { check, state: 'fault', message, remedy: 'Limner wants PostgreSQL 15 or newer.' };
};

const ofWriting = async (client: ClientBase): Promise<Finding> => {
  try {
    await client.query(`begin; ${trial}`);
    return { check, state: 'ok', message: 'Tables can be made and written to.' };
  } catch (fault) {
    return cannotWrite(
      fault,
      'DATABASE_URL has to lead to the primary, and its user has to own the database or the schema public.',
    );
  } finally {
    await client.query('rollback');
  }
};

const ofLatency = async (client: ClientBase): Promise<Finding> => {
  const times: number[] = [];
  for (let turn = 0; turn < 7; turn += 1) {
    const fromMs = performance.now();
    await client.query('select 1');
    times.push(performance.now() - fromMs);
  }
  const ms = times.toSorted((one, other) => one - other)[3] ?? 0;
  const message = `A question to it takes ${ms.toFixed(1)} ms.`;
  if (ms <= SLOW_MS) return { check, state: 'ok', message };
  return {
    check,
    state: 'warning',
    message,
    remedy: 'Run Limner nearer to it: a task asks it about a dozen times, one after the other.',
  };
};

/** A pooler that lends connections by the transaction loses who listens. */
const ofNotify = async (listener: ClientBase, sender: ClientBase, clock: Clock): Promise<Finding> => {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const cancel = clock.after(NOTIFIED_WITHIN_MS, () => resolve(false));
  listener.on('notification', () => resolve(true));
  await listener.query('listen limner_doctor');
  await sender.query("select pg_notify('limner_doctor', '')");
  const hasCome = await promise;
  cancel();
  if (hasCome) return { check, state: 'ok', message: 'Messages between nodes arrive (NOTIFY).' };
  return {
    check,
    state: 'fault',
    message: 'Messages between nodes do not arrive (NOTIFY): who waits for a task hears late of its end.',
    remedy: 'Connect past the pooler, or set it to lend connections for a session.',
  };
};

const ofMove = async (client: ClientBase): Promise<readonly Finding[]> => {
  const { readMove } = await import('../../database/postgres/unfinished-move.ts');
  if ((await readMove(client)) === undefined) return [];
  return [
    {
      check,
      state: 'fault',
      message: 'A data folder is being moved here, and that has not ended: no server starts on it.',
      remedy: 'Run `limner migrate-data` again until it ends, or give Limner another database.',
    },
  ];
};

const checkPostgres = async (
  config: Config,
  url: string,
  clock: Clock,
  clocks: ClockReadings,
): Promise<readonly Finding[]> => {
  const { Client } = await import('pg');
  const connect = () => new Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  const [client, other] = [connect(), connect()];
  try {
    await client.connect();
    await other.connect();
    const fromMs = clock.nowMs();
    const { rows } = await client.query('select extract(epoch from clock_timestamp()) * 1000 as now');
    clocks.add('the database', Number(rows[0]?.now), { fromMs, untilMs: clock.nowMs() }, 0);
    return [
      await ofVersion(client),
      ofSchema(await schemaStatus(config)),
      ...(await ofMove(client)),
      await ofWriting(client),
      await ofLatency(client),
      await ofNotify(client, other, clock),
    ];
  } catch (fault) {
    const message = explain(fault);
    if (message === undefined) throw fault;
    return [{ check, state: 'fault', message }];
  } finally {
    await Promise.allSettled([client.end(), other.end()]);
  }
};

/** Whether the database is there, is new enough, has our schema, can be written to and is near. */
export const checkDatabase = (
  config: Config,
  clock: Clock,
  clocks: ClockReadings,
): Promise<readonly Finding[]> =>
  config.database.kind === 'sqlite'
    ? checkSqlite(config)
    : checkPostgres(config, config.database.url.reveal(), clock, clocks);
