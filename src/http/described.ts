import Type, { type TSchema } from 'typebox';
import { catalogue, type ErrorCode } from '../core/errors.ts';

/** OpenAI's error envelope, for the documentation. */
const ErrorSchema = Type.Object(
  {
    error: Type.Object({
      message: Type.String({ description: 'What is wrong and what to do, for a person.' }),
      type: Type.String({ description: 'The family of the error, as OpenAI names it.' }),
      param: Type.Unsafe<string | null>({ type: ['string', 'null'], description: 'The parameter at fault.' }),
      code: Type.Enum(Object.keys(catalogue), {
        type: 'string',
        description: 'The stable name of the error. Each has a page in `docs/errors`.',
      }),
      request_id: Type.Optional(
        Type.String({ description: 'The `x-request-id` of this answer, for the log.' }),
      ),
    }),
  },
  { title: 'Error' },
);

/** A header of an answer, for the documentation. */
export interface DescribedHeader {
  readonly description: string;
  readonly type: 'string' | 'integer';
}

/** A schema as one answer of a route: what it is and which headers come with it. */
export const answer = <Schema extends TSchema>(
  description: string,
  schema: Schema,
  headers: Readonly<Record<string, DescribedHeader>> = {},
) => ({
  description,
  headers,
  content: { 'application/json': { schema } },
});

/** An answer without JSON. */
export const otherAnswer = (
  description: string,
  contentType: string,
  headers: Readonly<Record<string, DescribedHeader>> = {},
) => ({
  description,
  headers,
  content: { [contentType]: { schema: { type: 'string' } } },
});

/** An answer that is JSON, or a text of another kind when that is asked for. */
export const answerOrText = <Schema extends TSchema>(
  description: string,
  schema: Schema,
  contentType: string,
  headers: Readonly<Record<string, DescribedHeader>> = {},
) => {
  const json = answer(description, schema, headers);
  return { ...json, content: { ...json.content, [contentType]: { schema: { type: 'string' } } } };
};

/** The error answers of a route, by status, from the codes it may give. */
export const errorAnswers = (...codes: readonly ErrorCode[]): Record<number, ReturnType<typeof answer>> => {
  const byStatus = Map.groupBy(new Set(codes), (code) => catalogue[code].status);
  return Object.fromEntries(
    [...byStatus].map(([status, group]) => [
      status,
      answer(group.map((code) => `\`${code}\`: ${catalogue[code].title}.`).join(' '), ErrorSchema),
    ]),
  );
};

/** What every route behind a key may answer. */
export const keyErrors = [
  'missing_api_key',
  'invalid_api_key',
  'address_not_allowed',
  'rate_limit_exceeded',
  'internal_error',
  'database_unavailable',
] as const satisfies readonly ErrorCode[];
