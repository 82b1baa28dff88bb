import type { WebhookStore } from '../../webhooks/webhook-store.ts';
import { type EndpointAddress, endpointNotFound } from './get-endpoint.ts';

/** Deletes an endpoint; what is still to be sent to it is given up. Throws `webhook_endpoint_not_found`. */
export const deleteEndpoint = async (
  parts: { readonly webhooks: Pick<WebhookStore, 'deleteEndpoint'> },
  { endpointId, keyId }: EndpointAddress,
): Promise<void> => {
  if (!(await parts.webhooks.deleteEndpoint(endpointId, keyId))) throw endpointNotFound();
};
