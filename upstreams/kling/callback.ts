import { createHmac, randomUUID } from 'node:crypto';
import { isEnded, taskFields } from './tasks.ts';
import type { KlingTask } from './tasks.ts';

/** Section 8: Standard Webhooks over `id.timestamp.body`, keyed by the secret without its `whsec_` prefix. */
export function signCallback(secret: string, id: string, timestampSeconds: number, body: string): string {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  return `v1,${createHmac('sha256', key).update(`${id}.${timestampSeconds}.${body}`).digest('base64')}`;
}

const WRONG_SECRET = 'whsec_d3Jvbmcgc2VjcmV0IHdyb25nIHNlY3JldA==';

type Post = () => Promise<void>;

/** Tells each task's changes one after the other, unless the task's fault mixes them up. */
export class CallbackSender {
  readonly #secret: string | undefined;
  readonly #closing: AbortSignal;
  readonly #queues = new WeakMap<KlingTask, Promise<void>>();
  readonly #heldBack = new WeakMap<KlingTask, Post>();

  /** Without a secret, callbacks are not signed. */
  constructor(secret: string | undefined, closing: AbortSignal) {
    this.#secret = secret;
    this.#closing = closing;
  }

  /**
   * Posts the task as it is now, once its links can be read. A receiver that does not answer has missed it:
   * the vendor's retries are unknown.
   */
  tell(task: KlingTask): void {
    const { parameters, fault } = task;
    if (parameters.callbackUrl === undefined) return;
    const post = this.#postFor(task, parameters.callbackUrl);
    if (fault?.fault === 'callback_reordered' && !isEnded(task)) {
      this.#heldBack.set(task, post);
      return;
    }
    const posts = [post, ...(fault?.fault === 'callback_twice' ? [post] : []), this.#heldBack.get(task)];
    const sending = async (): Promise<void> => {
      await this.#queues.get(task);
      await task.linksReady;
      for (const one of posts) await one?.();
    };
    this.#queues.set(task, sending());
  }

  #postFor(task: KlingTask, url: string): Post {
    const id = randomUUID();
    const body = JSON.stringify(taskFields(task));
    const timestamp = Math.floor(task.updatedAt / 1000);
    const isWrong = task.fault?.fault === 'callback_bad_signature';
    const signed = this.#secret !== undefined && {
      'webhook-id': id,
      'webhook-timestamp': String(timestamp),
      'webhook-signature': signCallback(isWrong ? WRONG_SECRET : this.#secret, id, timestamp, body),
    };
    const headers = { 'content-type': 'application/json; charset=utf-8', ...signed };
    return async () => {
      try {
        const response = await fetch(url, { method: 'POST', headers, body, signal: this.#closing });
        await response.body?.cancel();
      } catch {
        // Missed, as said above.
      }
    };
  }
}
