/** What Limner sends to webhooks, for the OpenAPI document: whoever receives it can generate types from there. */
import Type from 'typebox';
import { webhookLimits } from '../../../core/webhook.ts';
import { TaskSchema } from '../generations/schema.ts';

const EventSchema = Type.Object(
  {
    type: Type.Enum(['task.completed', 'task.failed'], { type: 'string' }),
    timestamp: Type.String({ format: 'date-time', description: 'When the task ended.' }),
    data: TaskSchema,
  },
  { title: 'WebhookEvent', description: 'The ending of a task. The task is without base64.' },
);

const header = (name: string, description: string) => ({
  name,
  in: 'header' as const,
  required: true,
  description,
  schema: { type: 'string' as const },
});

const event = (operationId: string, summary: string) => ({
  post: {
    operationId,
    summary,
    description:
      'Sent at least once to the `webhook_url` of the task and to every endpoint of its key, as Standard Webhooks has ' +
      'it. `docs/webhooks.md` says how to verify it.',
    tags: ['Webhooks'],
    security: [],
    parameters: [
      header('webhook-id', 'The same on every attempt.'),
      header('webhook-timestamp', 'When this attempt was made, in Unix seconds.'),
      header('webhook-signature', '`v1,` and a signature, or several with spaces between them.'),
    ],
    requestBody: { required: true, content: { 'application/json': { schema: EventSchema } } },
    responses: {
      '2XX': { description: `It was taken. Expected within ${webhookLimits.timeoutMs / 1000} seconds.` },
      '410': { description: 'Nobody wants these any more: the endpoint is disabled.' },
      default: { description: 'It was not taken, and is sent again later.' },
    },
  },
});

/** The `webhooks` of the document, by event. */
export const webhookEvents = {
  'task.completed': event('onTaskCompleted', 'A task has ended with pictures'),
  'task.failed': event('onTaskFailed', 'A task has ended without pictures, or was cancelled'),
};
