import Type, { type Static } from 'typebox';
import { keyRoles } from '../../../access/keys.ts';
import { answer, errorAnswers, keyErrors } from '../../described.ts';
import { isSoundText } from '../../texts.ts';

const MAX_NAME_CHARACTERS = 128;

const NewKeySchema = Type.Object(
  {
    name: Type.Refine(
      Type.String({ minLength: 1, maxLength: MAX_NAME_CHARACTERS, description: 'Who or what uses it.' }),
      (text) => isSoundText(text) && /\S/.test(text),
      () => `a text of 1 to ${MAX_NAME_CHARACTERS} characters that is not blank`,
    ),
    role: Type.Optional(
      Type.Enum(keyRoles, { type: 'string', default: 'user', description: '`admin` may also use `/admin`.' }),
    ),
  },
  { title: 'NewKey', additionalProperties: false },
);

const role = Type.Enum(keyRoles, { type: 'string' });

const KeySchema = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    role,
    hint: Type.String({ description: 'The first characters of the key, to tell keys apart.' }),
    created_at: Type.Integer({ description: 'In Unix seconds.' }),
    revoked_at: Type.Optional(Type.Integer({ description: 'In Unix seconds; absent while the key works.' })),
  },
  { title: 'Key' },
);

/** A key as an administrator sees it. */
export type KeyView = Static<typeof KeySchema>;

const CreatedKeySchema = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    role,
    key: Type.String({ description: 'The key itself. This is the only time it is shown.' }),
  },
  { title: 'CreatedKey' },
);

const KeyListSchema = Type.Object(
  { object: Type.Literal('list', { type: 'string' }), data: Type.Array(KeySchema) },
  { title: 'KeyList' },
);

const security = [{ bearerAuth: [] }];
const tags = ['Administration'];

export const createKeySchema = {
  operationId: 'createKey',
  summary: 'Make an API key',
  tags,
  security,
  body: NewKeySchema,
  response: {
    201: answer('The key.', CreatedKeySchema),
    ...errorAnswers(
      'invalid_json',
      'invalid_parameter',
      'unknown_parameter',
      'insufficient_role',
      'payload_too_large',
      'unsupported_media_type',
      ...keyErrors,
    ),
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

export const revokeKeySchema = {
  operationId: 'revokeKey',
  summary: 'Revoke an API key',
  description: 'The key stops working within a second, for good. Its tasks stay.',
  tags,
  security,
  params: Type.Object({ key_id: Type.String({ description: 'The `id` of the key.' }) }),
  response: {
    200: answer('The revoked key.', KeySchema),
    ...errorAnswers('insufficient_role', 'key_not_found', ...keyErrors),
  },
};
