import Type, { type Static } from 'typebox';
import { answer, answerOrText, errorAnswers, keyErrors } from '../described.ts';
import { AdjustmentSchema, IdempotencyKeyHeader } from '../routes/generations/schema.ts';
import { ModelListSchema, ModelSchema } from '../routes/models/schema.ts';
import { FieldsSchema } from './fields.ts';

/** The pictures of a task in OpenAI's shape. */
const PicturesSchema = Type.Object(
  {
    created: Type.Integer({ description: 'When the pictures were ready, in Unix seconds.' }),
    data: Type.Array(
      Type.Object({
        url: Type.Optional(Type.String({ description: 'A signed link that expires.' })),
        b64_json: Type.Optional(Type.String({ description: 'The bytes as base64.' })),
      }),
    ),
    size: Type.String(),
    output_format: Type.Optional(Type.String()),
    adjustments: Type.Optional(
      Type.Array(AdjustmentSchema, { description: 'What was done differently from what was asked.' }),
    ),
  },
  { title: 'OpenAiPictures' },
);

/** The pictures of a task in OpenAI's shape. */
export type PicturesView = Static<typeof PicturesSchema>;

const security = [{ bearerAuth: [] }, { apiKey: [] }];
const tags = ['OpenAI'];

/** For addresses that `docs/openai.md` tells of and the document leaves out. */
export const hidden = { hide: true } as const;

const answerHeaders = {
  'x-limner-task-id': {
    description: 'The task behind the answer, to be read at `/v1/images/generations/{task_id}`.',
    type: 'string',
  },
  'x-limner-ignored': { description: 'Fields of the request that have no effect.', type: 'string' },
  'Idempotent-Replayed': { description: '`true` when an earlier request had made the task.', type: 'string' },
} as const;

const waits =
  'Answers when the pictures are there, or the task has failed. After 25 seconds white space goes out, so that no proxy ' +
  'cuts the connection: the status is 200 from then on, and a failure is the error as the body. After nine minutes it is ' +
  '`result_not_ready`; the task goes on, also when the client hangs up. With `stream: true` the answer is `text/event-stream`.';

const headers = Type.Object(IdempotencyKeyHeader);

const response = {
  200: answerOrText('The pictures.', PicturesSchema, 'text/event-stream', answerHeaders),
  ...errorAnswers(
    'invalid_json',
    'invalid_parameter',
    'content_policy_violation',
    'prompt_rejected',
    'reference_unreachable',
    'reference_invalid',
    'provider_rejected_request',
    'model_not_allowed',
    'model_not_found',
    'cancelled',
    'payload_too_large',
    'unsupported_media_type',
    'idempotency_key_reused',
    'queue_full',
    'concurrency_limit_exceeded',
    'insufficient_quota',
    'provider_bad_response',
    'submission_unconfirmed',
    'model_unavailable',
    'provider_unavailable',
    'shutting_down',
    'provider_timeout',
    'deadline_exceeded',
    'result_not_ready',
    ...keyErrors,
  ),
};

export const generateSchema = {
  operationId: 'openaiGenerateImages',
  summary: 'Generate pictures, as OpenAI answers',
  description: `OpenAI's \`images.generate\`. ${waits}`,
  tags,
  security,
  headers,
  body: FieldsSchema,
  response,
};

const EditSchema = Type.Object(
  {
    ...FieldsSchema.properties,
    images: Type.Array(
      Type.Object({
        image_url: Type.String({ description: 'An address, or a `data:image/…;base64,` URI.' }),
      }),
      { description: 'One picture.', minItems: 1, maxItems: 1 },
    ),
  },
  {
    title: 'OpenAiEditRequest',
    examples: [
      {
        model: 'seedream-3.0',
        prompt: 'The same fox at night',
        images: [{ image_url: 'https://example.com/fox.png' }],
      },
    ],
  },
);

const EditForm = Type.Object(
  {
    ...FieldsSchema.properties,
    image: Type.String({
      format: 'binary',
      description: 'The picture, at most 10 MB; `image[]` is taken too.',
    }),
  },
  { title: 'OpenAiEditForm' },
);

export const editSchema = {
  operationId: 'openaiEditImages',
  summary: 'Change a picture, as OpenAI answers',
  description: `OpenAI's \`images.edit\`, with one picture and without a mask. ${waits}`,
  tags,
  security,
  headers,
  body: {
    content: {
      'multipart/form-data': { schema: EditForm },
      'application/json': { schema: EditSchema },
    },
  },
  response,
};

export const readModelsSchema = {
  operationId: 'openaiListModels',
  summary: 'List the models, as OpenAI answers',
  tags,
  security,
  response: { 200: answer('The models.', ModelListSchema), ...errorAnswers(...keyErrors) },
};

export const readModelSchema = {
  operationId: 'openaiReadModel',
  summary: 'Read a model, as OpenAI answers',
  tags,
  security,
  params: Type.Object({ model: Type.String({ description: 'The public name of the model.' }) }),
  response: { 200: answer('The model.', ModelSchema), ...errorAnswers('model_not_found', ...keyErrors) },
};
