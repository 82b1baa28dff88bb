import { LimnerError } from '../../core/errors.ts';
import type { Delivery } from '../../core/webhook.ts';
import type { TaskEvents } from '../../observe/events.ts';
import type { TaskStore } from '../../tasks/task-store.ts';
import type { WebhookStore } from '../../webhooks/webhook-store.ts';
import { getTask } from '../get-task.ts';
import { getEndpoint } from './get-endpoint.ts';

/** What sending once more needs. */
export interface RedeliverParts {
  readonly webhooks: Pick<WebhookStore, 'delivery' | 'endpoint' | 'redeliver'>;
  readonly tasks: Pick<TaskStore, 'get'>;
  readonly events: Pick<TaskEvents, 'changed'>;
}

const deliveryNotFound = (): LimnerError =>
  new LimnerError(
    'delivery_not_found',
    'There is no such delivery, or it belongs to another key, or it is past its 30 days.',
  );

/**
 * Sends an event once more, under the same id, and starts its attempts anew. Throws `delivery_not_found`,
 * `task_not_found` and `webhook_endpoint_not_found` when there is nothing left to send or nobody to send it to, and
 * `webhook_endpoint_disabled`.
 */
export const redeliver = async (
  parts: RedeliverParts,
  { deliveryId, keyId }: { readonly deliveryId: string; readonly keyId: string },
): Promise<Delivery> => {
  const delivery = await parts.webhooks.delivery(deliveryId, keyId);
  if (delivery === undefined) throw deliveryNotFound();
  await getTask(parts, { taskId: delivery.taskId, keyId });
  if (delivery.endpointId !== undefined) {
    const endpoint = await getEndpoint(parts, { endpointId: delivery.endpointId, keyId });
    if (endpoint.disabled !== undefined) {
      throw new LimnerError(
        'webhook_endpoint_disabled',
        'The webhook endpoint is disabled. Enable it first.',
      );
    }
  }
  const restarted = await parts.webhooks.redeliver(deliveryId, keyId);
  if (restarted === undefined) throw deliveryNotFound();
  parts.events.changed(delivery.taskId);
  return restarted;
};
