import { sql } from 'kysely';
import type { Bulletin } from '../core/bulletin.ts';
import type { Clock } from '../core/clock.ts';
import type { JsonValue } from '../core/json.ts';
import type { NodeRole } from '../core/node-role.ts';
import { type Database, operation } from '../database/database.ts';
import { prepare } from '../database/prepared.ts';
import type { NodeRow } from '../database/schema.ts';
import { type Fleet, type FleetNode, partOfWorker } from './fleet.ts';

/** Says that a node came or went: the others look at once. */
const TOPIC = 'node';

const SIGN_EVERY_MS = 3_000;

/** A node that was not heard of for this long is taken for gone. */
const GONE_AFTER_MS = 12_000;

/** The database's time: the clocks of nodes may differ. */
const databaseNowMs = sql<number>`(extract(epoch from clock_timestamp()) * 1000)::bigint`;

const signOfLife = prepare<Pick<NodeRow, 'id' | 'role' | 'offer'>>('signOfLife', (db, value) =>
  db
    .insertInto('nodes')
    .values({
      id: value('id'),
      role: value('role'),
      offer: value('offer'),
      started_at: databaseNowMs,
      seen_at: databaseNowMs,
    })
    .onConflict((conflict) =>
      conflict.column('id').doUpdateSet((eb) => ({
        role: eb.ref('excluded.role'),
        offer: eb.ref('excluded.offer'),
        seen_at: databaseNowMs,
      })),
    ),
);

const deleteNode = prepare<Pick<NodeRow, 'id'>>('deleteNode', (db, value) =>
  db.deleteFrom('nodes').where('id', '=', value('id')),
);

const livingNodes = prepare<{ gone_after: number }, Pick<NodeRow, 'id' | 'role' | 'offer'>>(
  'livingNodes',
  (db, value) =>
    db
      .selectFrom('nodes')
      .select(['id', 'role', 'offer'])
      .where('seen_at', '>', sql<number>`${databaseNowMs} - ${value('gone_after')}::bigint`)
      .orderBy('id'),
);

const signLife = operation(
  'signLife',
  async (connection, node: Pick<NodeRow, 'id' | 'role' | 'offer'>): Promise<void> => {
    await connection.run(signOfLife, node);
  },
);

const leaveFleet = operation('leaveFleet', async (connection, id: string): Promise<void> => {
  await connection.run(deleteNode, { id });
});

/** A fleet of which this node is a part until `leave`. */
export interface JoinedFleet extends Fleet {
  leave(): Promise<void>;
}

const toNode = ({ id, role, offer }: Pick<NodeRow, 'id' | 'role' | 'offer'>): FleetNode => ({
  id,
  role: role as NodeRole,
  offer: JSON.parse(offer) as JsonValue,
});

/** Joins the nodes that share this database: from now on each knows of the other. */
export const joinFleet = async (settings: {
  readonly database: Database;
  readonly bulletin: Bulletin;
  readonly clock: Clock;
  readonly node: FleetNode;
  readonly onFault: (fault: unknown) => void;
}): Promise<JoinedFleet> => {
  const { database, bulletin, clock, node, onFault } = settings;
  const listeners: (() => void)[] = [];
  let known = '';
  let nodes: readonly FleetNode[] = [];
  let workers: readonly string[] = [];
  let seenMs = clock.nowMs();
  let hasLeft = false;
  let cancel = (): void => {};

  const look = async (): Promise<void> => {
    await database.write(signLife, { id: node.id, role: node.role, offer: JSON.stringify(node.offer) });
    const rows = await database.read.all(livingNodes, { gone_after: GONE_AFTER_MS });
    seenMs = clock.nowMs();
    const text = JSON.stringify(rows);
    if (text === known) return;
    known = text;
    nodes = rows.map(toNode);
    workers = nodes.filter(({ role }) => role !== 'api').map(({ id }) => id);
    for (const listener of listeners) listener();
  };
  const again = (): void => {
    if (hasLeft) return;
    cancel = clock.after(SIGN_EVERY_MS, () => {
      void look().catch(onFault).then(again);
    });
  };

  const unsubscribe = bulletin.subscribe(TOPIC, (nodeId) => {
    if (nodeId !== node.id) void look().catch(onFault);
  });
  await look();
  bulletin.publish(TOPIC, node.id);
  again();
  return {
    partOf: (limitName, total) => partOfWorker(workers, node.id, limitName, total),
    get isTogether() {
      return clock.nowMs() - seenMs < GONE_AFTER_MS;
    },
    get nodes() {
      return nodes;
    },
    onChange: (listener) => void listeners.push(listener),
    leave: async () => {
      hasLeft = true;
      cancel();
      unsubscribe();
      await database.write(leaveFleet, node.id).catch(onFault);
      bulletin.publish(TOPIC, node.id);
    },
  };
};
