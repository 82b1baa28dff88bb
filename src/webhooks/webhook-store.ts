/** Who is to be told of endings, with which secrets, and what became of each telling. */
import type { Secret } from '../core/secret.ts';
import type { Delivery, DeliveryState, WebhookEndpoint } from '../core/webhook.ts';

/** What signs events, `whsec_…`. */
export interface SigningSecret {
  readonly secret: Secret;
  readonly createdAtMs: number;
  /** Present while the secret before the last rotation signs too. */
  readonly previousUntilMs?: number;
}

/** An endpoint with its secret, which is shown this once. */
export interface FreshEndpoint {
  readonly endpoint: WebhookEndpoint;
  readonly secret: Secret;
}

/** Which of a caller's deliveries to list, newest first. */
export interface DeliveryQuery {
  readonly keyId: string;
  readonly limit: number;
  /** Only deliveries older than this one. */
  readonly afterId?: string;
  readonly taskId?: string;
  readonly state?: DeliveryState;
}

/** A page of deliveries. */
export interface DeliveryPage {
  readonly deliveries: readonly Delivery[];
  readonly hasMore: boolean;
}

/** A host with pending deliveries. */
export interface PendingHost {
  /** Host and port as in its addresses. */
  readonly host: string;
  /** When the first of them is due. */
  readonly dueAtMs: number;
}

/** With what a delivery is signed, newest secret first, or why it cannot be sent any more. */
export type Signing =
  | { readonly kind: 'secrets'; readonly secrets: readonly Secret[] }
  | { readonly kind: 'disabled' }
  | { readonly kind: 'deleted' };

/** What an attempt made of a delivery. */
export interface AttemptRecord {
  readonly delivery: Delivery;
  readonly atMs: number;
  readonly state: DeliveryState;
  /** When it is tried again; present when it stays pending. */
  readonly nextAttemptAtMs?: number;
  readonly status?: number;
  readonly error?: string;
  /** Why the endpoint of the delivery is to be disabled with it. */
  readonly disableReason?: string;
}

export interface WebhookStore {
  /** Makes an endpoint; `undefined` when the key has as many as it may have. */
  createEndpoint(keyId: string, url: string): Promise<FreshEndpoint | undefined>;
  /** The endpoint; `undefined` when there is none, or it is another key's. */
  endpoint(id: string, keyId: string): Promise<WebhookEndpoint | undefined>;
  /** All endpoints of a key, oldest first. */
  endpoints(keyId: string): Promise<readonly WebhookEndpoint[]>;
  /** Whether there was one. */
  deleteEndpoint(id: string, keyId: string): Promise<boolean>;
  /** A new secret; the one before signs too for a day. */
  rotateSecret(id: string, keyId: string): Promise<FreshEndpoint | undefined>;
  enableEndpoint(id: string, keyId: string): Promise<WebhookEndpoint | undefined>;
  /** What signs the events that go to a `webhook_url`; made when it is first asked for. */
  signingSecret(keyId: string): Promise<SigningSecret>;
  /** A new one; the one before signs too for a day. */
  rotateSigningSecret(keyId: string): Promise<SigningSecret>;

  deliveries(query: DeliveryQuery): Promise<DeliveryPage>;
  delivery(id: string, keyId: string): Promise<Delivery | undefined>;
  /** Starts the attempts of a delivery anew, the first at once. */
  redeliver(id: string, keyId: string): Promise<Delivery | undefined>;

  /** Every host with pending deliveries; costs by the number of hosts, not of deliveries. */
  pendingHosts(): Promise<readonly PendingHost[]>;
  /** Deliveries to this host that are due, the longest waiting first. */
  due(host: string, nowMs: number, limit: number): Promise<readonly Delivery[]>;
  signingOf(delivery: Delivery): Promise<Signing>;
  /** Writes down what attempts brought, all or none; a delivery that is no longer pending stays as it is. */
  recordAttempts(records: readonly AttemptRecord[]): Promise<void>;
  /** Removes ended deliveries made before the given time, a few at a time. @returns how many. */
  deleteDeliveriesBefore(timeMs: number, limit: number): Promise<number>;
}
