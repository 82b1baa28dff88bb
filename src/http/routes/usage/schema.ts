import Type from 'typebox';
import { usageDimensions } from '../../../access/usage.ts';
import { keyFields, maybe } from '../../admin/keys/fields.ts';
import { answer, answerOrText, errorAnswers, keyErrors } from '../../described.ts';
import { rangeFields, UsageLineSchema } from './fields.ts';

const UsageSchema = Type.Object(
  {
    object: Type.Literal('usage', { type: 'string' }),
    key_id: Type.String(),
    from: Type.String({ description: 'First day that is counted, in UTC.' }),
    to: Type.String({ description: 'Last day that is counted, in UTC.' }),
    data: Type.Array(UsageLineSchema, { description: 'By model and currency.' }),
    limits: Type.Object(
      {
        requests_per_minute: maybe(keyFields.requests_per_minute),
        concurrent_tasks: maybe(keyFields.concurrent_tasks),
        images_per_day: maybe(keyFields.images_per_day),
        budget: maybe(keyFields.budget),
      },
      { description: 'What holds for this key; what is absent is not limited.' },
    ),
    remaining: Type.Object(
      {
        concurrent_tasks: Type.Optional(Type.Integer()),
        images_today: Type.Optional(Type.Integer()),
        budget: Type.Optional(
          Type.Object({
            amount: Type.Number({
              description: 'What is neither spent in this period nor reserved for tasks that have not ended.',
            }),
            currency: Type.String(),
            resets_at: Type.Optional(
              Type.Integer({ description: 'When the next period begins, in Unix seconds.' }),
            ),
          }),
        ),
      },
      { description: 'What is left of each limit.' },
    ),
    open_tasks: Type.Integer({ description: 'Tasks that have not ended.' }),
  },
  { title: 'Usage' },
);

const security = [{ bearerAuth: [] }];

export const usageSchema = {
  operationId: 'getUsage',
  summary: 'Read what this key has used',
  description:
    'Counts and cost of the tasks of this key that have ended, its limits, and what remains of them.',
  tags: ['Usage'],
  security,
  querystring: Type.Object(rangeFields, { additionalProperties: false }),
  response: {
    200: answer('The usage.', UsageSchema),
    ...errorAnswers('invalid_parameter', 'unknown_parameter', ...keyErrors),
  },
};

const UsageReportSchema = Type.Object(
  {
    object: Type.Literal('list', { type: 'string' }),
    from: Type.String(),
    to: Type.String(),
    data: Type.Array(UsageLineSchema),
  },
  { title: 'UsageReport' },
);

export const usageReportSchema = {
  operationId: 'reportUsage',
  summary: 'Report the usage of all keys',
  description:
    'Counts and cost of the tasks that have ended, from a ledger that only grows. With `format=csv` the same as a table.',
  tags: ['Administration'],
  security,
  querystring: Type.Object(
    {
      ...rangeFields,
      group_by: Type.Optional(
        Type.Refine(
          Type.String({
            default: 'day',
            description: `What is told apart: any of ${usageDimensions.join(', ')}, parted by commas. Currencies always are.`,
          }),
          (text) => text.split(',').every((name) => usageDimensions.some((known) => known === name)),
          () => `any of ${usageDimensions.join(', ')}, parted by commas`,
        ),
      ),
      key_id: Type.Optional(Type.String({ maxLength: 64, description: 'Only this key.' })),
      model: Type.Optional(Type.String({ maxLength: 256, description: 'Only this public model.' })),
      provider: Type.Optional(Type.String({ maxLength: 256, description: 'Only this provider.' })),
      format: Type.Optional(Type.Enum(['json', 'csv'], { type: 'string', default: 'json' })),
    },
    { additionalProperties: false },
  ),
  response: {
    200: answerOrText('The report.', UsageReportSchema, 'text/csv'),
    ...errorAnswers('invalid_parameter', 'unknown_parameter', 'insufficient_role', ...keyErrors),
  },
};
