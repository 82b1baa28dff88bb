import Type, { type Static } from 'typebox';
import { checkUrlShape } from '../../../core/url.ts';
import { attemptsPerRound, deliveryStates, webhookLimits } from '../../../core/webhook.ts';
import { answer, errorAnswers, keyErrors } from '../../described.ts';
import { Text } from '../../texts.ts';

const unixSeconds = (description: string) =>
  Type.Integer({ description: `${description}, in Unix seconds.` });

const NewEndpointSchema = Type.Object(
  {
    url: Type.Refine(
      Type.String({
        description:
          'Where events are posted: an `http(s)` address without user name and password. It must be reachable on the ' +
          'public network, unless the operator allows otherwise.',
        examples: ['https://shop.example/hooks/limner'],
      }),
      (text) => checkUrlShape(text) === undefined,
      () => 'an http or https address without user name and password',
    ),
  },
  {
    title: 'NewWebhookEndpoint',
    additionalProperties: false,
    examples: [{ url: 'https://shop.example/hooks/limner' }],
  },
);

const endpointFields = {
  id: Type.String(),
  url: Type.String(),
  created_at: unixSeconds('When it was made'),
  disabled_at: Type.Optional(unixSeconds('When it was disabled; absent while events are sent')),
  disabled_reason: Type.Optional(Type.String()),
};

const EndpointSchema = Type.Object(endpointFields, { title: 'WebhookEndpoint' });

/** An endpoint as its owner sees it. */
export type EndpointView = Static<typeof EndpointSchema>;

const FreshEndpointSchema = Type.Object(
  {
    ...endpointFields,
    secret: Type.String({
      description: 'What signs its events, `whsec_…`. This is the only time it is shown.',
    }),
  },
  { title: 'FreshWebhookEndpoint' },
);

const EndpointListSchema = Type.Object(
  { object: Type.Literal('list', { type: 'string' }), data: Type.Array(EndpointSchema) },
  { title: 'WebhookEndpointList' },
);

const SigningSecretSchema = Type.Object(
  {
    secret: Type.String({ description: 'What signs the events that go to a `webhook_url`: `whsec_…`.' }),
    created_at: unixSeconds('When it was made'),
    previous_expires_at: Type.Optional(unixSeconds('Until when the secret before it signs too')),
  },
  { title: 'WebhookSigningSecret' },
);

/** The signing secret of a key as its owner sees it. */
export type SigningSecretView = Static<typeof SigningSecretSchema>;

const DeliverySchema = Type.Object(
  {
    id: Type.String({ description: 'The `webhook-id` of every attempt.' }),
    type: Type.Enum(['task.completed', 'task.failed'], { type: 'string' }),
    task_id: Type.String(),
    endpoint_id: Type.Optional(
      Type.String({ description: "Absent when it goes to the task's own `webhook_url`." }),
    ),
    url: Type.String(),
    state: Type.Enum(deliveryStates, { type: 'string' }),
    attempts: Type.Integer({
      description: `Attempts so far, of at most ${attemptsPerRound}; redelivering starts again at 0.`,
    }),
    created_at: unixSeconds('When the task ended'),
    next_attempt_at: Type.Optional(unixSeconds('When it is tried next; only while it is pending')),
    last_attempt_at: Type.Optional(unixSeconds('When it was tried last')),
    last_status: Type.Optional(
      Type.Integer({ description: 'The HTTP status of the last answer; absent when there was none.' }),
    ),
    last_error: Type.Optional(
      Type.String({ description: 'What was wrong with the last attempt, for a person.' }),
    ),
    delivered_at: Type.Optional(unixSeconds('When the receiver took it')),
  },
  { title: 'WebhookDelivery' },
);

/** A delivery as its owner sees it. */
export type DeliveryView = Static<typeof DeliverySchema>;

const DeliveryListSchema = Type.Object(
  {
    object: Type.Literal('list', { type: 'string' }),
    data: Type.Array(DeliverySchema),
    has_more: Type.Boolean(),
    last_id: Type.Optional(
      Type.String({ description: 'Send it as `after` for the next page. Absent in an empty page.' }),
    ),
  },
  { title: 'WebhookDeliveryList' },
);

const DeliveryListQuerySchema = Type.Object(
  {
    limit: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 100, default: 20, description: 'Deliveries in a page.' }),
    ),
    after: Type.Optional(Text(64, { description: 'The `last_id` of the page before.' })),
    task_id: Type.Optional(Text(64, { description: 'Only deliveries for this task.' })),
    state: Type.Optional(
      Type.Enum(deliveryStates, { type: 'string', description: 'Only deliveries in this state.' }),
    ),
  },
  { additionalProperties: false },
);

