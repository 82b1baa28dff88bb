import type { WebhookEndpoint } from '../../core/webhook.ts';
import type { WebhookStore } from '../../webhooks/webhook-store.ts';

/** The caller's endpoints, oldest first. */
export const listEndpoints = (
  parts: { readonly webhooks: Pick<WebhookStore, 'endpoints'> },
  keyId: string,
): Promise<readonly WebhookEndpoint[]> => parts.webhooks.endpoints(keyId);
