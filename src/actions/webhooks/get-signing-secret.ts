import type { SigningSecret, WebhookStore } from '../../webhooks/webhook-store.ts';

/** What signs the events that go to the `webhook_url` of the caller's tasks; made when it is first asked for. */
export const getSigningSecret = (
  parts: { readonly webhooks: Pick<WebhookStore, 'signingSecret'> },
  keyId: string,
): Promise<SigningSecret> => parts.webhooks.signingSecret(keyId);
