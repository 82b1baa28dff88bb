import type { FreshEndpoint, WebhookStore } from '../../webhooks/webhook-store.ts';
import { type EndpointAddress, endpointNotFound } from './get-endpoint.ts';

/** Gives an endpoint a new secret; the one before signs too for a day. Throws `webhook_endpoint_not_found`. */
export const rotateSecret = async (
  parts: { readonly webhooks: Pick<WebhookStore, 'rotateSecret'> },
  { endpointId, keyId }: EndpointAddress,
): Promise<FreshEndpoint> => {
  const fresh = await parts.webhooks.rotateSecret(endpointId, keyId);
  if (fresh === undefined) throw endpointNotFound();
  return fresh;
};