const EndpointPath = Type.Object({ endpoint_id: Type.String({ description: 'The `id` of the endpoint.' }) });
const DeliveryPath = Type.Object({ delivery_id: Type.String({ description: 'The `id` of the delivery.' }) });

const security = [{ bearerAuth: [] }];
const tags = ['Webhooks'];

export const createEndpointSchema = {
  operationId: 'createWebhookEndpoint',
  summary: 'Make a webhook endpoint',
  description:
    'Every task of this key that ends from now on is told to it, as `task.completed` or `task.failed`, in the manner of ' +
    `Standard Webhooks. A key has at most ${webhookLimits.endpointsPerKey}.`,
  tags,
  security,
  body: NewEndpointSchema,
  response: {
    201: answer('The endpoint and its secret.', FreshEndpointSchema),
    ...errorAnswers(
      'invalid_json',
      'invalid_parameter',
      'unknown_parameter',
      'payload_too_large',
      'unsupported_media_type',
      ...keyErrors,
    ),
  },
};

export const listEndpointsSchema = {
  operationId: 'listWebhookEndpoints',
  summary: 'List your webhook endpoints',
  tags,
  security,
  response: { 200: answer('All of them, oldest first.', EndpointListSchema), ...errorAnswers(...keyErrors) },
};

export const getEndpointSchema = {
  operationId: 'getWebhookEndpoint',
  summary: 'Read a webhook endpoint',
  tags,
  security,
  params: EndpointPath,
  response: {
    200: answer('The endpoint.', EndpointSchema),
    ...errorAnswers('webhook_endpoint_not_found', ...keyErrors),
  },
};

export const deleteEndpointSchema = {
  operationId: 'deleteWebhookEndpoint',
  summary: 'Delete a webhook endpoint',
  description: 'What was still to be sent to it is given up.',
  tags,
  security,
  params: EndpointPath,
  response: {
    204: { description: 'The endpoint is gone.', type: 'null' },
    ...errorAnswers('webhook_endpoint_not_found', ...keyErrors),
  },
};

export const rotateSecretSchema = {
  operationId: 'rotateWebhookEndpointSecret',
  summary: 'Give a webhook endpoint a new secret',
  description: 'For 24 hours events carry two signatures, by the new secret and by the one before.',
  tags,
  security,
  params: EndpointPath,
  response: {
    200: answer('The endpoint and its new secret.', FreshEndpointSchema),
    ...errorAnswers('webhook_endpoint_not_found', ...keyErrors),
  },
};

export const enableEndpointSchema = {
  operationId: 'enableWebhookEndpoint',
  summary: 'Enable a webhook endpoint',
  description:
    'Undoes what an answer of 410 did. It hears of the endings from now on; earlier ones can be redelivered.',
  tags,
  security,
  params: EndpointPath,
  response: {
    200: answer('The endpoint.', EndpointSchema),
    ...errorAnswers('webhook_endpoint_not_found', ...keyErrors),
  },
};

export const getSigningSecretSchema = {
  operationId: 'getWebhookSigningSecret',
  summary: 'Read the signing secret of your key',
  description:
    'It signs the events that go to the `webhook_url` of a task. It is made when it is first asked for. Endpoints have ' +
    'secrets of their own.',
  tags,
  security,
  response: { 200: answer('The secret.', SigningSecretSchema), ...errorAnswers(...keyErrors) },
};

export const rotateSigningSecretSchema = {
  operationId: 'rotateWebhookSigningSecret',
  summary: 'Give your key a new signing secret',
  description: 'For 24 hours events carry two signatures, by the new secret and by the one before.',
  tags,
  security,
  response: { 200: answer('The new secret.', SigningSecretSchema), ...errorAnswers(...keyErrors) },
};

export const listDeliveriesSchema = {
  operationId: 'listWebhookDeliveries',
  summary: 'List deliveries',
  description: 'What became of the events of your tasks, newest first; kept for 30 days.',
  tags,
  security,
  querystring: DeliveryListQuerySchema,
  response: {
    200: answer('A page of deliveries.', DeliveryListSchema),
    ...errorAnswers('invalid_parameter', 'unknown_parameter', ...keyErrors),
  },
};

export const redeliverSchema = {
  operationId: 'redeliverWebhook',
  summary: 'Send an event again',
  description: 'Under the same `webhook-id`, with the task as it is now; the attempts start anew.',
  tags,
  security,
  params: DeliveryPath,
  response: {
    200: answer('The delivery.', DeliverySchema),
    ...errorAnswers(
      'delivery_not_found',
      'task_not_found',
      'webhook_endpoint_not_found',
      'webhook_endpoint_disabled',
      ...keyErrors,
    ),
  },
};
