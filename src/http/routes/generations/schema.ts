import Type, { type Static } from 'typebox';
import { taskErrorCodes } from '../../../core/errors.ts';
import { imageFormats, outputFormats, requestLimits, responseFormats } from '../../../core/request.ts';
import { parseSize } from '../../../core/size.ts';
import { taskStatuses } from '../../../core/task.ts';
import { checkUrlShape } from '../../../core/url.ts';
import { answer, errorAnswers, keyErrors, otherAnswer } from '../../described.ts';
import { isSoundText, Text } from '../../texts.ts';
import { isDataUri, readDataUri } from './data-uri.ts';

const { metadataPairs, metadataKeyCharacters, metadataValueCharacters } = requestLimits;

const charactersOf = (text: string): number => Array.from(text).length;

const isWebAddress = (text: string): boolean => checkUrlShape(text) === undefined;

const isMetadata = (metadata: Readonly<Record<string, string>>): boolean => {
  const pairs = Object.entries(metadata);
  return (
    pairs.length <= metadataPairs &&
    pairs.every(
      ([key, value]) =>
        key !== '' &&
        isSoundText(key) &&
        isSoundText(value) &&
        charactersOf(key) <= metadataKeyCharacters &&
        charactersOf(value) <= metadataValueCharacters,
    )
  );
};

/** The body of `POST /v1/images/generations`. */
export const GenerationRequestSchema = Type.Object(
  {
    model: Text(requestLimits.wordCharacters, {
      description: 'The public name of a model; `GET /v1/models` lists them.',
      examples: ['seedream-3.0', 'jimeng', 'keling', 'dall-e-3'],
    }),
    prompt: Type.Refine(
      Type.String({
        minLength: 1,
        maxLength: requestLimits.promptCharacters,
        description: 'What the picture shows. With `url` it says how the reference picture is to be changed.',
        examples: ['A red fox in fresh snow, morning light, shallow depth of field'],
      }),
      (text) => isSoundText(text) && /\S/.test(text),
      () =>
        `a text of 1 to ${requestLimits.promptCharacters} characters that is not blank, without NUL or halves of characters`,
    ),
    url: Type.Optional(
      Type.Refine(
        Type.String({
          description:
            'A reference picture, for image to image: an `http(s)` address without user name and password, or a ' +
            '`data:image/…;base64,` URI of at most 10 MB. It is fetched once, by Limner.',
          examples: ['https://example.com/sketch.png'],
        }),
        (text) => (isDataUri(text) ? readDataUri(text) !== undefined : isWebAddress(text)),
        () =>
          'an http or https address without user name and password, or a data:image/…;base64 URI of at most 10 MB',
      ),
    ),
    n: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: requestLimits.images,
        default: 1,
        description: 'How many pictures.',
      }),
    ),
    response_format: Type.Optional(
      Type.Enum(responseFormats, {
        type: 'string',
        default: 'url',
        description:
          '`url`: a signed link that expires. `b64_json`: the bytes, as base64. `oss_url`: a permanent link that nobody can guess.',
      }),
    ),
    size: Type.Optional(
      Type.Refine(
        Type.String({
          default: '1024x1024',
          description:
            '`WIDTHxHEIGHT` in pixels. `1024x1024`, `1024x1792`, `1792x1024` and `1328x1328` work with every model; ' +
            'the model card tells what else does. You get exactly these pixels.',
          examples: ['1024x1024', '1024x1792', '1792x1024', '1328x1328'],
        }),
        (text) => parseSize(text) !== undefined,
        () => 'WIDTHxHEIGHT in pixels, such as `1024x1792`',
      ),
    ),
    negative_prompt: Type.Optional(
      Text(requestLimits.promptCharacters, { description: 'What the picture must not show.' }),
    ),
    seed: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: requestLimits.seed,
        description: 'The same seed gives a similar picture again.',
      }),
    ),
    guidance_scale: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: requestLimits.guidanceScale,
        description: 'How closely the picture follows the prompt.',
      }),
    ),
    quality: Type.Optional(
      Text(requestLimits.wordCharacters, { description: "In the model's own words, e.g. `high`." }),
    ),
    style: Type.Optional(
      Text(requestLimits.wordCharacters, { description: "In the model's own words, e.g. `vivid`." }),
    ),
    watermark: Type.Optional(
      Type.Boolean({
        default: false,
        description: 'Whether the model puts its visible mark on the picture.',
      }),
    ),
    output_format: Type.Optional(
      Type.Enum(outputFormats, {
        type: 'string',
        default: 'auto',
        description: 'The file format. `auto` keeps the bytes of the model when they fit.',
      }),
    ),
    user: Type.Optional(
      Text(requestLimits.wordCharacters, { description: 'Your own name for your end user.' }),
    ),
    metadata: Type.Optional(
      Type.Refine(
        Type.Record(Type.String(), Type.String(), {
          description: `Up to ${metadataPairs} pairs of your own, given back with the task.`,
          examples: [{ order: '4711' }],
        }),
        isMetadata,
        () =>
          `an object of at most ${metadataPairs} texts, with names of 1 to ${metadataKeyCharacters} and values of at most ` +
          `${metadataValueCharacters} characters`,
      ),
    ),
    webhook_url: Type.Optional(
      Type.Refine(
        Type.String({ description: 'An address that is told when the task has ended.' }),
        isWebAddress,
        () => 'an http or https address without user name and password',
      ),
    ),
  },
  {
    title: 'GenerationRequest',
    additionalProperties: false,
    examples: [{ model: 'seedream-3.0', prompt: 'A red fox in fresh snow', size: '1024x1792', n: 1 }],
  },
);

