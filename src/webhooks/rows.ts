/** Between the rows of the database and the words of the core. */
import type { Delivery, DeliveryState, WebhookEndpoint, WebhookEventType } from '../core/webhook.ts';
import type { WebhookDeliveryRow, WebhookEndpointRow } from '../database/schema.ts';

export const toEndpoint = (row: WebhookEndpointRow): WebhookEndpoint => ({
  id: row.id,
  keyId: row.key_id,
  url: row.url,
  createdAtMs: row.created_at,
  ...(row.disabled_at !== null && {
    disabled: { atMs: row.disabled_at, reason: row.disabled_reason ?? '' },
  }),
});

export const toDelivery = (row: WebhookDeliveryRow): Delivery => ({
  id: row.id,
  type: row.type as WebhookEventType,
  taskId: row.task_id,
  keyId: row.key_id,
  ...(row.endpoint_id !== null && { endpointId: row.endpoint_id }),
  url: row.url,
  state: row.state as DeliveryState,
  attempts: row.attempts,
  createdAtMs: row.created_at,
  ...(row.next_attempt_at !== null && { nextAttemptAtMs: row.next_attempt_at }),
  ...(row.last_attempt_at !== null && {
    lastAttempt: {
      atMs: row.last_attempt_at,
      ...(row.last_status !== null && { status: row.last_status }),
      ...(row.last_error !== null && { error: row.last_error }),
    },
  }),
  ...(row.delivered_at !== null && { deliveredAtMs: row.delivered_at }),
});
