import { LimnerError } from '../../core/errors.ts';
import type { WebhookEndpoint } from '../../core/webhook.ts';
import type { WebhookStore } from '../../webhooks/webhook-store.ts';

/** A webhook endpoint as its owner names it. */
export interface EndpointAddress {
  readonly endpointId: string;
  readonly keyId: string;
}

/** What the caller hears of an endpoint that is not there, or that is somebody else's. */
export const endpointNotFound = (): LimnerError =>
  new LimnerError(
    'webhook_endpoint_not_found',
    'There is no such webhook endpoint, or it belongs to another key, or it was deleted.',
  );

/** The caller's endpoint; throws `webhook_endpoint_not_found`, for a malformed id too. */
export const getEndpoint = async (
  parts: { readonly webhooks: Pick<WebhookStore, 'endpoint'> },
  { endpointId, keyId }: EndpointAddress,
): Promise<WebhookEndpoint> => {
  const endpoint = await parts.webhooks.endpoint(endpointId, keyId);
  if (endpoint === undefined) throw endpointNotFound();
  return endpoint;
};