/** A valid body of `POST /v1/images/generations`. */
export type GenerationBody = Static<typeof GenerationRequestSchema>;

const unixSeconds = (description: string) =>
  Type.Integer({ description: `${description}, in Unix seconds.` });
const Scalar = Type.Unsafe<string | number | boolean>({ type: ['string', 'number', 'boolean'] });

const ImageSchema = Type.Object(
  {
    url: Type.Optional(
      Type.String({
        description: 'A signed link, until `expires_at`. Reading the task again gives a fresh one.',
      }),
    ),
    b64_json: Type.Optional(
      Type.String({
        description: 'The bytes as base64. Lists and event streams leave it out: read the task for it.',
      }),
    ),
    oss_url: Type.Optional(Type.String({ description: 'A permanent link.' })),
    width: Type.Integer(),
    height: Type.Integer(),
    format: Type.Enum(imageFormats, { type: 'string' }),
    expires_at: Type.Optional(unixSeconds('When `url` stops working')),
  },
  { title: 'Image' },
);

const TaskErrorSchema = Type.Object(
  {
    code: Type.Enum(taskErrorCodes, {
      type: 'string',
      description: 'The stable name of the reason. Each has a page in `docs/errors`.',
    }),
    message: Type.String(),
    retryable: Type.Boolean({ description: 'Whether the same request may succeed later, unchanged.' }),
    upstream: Type.Optional(
      Type.Object(
        {
          provider: Type.String(),
          code: Type.Optional(Type.String({ description: "The provider's own error code." })),
          request_id: Type.Optional(Type.String({ description: "The provider's own name for the request." })),
        },
        { description: 'Present when a provider spoke.' },
      ),
    ),
  },
  { title: 'TaskError' },
);

/** What was done differently from what was asked. */
export const AdjustmentSchema = Type.Object(
  {
    parameter: Type.String(),
    asked: Type.Optional(Scalar),
    used: Type.Optional(Scalar),
    reason: Type.String(),
  },
  { title: 'Adjustment', description: 'You asked for A, Limner did B, because of C.' },
);

