import Type from 'typebox';
import { keyRoles } from '../../../access/keys.ts';
import { answer, errorAnswers, keyErrors } from '../../described.ts';
import { keyFields, maybe, maybeNull, name, role } from './fields.ts';

const { models, allowed_ips, expires_at, requests_per_minute, concurrent_tasks, images_per_day, budget } =
  keyFields;

/** What may be set, as it is shown and as a new key is made with. */
const own = {
  models: maybe(models),
  allowed_ips: maybe(allowed_ips),
  expires_at: maybe(expires_at),
  requests_per_minute: maybe(requests_per_minute),
  concurrent_tasks: maybe(concurrent_tasks),
  images_per_day: maybe(images_per_day),
  budget: maybe(budget),
} as const;

const NewKeySchema = Type.Object(
  {
    name,
    role: Type.Optional(
      Type.Enum(keyRoles, { type: 'string', default: 'user', description: '`admin` may also use `/admin`.' }),
    ),
    ...own,
  },
  {
    title: 'NewKey',
    additionalProperties: false,
    examples: [
      { name: 'shop' },
      {
        name: 'shop, with limits',
        models: ['seedream-3.0', 'jimeng'],
        images_per_day: 2000,
        budget: { amount: 500, currency: 'CNY', period: 'month' },
      },
    ],
  },
);

const KeyChangesSchema = Type.Object(
  {
    name: Type.Optional(name),
    models: maybeNull(models),
    allowed_ips: maybeNull(allowed_ips),
    expires_at: maybeNull(expires_at),
    requests_per_minute: maybeNull(requests_per_minute),
    concurrent_tasks: maybeNull(concurrent_tasks),
    images_per_day: maybeNull(images_per_day),
    budget: maybeNull(budget),
  },
  {
    title: 'KeyChanges',
    additionalProperties: false,
    examples: [{ concurrent_tasks: 10, images_per_day: null }],
    description: 'What is absent stays as it is; `null` takes away what was set.',
  },
);

const RotationSchema = Type.Object(
  {
    overlap_seconds: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 30 * 24 * 60 * 60,
        default: 24 * 60 * 60,
        description: 'How long the key before works too.',
      }),
    ),
  },
  { title: 'KeyRotation', additionalProperties: false, examples: [{ overlap_seconds: 7200 }] },
);

const KeySchema = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    role,
    hint: Type.String({ description: 'The first characters of the key, to tell keys apart.' }),
    created_at: Type.Integer({ description: 'In Unix seconds.' }),
    revoked_at: Type.Optional(Type.Integer({ description: 'In Unix seconds; absent while the key works.' })),
    previous_expires_at: Type.Optional(
      Type.Integer({
        description: 'Until when the key before the last rotation works too, in Unix seconds.',
      }),
    ),
    last_used_at: Type.Optional(
      Type.Integer({ description: 'To the minute or so, in Unix seconds; absent when it never was.' }),
    ),
    ...own,
  },
  { title: 'Key' },
);

const CreatedKeySchema = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    role,
    key: Type.String({ description: 'The key itself. This is the only time it is shown.' }),
    previous_expires_at: Type.Optional(
      Type.Integer({ description: 'Until when the key before works too, in Unix seconds.' }),
    ),
    ...own,
  },
  { title: 'CreatedKey' },
);

const KeyListSchema = Type.Object(
  { object: Type.Literal('list', { type: 'string' }), data: Type.Array(KeySchema) },
  { title: 'KeyList' },
);

const security = [{ bearerAuth: [] }];
const tags = ['Administration'];
const params = Type.Object({ key_id: Type.String({ description: 'The `id` of the key.' }) });
const bodyErrors = [
  'invalid_json',
  'invalid_parameter',
  'unknown_parameter',
  'payload_too_large',
  'unsupported_media_type',
] as const;

export const createKeySchema = {
  operationId: 'createKey',
  summary: 'Make an API key',
  tags,
  security,
  body: NewKeySchema,
  response: {
    201: answer('The key.', CreatedKeySchema),
    ...errorAnswers(...bodyErrors, 'insufficient_role', ...keyErrors),
  },
};

export const listKeysSchema = {
  operationId: 'listKeys',
  summary: 'List the API keys',
  tags,
  security,
  response: {
    200: answer('The keys, revoked ones too.', KeyListSchema),
    ...errorAnswers('insufficient_role', ...keyErrors),
  },
};

export const getKeySchema = {
  operationId: 'getKey',
  summary: 'Read an API key',
  tags,
  security,
  params,
  response: {
    200: answer('The key, without itself.', KeySchema),
    ...errorAnswers('insufficient_role', 'key_not_found', ...keyErrors),
  },
};

export const updateKeySchema = {
  operationId: 'updateKey',
  summary: 'Change what an API key may do',
  description: 'It holds within a second. The key of `LIMNER_API_KEY` cannot be changed.',
  tags,
  security,
  params,
  body: KeyChangesSchema,
  response: {
    200: answer('The key as it is now.', KeySchema),
    ...errorAnswers(...bodyErrors, 'insufficient_role', 'key_not_found', ...keyErrors),
  },
};

export const rotateKeySchema = {
  operationId: 'rotateKey',
  summary: 'Give an API key a new secret',
  description:
    'Id, limits, tasks and usage stay. The secret before works on for `overlap_seconds`, and no third one does.',
  tags,
  security,
  params,
  body: RotationSchema,
  response: {
    200: answer('The key with its new secret.', CreatedKeySchema),
    ...errorAnswers(...bodyErrors, 'insufficient_role', 'key_not_found', ...keyErrors),
  },
};

export const revokeKeySchema = {
  operationId: 'revokeKey',
  summary: 'Revoke an API key',
  description: 'The key stops working within a second, for good. Its tasks stay.',
  tags,
  security,
  params,
  response: {
    200: answer('The revoked key.', KeySchema),
    ...errorAnswers('insufficient_role', 'key_not_found', ...keyErrors),
  },
};
