import { randomBytes } from 'node:crypto';
import type { KeyStore } from '../access/keys.ts';
import type { AuditLog } from '../access/audit.ts';
import type { KeyLimits } from '../access/limits.ts';
import { createAuditLog } from '../access/sql-audit-log.ts';
import { createKeyStore } from '../access/sql-key-store.ts';
import { createUsageStore } from '../access/sql-usage-store.ts';
import type { UsageStore } from '../access/usage.ts';
import type { Config } from '../config/config.ts';
import type { Clock } from '../core/clock.ts';
import type { Database } from '../database/database.ts';
import { systemClock } from '../observe/system-clock.ts';
import { createTaskStore } from '../tasks/sql-task-store.ts';
import type { TaskStore } from '../tasks/task-store.ts';
import { createWebhookStore } from '../webhooks/sql-webhook-store.ts';
import type { WebhookStore } from '../webhooks/webhook-store.ts';
import { openSqliteFile } from './backbone.ts';

/** The stores over a database. */
export interface Stores {
  readonly tasks: TaskStore;
  readonly keys: KeyStore;
  readonly webhooks: WebhookStore;
  readonly usage: UsageStore;
  readonly audit: AuditLog;
}

/** @param defaultLimits what holds for keys of users that have no limit of their own. */
export const createStores = (database: Database, clock: Clock, defaultLimits: KeyLimits = {}): Stores => ({
  tasks: createTaskStore(database),
  keys: createKeyStore({ database, clock, randomBytes, defaultLimits }),
  webhooks: createWebhookStore(database, clock, randomBytes),
  usage: createUsageStore(database),
  audit: createAuditLog(database),
});

/** Opens the stores without anybody at work: enough to manage keys and look at tasks. Others may have them open too. */
export const openStores = async (config: Config): Promise<Stores & { close(): Promise<void> }> => {
  const database = await openDatabase(config);
  return { ...createStores(database, systemClock), close: () => database.close() };
};

const openDatabase = async ({ database, dataDir }: Config): Promise<Database> => {
  if (database.kind === 'sqlite') return openSqliteFile(dataDir);
  const { openPostgresDatabase } = await import('../database/postgres/postgres-database.ts');
  return openPostgresDatabase({
    url: database.url.reveal(),
    clock: systemClock,
    connections: 2,
    enqueue: () => Promise.reject(new Error('Only a running Limner accepts tasks')),
  });
};