/** A task as the caller sees it: the seed's fields first, in the seed's order. What does not apply is absent. */
export const TaskSchema = Type.Object(
  {
    task_id: Type.String(),
    status: Type.Enum(taskStatuses, { type: 'string' }),
    created_at: unixSeconds('When the task was accepted'),
    model: Type.String(),
    prompt: Type.String(),
    response_format: Type.Enum(responseFormats, { type: 'string' }),
    images: Type.Optional(
      Type.Array(ImageSchema, { description: 'Present when, and only when, the task is completed.' }),
    ),
    error: Type.Optional(TaskErrorSchema),
    n: Type.Integer(),
    size: Type.String(),
    started_at: Type.Optional(unixSeconds('When the work began')),
    completed_at: Type.Optional(unixSeconds('When the task ended')),
    adjustments: Type.Optional(Type.Array(AdjustmentSchema)),
    usage: Type.Optional(
      Type.Object({
        images: Type.Integer({ description: 'Pictures delivered.' }),
        cost: Type.Number({ description: 'In units of `currency`.' }),
        currency: Type.Optional(
          Type.String({ description: 'ISO 4217; absent when the model has no price.' }),
        ),
      }),
    ),
    content_checks: Type.Optional(
      Type.Array(
        Type.Object({
          checked: Type.Literal('prompt'),
          by: Type.Enum(['word_list', 'moderation'], { description: 'Who looked at it.' }),
          service: Type.Optional(Type.String({ description: 'Host of the moderation service.' })),
          verdict: Type.Enum(['allowed', 'unchecked'], {
            description: '`unchecked`: the service did not answer, and its operator lets prompts pass then.',
          }),
        }),
        { description: 'What was looked at before the task was accepted; absent where nobody does.' },
      ),
    ),
    metadata: Type.Optional(Type.Record(Type.String(), Type.String())),
  },
  {
    title: 'Task',
    examples: [
      {
        task_id: 'task_01jd4n8k2r9x7v5c3b1m0q6w8e',
        status: 'pending',
        created_at: 1767225600,
        model: 'seedream-3.0',
        prompt: 'A red fox in fresh snow',
        response_format: 'url',
        n: 1,
        size: '1024x1792',
      },
    ],
  },
);

/** A task as the caller sees it. */
export type TaskView = Static<typeof TaskSchema>;
/** An image as the caller sees it. */
export type ImageView = Static<typeof ImageSchema>;

/** The filters of the list. */
const TaskListQuerySchema = Type.Object(
  {
    limit: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 100, default: 20, description: 'Tasks in a page.' }),
    ),
    after: Type.Optional(Text(64, { description: 'The `last_id` of the page before.' })),
    status: Type.Optional(
      Type.Enum(taskStatuses, { type: 'string', description: 'Only tasks in this state.' }),
    ),
    model: Type.Optional(Text(requestLimits.wordCharacters, { description: 'Only tasks of this model.' })),
    created_after: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 253_402_300_799,
        description: 'Only tasks accepted then or later, in Unix seconds.',
      }),
    ),
    created_before: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 253_402_300_799,
        description: 'Only tasks accepted earlier, in Unix seconds.',
      }),
    ),
  },
  { additionalProperties: false },
);

const TaskListSchema = Type.Object(
  {
    object: Type.Literal('list', { type: 'string' }),
    data: Type.Array(TaskSchema),
    has_more: Type.Boolean(),
    last_id: Type.Optional(
      Type.String({ description: 'Send it as `after` for the next page. Absent in an empty page.' }),
    ),
  },
  { title: 'TaskList' },
);

const TaskPath = Type.Object({ task_id: Type.String({ description: 'The `task_id` of the task.' }) });

const PreferHeader = {
  prefer: Type.Optional(
    Type.String({
      description:
        '`wait=N` (RFC 7240): hold the answer until the task has ended or N seconds have passed, at most 120.',
      examples: ['wait=60'],
    }),
  ),
};

/** The header that makes a request safe to repeat. */
export const IdempotencyKeyHeader = {
  'idempotency-key': Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: requestLimits.idempotencyKeyCharacters,
      description:
        'A name of your own for this request. Sending it again within 24 hours gives the same task instead of a second one.',
    }),
  ),
};

const taskHeaders = {
  'Retry-After': {
    description: 'Seconds until asking again makes sense; only while the task is open.',
    type: 'integer',
  },
  'Preference-Applied': { description: 'The `wait` that was honoured.', type: 'string' },
} as const;

const security = [{ bearerAuth: [] }];
const tags = ['Images'];

