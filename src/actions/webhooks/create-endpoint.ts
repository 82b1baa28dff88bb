import { LimnerError } from '../../core/errors.ts';
import { webhookLimits } from '../../core/webhook.ts';
import type { FreshEndpoint, WebhookStore } from '../../webhooks/webhook-store.ts';

/** Makes an endpoint, which hears of every task of the key that ends from now on. Throws `invalid_parameter` when there are too many. */
export const createEndpoint = async (
  parts: { readonly webhooks: Pick<WebhookStore, 'createEndpoint'> },
  { keyId, url }: { readonly keyId: string; readonly url: string },
): Promise<FreshEndpoint> => {
  const fresh = await parts.webhooks.createEndpoint(keyId, url);
  if (fresh !== undefined) return fresh;
  throw new LimnerError(
    'invalid_parameter',
    `This key has ${webhookLimits.endpointsPerKey} webhook endpoints, and that is the most. Delete one first.`,
    { param: 'url' },
  );
};
