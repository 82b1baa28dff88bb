/** Somebody who is told of endings by webhook. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { Webhook } from 'standardwebhooks';
import type { TaskView } from '../../src/http/routes/generations/schema.ts';

/** What a webhook says. */
export interface WebhookEvent {
  readonly type: string;
  readonly timestamp: string;
  readonly data: TaskView;
}

/** A webhook as it arrived. */
export interface ReceivedWebhook {
  /** Its `webhook-id`. */
  readonly id: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly event: WebhookEvent;
}

/** How a webhook is answered. */
export interface ReceiverAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** What the answer waits for. */
  readonly after?: Promise<unknown>;
}

/** A server that takes webhooks. */
export interface WebhookReceiver extends AsyncDisposable {
  /** Host and port. */
  readonly host: string;
  readonly url: string;
  /** All that arrived, also what was not answered with 2xx. */
  readonly received: readonly ReceivedWebhook[];
  /** Decides from now on how webhooks are answered; 204 unless told. */
  answerWith(answer: (webhook: ReceivedWebhook) => ReceiverAnswer): void;
  /** The event, if one of the secrets signed it. Throws otherwise. */
  verify(webhook: ReceivedWebhook, secret: string): WebhookEvent;
}

/** Starts a receiver on a free port of the loopback. */
export const startWebhookReceiver = async (): Promise<WebhookReceiver> => {
  const received: ReceivedWebhook[] = [];
  let answerOf = (_webhook: ReceivedWebhook): ReceiverAnswer => ({ status: 204 });
  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await text(request);
    const headers = Object.fromEntries(
      Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
    );
    const webhook = {
      id: headers['webhook-id'] ?? '',
      path: request.url ?? '',
      headers,
      body,
      event: JSON.parse(body) as WebhookEvent,
    };
    received.push(webhook);
    const answer = answerOf(webhook);
    await answer.after;
    response.writeHead(answer.status, answer.headers).end();
  };
  const server = createServer((request, response) => void take(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    host,
    url: `http://${host}/hook`,
    received,
    answerWith: (answer) => void (answerOf = answer),
    verify: ({ body, headers }, secret) => new Webhook(secret).verify(body, headers) as WebhookEvent,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};
