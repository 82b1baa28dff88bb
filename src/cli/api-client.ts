import type { KeyChangesJson, KeyJson, KeySettingsJson, NewKeyJson } from '../access/key-json.ts';
import { CommandError } from './command-error.ts';

/** Limner's HTTP interface as the commands use it, whether over the network or inside this process. */

/** An image of a completed task. */
export interface ImageAnswer {
  readonly url: string;
  readonly width: number;
  readonly height: number;
  readonly format: string;
}

/** The task object, as far as it is shown. */
export interface TaskAnswer {
  readonly task_id: string;
  readonly status: 'pending' | 'processing' | 'completed' | 'failed';
  readonly created_at: number;
  readonly completed_at?: number;
  readonly model: string;
  readonly prompt: string;
  readonly n: number;
  readonly size: string;
  readonly images?: readonly ImageAnswer[];
  readonly error?: { readonly code: string; readonly message: string; readonly retryable: boolean };
  readonly adjustments?: readonly { readonly parameter: string; readonly reason: string }[];
  readonly usage?: { readonly images: number; readonly cost: number; readonly currency?: string };
}

/** A public model, as far as it is shown. */
export interface ModelAnswer {
  readonly id: string;
  readonly available?: boolean;
  readonly [key: string]: unknown;
}

/** A key with its secret, which is shown this once. */
export interface KeyWithSecretAnswer extends KeySettingsJson {
  readonly id: string;
  readonly name: string;
  readonly role: string;
  readonly key: string;
  readonly previous_expires_at?: number;
}

/** A webhook endpoint without its secret. */
export interface WebhookEndpointAnswer {
  readonly id: string;
  readonly url: string;
  readonly created_at: number;
  readonly disabled_at?: number;
}

/** What became of an event, as far as it is shown. */
export interface WebhookDeliveryAnswer {
  readonly id: string;
  readonly task_id: string;
  readonly state: string;
  readonly attempts: number;
  readonly created_at: number;
  readonly next_attempt_at?: number;
  readonly last_error?: string;
}

/** A page of a list. */
export interface ListAnswer<Item> {
  readonly data: readonly Item[];
  readonly has_more?: boolean;
  readonly last_id?: string;
}

/** Sends a request for a path such as `/v1/models`, with the caller's key. */
export type Send = (path: string, init: RequestInit) => Promise<Response>;

/** Everything the commands ask of a server. Each call throws a `CommandError` with the server's own code. */
export interface ApiClient {
  createTask(body: Readonly<Record<string, unknown>>, signal: AbortSignal): Promise<TaskAnswer>;
  /** The task, as soon as it has ended or after the wait. */
  getTask(taskId: string, waitSeconds: number, signal: AbortSignal): Promise<TaskAnswer>;
  listTasks(query: Readonly<Record<string, string>>): Promise<ListAnswer<TaskAnswer>>;
  cancelTask(taskId: string): Promise<TaskAnswer>;
  listModels(): Promise<ListAnswer<ModelAnswer>>;
  createKey(body: NewKeyJson): Promise<KeyWithSecretAnswer>;
  updateKey(keyId: string, body: KeyChangesJson): Promise<KeyJson>;
  rotateKey(keyId: string, overlapSeconds: number): Promise<KeyWithSecretAnswer>;
  listKeys(): Promise<ListAnswer<KeyJson>>;
  revokeKey(keyId: string): Promise<void>;
  createWebhookEndpoint(url: string): Promise<WebhookEndpointAnswer & { readonly secret: string }>;
  listWebhookEndpoints(): Promise<ListAnswer<WebhookEndpointAnswer>>;
  deleteWebhookEndpoint(endpointId: string): Promise<void>;
  listWebhookDeliveries(query: Readonly<Record<string, string>>): Promise<ListAnswer<WebhookDeliveryAnswer>>;
  redeliverWebhook(deliveryId: string): Promise<WebhookDeliveryAnswer>;
  /** The bytes behind an image's link. */
  download(image: ImageAnswer, signal: AbortSignal): Promise<Uint8Array>;
}

const TASKS = '/v1/images/generations';
const WEBHOOKS = '/v1/webhooks';

/** A client that sends by the given function. */
export const createApiClient = (send: Send, download: ApiClient['download']): ApiClient => {
  const ask = async <Answer>(path: string, init: RequestInit = {}): Promise<Answer> =>
    (await checked(await send(path, init))).json() as Promise<Answer>;
  const post = (body: unknown): RequestInit => ({
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json' },
  });
  const keyPath = (keyId: string) => `/admin/v1/keys/${encodeURIComponent(keyId)}`;
  const taskPath = (taskId: string) => `${TASKS}/${encodeURIComponent(taskId)}`;
  return {
    createTask: (body, signal) => ask(TASKS, { ...post(body), signal }),
    getTask: (taskId, waitSeconds, signal) =>
      ask(taskPath(taskId), { signal, headers: waitSeconds === 0 ? {} : { prefer: `wait=${waitSeconds}` } }),
    listTasks: (query) => ask(`${TASKS}?${new URLSearchParams(query).toString()}`),
    cancelTask: (taskId) => ask(`${taskPath(taskId)}/cancel`, { method: 'POST' }),
    listModels: () => ask('/v1/models'),
    createKey: (body) => ask('/admin/v1/keys', post(body)),
    updateKey: (keyId, body) => ask(keyPath(keyId), { ...post(body), method: 'PATCH' }),
    rotateKey: (keyId, overlapSeconds) =>
      ask(`${keyPath(keyId)}/rotate`, post({ overlap_seconds: overlapSeconds })),
    listKeys: () => ask('/admin/v1/keys'),
    revokeKey: async (keyId) => {
      await checked(await send(keyPath(keyId), { method: 'DELETE' }));
    },
    createWebhookEndpoint: (url) => ask(`${WEBHOOKS}/endpoints`, post({ url })),
    listWebhookEndpoints: () => ask(`${WEBHOOKS}/endpoints`),
    deleteWebhookEndpoint: async (endpointId) => {
      const path = `${WEBHOOKS}/endpoints/${encodeURIComponent(endpointId)}`;
      await checked(await send(path, { method: 'DELETE' }));
    },
    listWebhookDeliveries: (query) => ask(`${WEBHOOKS}/deliveries?${new URLSearchParams(query).toString()}`),
    redeliverWebhook: (deliveryId) =>
      ask(`${WEBHOOKS}/deliveries/${encodeURIComponent(deliveryId)}/redeliver`, { method: 'POST' }),
    download,
  };
};

/** The answer, or its error as a `CommandError`. */
export const checked = async (response: Response): Promise<Response> => {
  if (response.ok) return response;
  const text = await response.text();
  throw new CommandError(...errorIn(text, response.status));
};

const errorIn = (text: string, status: number): [message: string, options: { readonly code?: string }] => {
  try {
    const { error } = JSON.parse(text) as { error?: { message?: unknown; code?: unknown } };
    if (typeof error?.message === 'string') {
      return [error.message, typeof error.code === 'string' ? { code: error.code } : {}];
    }
  } catch {
    // Not Limner's own answer: a proxy's page, perhaps.
  }
  return [`The server answered HTTP ${status} without saying why.`, {}];
};
