import Type, { type Static } from 'typebox';
import { auditedActs } from '../../../access/audit.ts';
import { answer, errorAnswers, keyErrors } from '../../described.ts';
import { Text } from '../../texts.ts';

const AuditEntrySchema = Type.Object(
  {
    id: Type.String(),
    at: Type.Integer({ description: 'In Unix seconds.' }),
    act: Type.Enum(auditedActs, { type: 'string' }),
    target: Type.String({ description: 'The `id` of what it was done to.' }),
    actor: Type.Object({
      key_id: Type.Optional(Type.String({ description: 'The key that was used.' })),
      name: Type.String({ description: 'Its name then; or `command line`, `first start`.' }),
      address: Type.Optional(Type.String({ description: 'Where the request came from.' })),
    }),
    details: Type.Unknown({ description: 'What was set, without any secret.' }),
  },
  { title: 'AuditEntry' },
);

/** An act as an administrator sees it. */
export type AuditEntryView = Static<typeof AuditEntrySchema>;

const AuditListSchema = Type.Object(
  {
    object: Type.Literal('list', { type: 'string' }),
    data: Type.Array(AuditEntrySchema),
    has_more: Type.Boolean(),
    last_id: Type.Optional(
      Type.String({ description: 'Send it as `after` for the next page. Absent in an empty page.' }),
    ),
  },
  { title: 'AuditList' },
);

export const listAuditSchema = {
  operationId: 'listAudit',
  summary: 'Read the audit log',
  description:
    'Every act of an administrator, newest first: who did what, when, and from where. Nothing is ever removed.',
  tags: ['Administration'],
  security: [{ bearerAuth: [] }],
  querystring: Type.Object(
    {
      limit: Type.Optional(
        Type.Integer({ minimum: 1, maximum: 100, default: 20, description: 'Acts in a page.' }),
      ),
      after: Type.Optional(Text(64, { description: 'The `last_id` of the page before.' })),
    },
    { additionalProperties: false },
  ),
  response: {
    200: answer('A page of acts.', AuditListSchema),
    ...errorAnswers('invalid_parameter', 'unknown_parameter', 'insufficient_role', ...keyErrors),
  },
};
