/** Limner's HTTP interface for Node, Bun, Deno and browsers. */
export {
  type CompletedTask,
  createLimner,
  type CreateOptions,
  type GenerateOptions,
  type Limner,
  type RequestOptions,
  type TaskFilter,
  type Tasks,
} from './client.ts';
export type { ConnectionSettings } from './connection.ts';
export { type ErrorCode, LimnerError, TaskFailed } from './errors.ts';
export type * from './schemas.ts';
export { type ReceivedWebhook, verifyWebhook, type VerifyOptions, WebhookInvalid } from './webhooks.ts';
