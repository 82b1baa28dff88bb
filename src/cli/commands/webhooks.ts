import { usageError } from '../command-error.ts';
import { withClient } from '../connect.ts';
import type { CliContext } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { formatJson, formatTable, formatTime, paintFor } from '../output.ts';

/** Options of every `limner webhooks` command. */
export interface WebhooksOptions {
  readonly json?: boolean;
  readonly config?: string;
  readonly dataDir?: string;
}

/** Options of `limner webhooks deliveries`. */
export interface DeliveriesOptions extends WebhooksOptions {
  readonly limit: string;
  readonly task?: string;
  readonly state?: string;
  readonly after?: string;
}

/** Lists the key's webhook endpoints, without their secrets. */
export const listEndpoints = async (context: CliContext, options: WebhooksOptions): Promise<number> => {
  const list = await withClient(context, options, (client) => client.listWebhookEndpoints());
  if (options.json) {
    context.stdout.write(formatJson(list));
    return exitCodes.ok;
  }
  const rows = list.data.map((endpoint) => [
    endpoint.id,
    endpoint.disabled_at === undefined ? 'enabled' : 'disabled',
    formatTime(endpoint.created_at),
    endpoint.url,
  ]);
  context.stdout.write(
    formatTable(['ENDPOINT', 'STATE', 'CREATED', 'URL'], rows, paintFor(context.stdout, context.env)),
  );
  return exitCodes.ok;
};

/** Makes an endpoint and prints its secret, this once. */
export const createEndpoint = async (
  context: CliContext,
  url: string,
  options: WebhooksOptions,
): Promise<number> => {
  const created = await withClient(context, options, (client) => client.createWebhookEndpoint(url));
  if (options.json) context.stdout.write(formatJson(created));
  else {
    context.stdout.write(`${created.secret}\n`);
    context.stderr.write(`${created.id} is made. Keep the secret: it is not shown again.\n`);
  }
  return exitCodes.ok;
};

/** Deletes an endpoint. */
export const deleteEndpoint = async (
  context: CliContext,
  endpointId: string,
  options: WebhooksOptions,
): Promise<number> => {
  await withClient(context, options, (client) => client.deleteWebhookEndpoint(endpointId));
  context.stdout.write(
    options.json ? formatJson({ id: endpointId, deleted: true }) : `${endpointId} is deleted.\n`,
  );
  return exitCodes.ok;
};

/** Lists what became of events, newest first. */
export const listDeliveries = async (context: CliContext, options: DeliveriesOptions): Promise<number> => {
  if (!/^\d+$/.test(options.limit)) throw usageError(`--limit wants a whole number, not ${options.limit}.`);
  const query = Object.fromEntries(
    Object.entries({
      limit: options.limit,
      task_id: options.task,
      state: options.state,
      after: options.after,
    }).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  const list = await withClient(context, options, (client) => client.listWebhookDeliveries(query));
  if (options.json) {
    context.stdout.write(formatJson(list));
    return exitCodes.ok;
  }
  const rows = list.data.map((delivery) => [
    delivery.id,
    delivery.state,
    String(delivery.attempts),
    formatTime(delivery.created_at),
    delivery.next_attempt_at === undefined ? '' : formatTime(delivery.next_attempt_at),
    delivery.task_id,
    delivery.last_error ?? '',
  ]);
  const headings = ['DELIVERY', 'STATE', 'ATTEMPTS', 'CREATED', 'NEXT', 'TASK', 'LAST ERROR'];
  context.stdout.write(formatTable(headings, rows, paintFor(context.stdout, context.env)));
  if (list.has_more && list.last_id !== undefined) {
    context.stderr.write(`There are more: --after ${list.last_id}\n`);
  }
  return exitCodes.ok;
};

/** Has an event sent again. */
export const redeliver = async (
  context: CliContext,
  deliveryId: string,
  options: WebhooksOptions,
): Promise<number> => {
  const delivery = await withClient(context, options, (client) => client.redeliverWebhook(deliveryId));
  context.stdout.write(options.json ? formatJson(delivery) : `${delivery.id} is sent again.\n`);
  return exitCodes.ok;
};
