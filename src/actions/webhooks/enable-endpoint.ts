import type { WebhookEndpoint } from '../../core/webhook.ts';
import type { WebhookStore } from '../../webhooks/webhook-store.ts';
import { type EndpointAddress, endpointNotFound } from './get-endpoint.ts';

/** Sends to a disabled endpoint again, from the next ending on. Throws `webhook_endpoint_not_found`. */
export const enableEndpoint = async (
  parts: { readonly webhooks: Pick<WebhookStore, 'enableEndpoint'> },
  { endpointId, keyId }: EndpointAddress,
): Promise<WebhookEndpoint> => {
  const endpoint = await parts.webhooks.enableEndpoint(endpointId, keyId);
  if (endpoint === undefined) throw endpointNotFound();
  return endpoint;
};
