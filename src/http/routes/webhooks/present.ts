import type { Delivery, WebhookEndpoint } from '../../../core/webhook.ts';
import type { SigningSecret } from '../../../webhooks/webhook-store.ts';
import type { DeliveryView, EndpointView, SigningSecretView } from './schema.ts';

const toSeconds = (timeMs: number): number => Math.floor(timeMs / 1000);

/** Shows an endpoint without its secret. */
export const presentEndpoint = ({ id, url, createdAtMs, disabled }: WebhookEndpoint): EndpointView => ({
  id,
  url,
  created_at: toSeconds(createdAtMs),
  ...(disabled !== undefined && {
    disabled_at: toSeconds(disabled.atMs),
    disabled_reason: disabled.reason,
  }),
});

/** Shows the secret itself, to its owner. */
export const presentSigningSecret = (signing: SigningSecret): SigningSecretView => ({
  secret: signing.secret.reveal(),
  created_at: toSeconds(signing.createdAtMs),
  ...(signing.previousUntilMs !== undefined && { previous_expires_at: toSeconds(signing.previousUntilMs) }),
});

/** Shows a delivery to the owner of its task. */
export const presentDelivery = (delivery: Delivery): DeliveryView => {
  const { endpointId, nextAttemptAtMs, lastAttempt, deliveredAtMs } = delivery;
  return {
    id: delivery.id,
    type: delivery.type,
    task_id: delivery.taskId,
    ...(endpointId !== undefined && { endpoint_id: endpointId }),
    url: delivery.url,
    state: delivery.state,
    attempts: delivery.attempts,
    created_at: toSeconds(delivery.createdAtMs),
    ...(nextAttemptAtMs !== undefined && { next_attempt_at: toSeconds(nextAttemptAtMs) }),
    ...(lastAttempt !== undefined && {
      last_attempt_at: toSeconds(lastAttempt.atMs),
      ...(lastAttempt.status !== undefined && { last_status: lastAttempt.status }),
      ...(lastAttempt.error !== undefined && { last_error: lastAttempt.error }),
    }),
    ...(deliveredAtMs !== undefined && { delivered_at: toSeconds(deliveredAtMs) }),
  };
};
