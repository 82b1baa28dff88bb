import type { WebhookEvent } from './schemas.ts';

/** The request does not come from who knows the secret, or not now, or was changed on the way. */
export class WebhookInvalid extends Error {
  override readonly name = 'WebhookInvalid';
}

/** A request as it arrived. */
export interface ReceivedWebhook {
  /** The body as it was sent, to the byte: not JSON that was parsed and written again. */
  readonly body: string;
  /** A `Headers`, or an object with names in lower case. */
  readonly headers: Headers | Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** How to verify. */
export interface VerifyOptions {
  /** How far the clocks may differ; 300 unless told. */
  readonly toleranceSeconds?: number;
  readonly nowMs?: number;
}

const PREFIX = 'whsec_';
const TOLERANCE_SECONDS = 300;

/**
 * The event of a webhook, once its signature and its time are in order (Standard Webhooks). Throws `WebhookInvalid`.
 *
 * @param secret the secret of the endpoint or of the key, `whsec_…`.
 */
export const verifyWebhook = async (
  { body, headers }: ReceivedWebhook,
  secret: string,
  { toleranceSeconds = TOLERANCE_SECONDS, nowMs = Date.now() }: VerifyOptions = {},
): Promise<WebhookEvent> => {
  const header = (name: string): string => {
    const value = headers instanceof Headers ? headers.get(name) : headers[name];
    if (typeof value === 'string' && value !== '') return value;
    throw new WebhookInvalid(`The header ${name} is missing.`);
  };
  const id = header('webhook-id');
  const timestamp = header('webhook-timestamp');
  const signatures = header('webhook-signature');

  const ageSeconds = nowMs / 1000 - Number(timestamp);
  if (!(Math.abs(ageSeconds) <= toleranceSeconds)) {
    throw new WebhookInvalid('The webhook is too old, or the clocks differ.');
  }

  const key = await importKey(secret);
  const signed = new TextEncoder().encode(`${id}.${timestamp}.${body}`);
  for (const signature of signatures.split(' ')) {
    const [version, text = ''] = signature.split(',', 2);
    if (version !== 'v1') continue;
    const given = decode(text);
    if (given !== undefined && (await crypto.subtle.verify('HMAC', key, given, signed))) {
      return JSON.parse(body) as WebhookEvent;
    }
  }
  throw new WebhookInvalid('No signature fits the body and the secret.');
};

const importKey = (secret: string) => {
  const bytes = decode(secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : secret);
  if (bytes === undefined) throw new TypeError('The secret must be as Limner shows it: whsec_ and base64.');
  return crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['verify']);
};

const decode = (text: string): Uint8Array<ArrayBuffer> | undefined => {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    return undefined;
  }
};