export const createSchema = {
  operationId: 'createImage',
  summary: 'Ask for pictures',
  description:
    'Accepts a task and answers at once, with `status: "pending"`. Read the task until it has ended, follow its events, or ' +
    'send `Prefer: wait=60` to get the finished task in this very answer. Once answered, the task survives a crash.',
  tags,
  security,
  headers: Type.Object({
    ...PreferHeader,
    ...IdempotencyKeyHeader,
  }),
  body: GenerationRequestSchema,
  response: {
    200: answer('The task.', TaskSchema, {
      ...taskHeaders,
      Location: { description: 'Where the task is read.', type: 'string' },
      'Idempotent-Replayed': {
        description: '`true` when an earlier request had made the task.',
        type: 'string',
      },
    }),
    ...errorAnswers(
      'invalid_json',
      'invalid_parameter',
      'unknown_parameter',
      'model_not_allowed',
      'model_not_found',
      'payload_too_large',
      'unsupported_media_type',
      'idempotency_key_reused',
      'content_policy_violation',
      'moderation_unavailable',
      'queue_full',
      'concurrency_limit_exceeded',
      'insufficient_quota',
      'model_unavailable',
      'shutting_down',
      ...keyErrors,
    ),
  },
};

export const getSchema = {
  operationId: 'getImageTask',
  summary: 'Read a task',
  description: 'The task as it is now. A failed task is HTTP 200 too: its `error` says why.',
  tags,
  security,
  params: TaskPath,
  headers: Type.Object({
    ...PreferHeader,
    'if-none-match': Type.Optional(
      Type.String({ description: 'The `ETag` of an earlier answer: 304 while nothing has changed.' }),
    ),
  }),
  response: {
    200: answer('The task.', TaskSchema, {
      ...taskHeaders,
      ETag: {
        description: 'Changes when the state of the task changes, not when its links do.',
        type: 'string',
      },
    }),
    304: { description: 'Nothing has changed.', type: 'null' },
    ...errorAnswers('task_not_found', ...keyErrors),
  },
};

export const listSchema = {
  operationId: 'listImageTasks',
  summary: 'List your tasks',
  description: 'Newest first, a page at a time. Images of `b64_json` tasks come without their bytes here.',
  tags,
  security,
  querystring: TaskListQuerySchema,
  response: {
    200: answer('A page of tasks.', TaskListSchema),
    ...errorAnswers('invalid_parameter', 'unknown_parameter', ...keyErrors),
  },
};

export const cancelSchema = {
  operationId: 'cancelImageTask',
  summary: 'Cancel a task',
  description: 'Stops what can be stopped. The task ends `failed`, with the error `cancelled`.',
  tags,
  security,
  params: TaskPath,
  response: {
    200: answer('The cancelled task.', TaskSchema),
    ...errorAnswers('task_not_found', 'task_already_ended', ...keyErrors),
  },
};

export const deleteSchema = {
  operationId: 'deleteImageTask',
  summary: 'Delete a task',
  description:
    'Removes the task and its images for good; links to them stop working. An open task is cancelled first.',
  tags,
  security,
  params: TaskPath,
  response: {
    204: { description: 'The task is gone.', type: 'null' },
    ...errorAnswers('task_not_found', ...keyErrors),
  },
};

export const eventsSchema = {
  operationId: 'followImageTask',
  summary: 'Follow a task',
  description:
    'Server-sent events: `task.updated` when the task is accepted and when work begins, then `task.completed` or ' +
    '`task.failed`, after which the stream ends. The data of each is the task, without base64. What has happened before ' +
    'is told first, or only what came after `Last-Event-ID`.',
  tags,
  security,
  params: TaskPath,
  headers: Type.Object({
    'last-event-id': Type.Optional(Type.String({ description: 'The `id` of the last event that arrived.' })),
  }),
  response: {
    200: otherAnswer('The events.', 'text/event-stream'),
    204: {
      description: 'All events had arrived already; an `EventSource` stops reconnecting.',
      type: 'null',
    },
    ...errorAnswers('task_not_found', ...keyErrors),
  },
};
