import type { SigningSecret, WebhookStore } from '../../webhooks/webhook-store.ts';

/** A new signing secret for the key; the one before signs too for a day. */
export const rotateSigningSecret = (
  parts: { readonly webhooks: Pick<WebhookStore, 'rotateSigningSecret'> },
  keyId: string,
): Promise<SigningSecret> => parts.webhooks.rotateSigningSecret(keyId);
