import { type Connection, type Database } from '../database/database.ts';
import { prepare } from '../database/prepared.ts';
import type { AuditRow } from '../database/schema.ts';
import type { AuditedAct, AuditEntry, AuditLog } from './audit.ts';

const insertAct = prepare<AuditRow>('insertAct', (db, value) =>
  db
    .insertInto('audit_log')
    .values({
      id: value('id'),
      at: value('at'),
      actor_key_id: value('actor_key_id'),
      actor_name: value('actor_name'),
      address: value('address'),
      act: value('act'),
      target: value('target'),
      details: value('details'),
    })
    .onConflict((conflict) => conflict.column('id').doNothing()),
);

/** Writes an act down inside the transaction that does it. */
export const recordAct = async (connection: Connection, entry: AuditEntry): Promise<void> => {
  await connection.run(insertAct, {
    id: entry.id,
    at: entry.atMs,
    actor_key_id: entry.actor.keyId ?? null,
    actor_name: entry.actor.name,
    address: entry.actor.address ?? null,
    act: entry.act,
    target: entry.target,
    details: JSON.stringify(entry.details),
  });
};

const actsBefore = prepare<{ before: string; limit: number }, AuditRow>('actsBefore', (db, value) =>
  db
    .selectFrom('audit_log')
    .selectAll()
    .where('id', '<', value('before'))
    .orderBy('id', 'desc')
    .limit(value('limit')),
);

/** Sorts after every identifier of an act. */
const AFTER_ALL = 'act_~';

const toEntry = (row: AuditRow): AuditEntry => ({
  id: row.id,
  atMs: row.at,
  actor: {
    name: row.actor_name,
    ...(row.actor_key_id !== null && { keyId: row.actor_key_id }),
    ...(row.address !== null && { address: row.address }),
  },
  act: row.act as AuditedAct,
  target: row.target,
  details: JSON.parse(row.details),
});

/** The acts that are written down in a database. */
export const createAuditLog = (database: Pick<Database, 'read'>): AuditLog => ({
  list: async ({ limit, afterId = AFTER_ALL }) => {
    const rows = await database.read.all(actsBefore, { before: afterId, limit: limit + 1 });
    return { entries: rows.slice(0, limit).map(toEntry), hasMore: rows.length > limit };
  },
});
