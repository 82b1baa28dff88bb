import { LimnerError } from '../../core/errors.ts';
import { isId } from '../../core/ids.ts';
import type { DeliveryPage, DeliveryQuery, WebhookStore } from '../../webhooks/webhook-store.ts';

/** A page of the caller's deliveries, newest first; throws `invalid_parameter` when `afterId` is not one of them. */
export const listDeliveries = async (
  parts: { readonly webhooks: Pick<WebhookStore, 'delivery' | 'deliveries'> },
  query: DeliveryQuery,
): Promise<DeliveryPage> => {
  const { afterId, keyId, taskId } = query;
  if (afterId !== undefined && (await parts.webhooks.delivery(afterId, keyId)) === undefined) {
    throw new LimnerError(
      'invalid_parameter',
      '`after` must be the `last_id` of an earlier page, or the id of one of your deliveries.',
      { param: 'after' },
    );
  }
  if (taskId !== undefined && !isId('task', taskId)) return { deliveries: [], hasMore: false };
  return parts.webhooks.deliveries(query);
};
