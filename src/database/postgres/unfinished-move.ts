/**
 * While a data folder is being moved into a database, a table in it says so: what came so far is no installation, and
 * whoever worked on it would work on the open tasks of another one.
 */
import type { ClientBase } from 'pg';

/** Somebody began to move a data folder into this database and did not end. */
class UnfinishedMove extends Error {
  override readonly name = 'UnfinishedMove';
}

/** Which installation is moving here, or was until it was broken off. */
export const readMove = async (client: ClientBase): Promise<string | undefined> => {
  const { rows: tables } = await client.query("select to_regclass('limner_move') is not null as known");
  if (tables[0]?.known !== true) return undefined;
  return (await client.query<{ readonly source: string }>('select source from limner_move')).rows[0]?.source;
};

export const beginMove = async (client: ClientBase, source: string): Promise<void> => {
  await client.query('begin');
  await client.query('create table limner_move (source text not null)');
  await client.query('insert into limner_move values ($1)', [source]);
  await client.query('commit');
};

export const endMove = async (client: ClientBase): Promise<void> => {
  await client.query('drop table limner_move');
};

/** @throws UnfinishedMove when only a part of an installation is here. */
export const checkNoMove = async (client: ClientBase): Promise<void> => {
  if ((await readMove(client)) === undefined) return;
  throw new UnfinishedMove(
    'This database holds a part of a data folder that is being moved here. ' +
      'Run `limner migrate-data` again until it ends, or give Limner another database.',
  );
};
