import { createHash } from 'node:crypto';
import { newId } from '../core/ids.ts';
import type { GenerationRequest } from '../core/request.ts';
import type { WebhookEventType } from '../core/webhook.ts';
import type { Connection } from '../database/database.ts';
import { firstRow } from '../database/database.ts';
import { prepare } from '../database/prepared.ts';
import type { TaskRow, WebhookDeliveryRow, WebhookEndpointRow } from '../database/schema.ts';

const endedTask = prepare<{ id: string }, Pick<TaskRow, 'key_id' | 'request'>>('endedTask', (db, value) =>
  db.selectFrom('tasks').select(['key_id', 'request']).where('id', '=', value('id')),
);

const enabledEndpoints = prepare<{ key_id: string }, Pick<WebhookEndpointRow, 'id' | 'url'>>(
  'enabledEndpoints',
  (db, value) =>
    db
      .selectFrom('webhook_endpoints')
      .select(['id', 'url'])
      .where('key_id', '=', value('key_id'))
      .where('disabled_at', 'is', null),
);

type NewDelivery = Pick<
  WebhookDeliveryRow,
  'id' | 'key_id' | 'task_id' | 'endpoint_id' | 'url' | 'host' | 'type' | 'created_at'
>;

const insertDelivery = prepare<NewDelivery>('insertDelivery', (db, value) =>
  db.insertInto('webhook_deliveries').values({
    id: value('id'),
    key_id: value('key_id'),
    task_id: value('task_id'),
    endpoint_id: value('endpoint_id'),
    url: value('url'),
    host: value('host'),
    type: value('type'),
    state: 'pending',
    attempts: 0,
    next_attempt_at: value('created_at'),
    last_attempt_at: null,
    last_status: null,
    last_error: null,
    created_at: value('created_at'),
    delivered_at: null,
  }),
);

/**
 * An id that follows from the ending and its target, so that no repeated transaction can make two. Nobody gains by
 * guessing one.
 */
const deliveryId = (taskId: string, endpointId: string | null, atMs: number): string =>
  newId('evt', atMs, (size) =>
    createHash('sha256')
      .update(`${taskId} ${endpointId ?? ''}`)
      .digest()
      .subarray(0, size),
  );

/** Notes, inside the transaction that ends a task, who is to be told: its `webhook_url` and each endpoint of its key. */
export const recordEnding = async (
  connection: Connection,
  ending: { readonly taskId: string; readonly type: WebhookEventType; readonly atMs: number },
): Promise<void> => {
  const { taskId, type, atMs } = ending;
  const task = await firstRow(connection, endedTask, { id: taskId });
  if (task === undefined) return;
  const { webhookUrl } = JSON.parse(task.request) as GenerationRequest;
  const own = webhookUrl === undefined ? [] : [{ id: null, url: webhookUrl }];
  const endpoints = await connection.all(enabledEndpoints, { key_id: task.key_id });
  for (const { id, url } of [...own, ...endpoints]) {
    await connection.run(insertDelivery, {
      id: deliveryId(taskId, id, atMs),
      key_id: task.key_id,
      task_id: taskId,
      endpoint_id: id,
      url,
      host: new URL(url).host,
      type,
      created_at: atMs,
    });
  }
};
