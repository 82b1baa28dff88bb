/** The fields of a key as requests and answers have them. */
import Type, { type TSchema } from 'typebox';
import { isAddressRange } from '../../../access/addresses.ts';
import { keyRoles } from '../../../access/keys.ts';
import { budgetPeriods } from '../../../access/limits.ts';
import { isSoundText } from '../../texts.ts';

const MAX_NAME_CHARACTERS = 128;

export const name = Type.Refine(
  Type.String({ minLength: 1, maxLength: MAX_NAME_CHARACTERS, description: 'Who or what uses it.' }),
  (text) => isSoundText(text) && /\S/.test(text),
  () => `a text of 1 to ${MAX_NAME_CHARACTERS} characters that is not blank`,
);

export const role = Type.Enum(keyRoles, { type: 'string' });

/** A schema with the words for what it wants, as the end of a sentence. */
const worded = <T extends TSchema>(schema: T, wanted: string) =>
  Type.Refine(
    schema,
    () => true,
    () => wanted,
  );

/** What a field wants, and how that is said. */
interface Field<T extends TSchema> {
  readonly schema: T;
  readonly wanted: string;
}

const field = <T extends TSchema>(schema: T, wanted: string): Field<T> => ({ schema, wanted });

/** A field that may be left out. */
export const maybe = <T extends TSchema>({ schema, wanted }: Field<T>) =>
  Type.Optional(worded(schema, wanted));

/** A field that may be left out, and taken away with `null`. */
export const maybeNull = <T extends TSchema>({ schema, wanted }: Field<T>) =>
  Type.Optional(worded(Type.Union([schema, Type.Null()]), `${wanted}, or null`));

const count = (maximum: number, description: string) =>
  field(Type.Integer({ minimum: 1, maximum, description }), `an integer from 1 to ${maximum}`);

/** The largest amount of which every millionth can be told from the next. */
const MAX_AMOUNT = 1_000_000_000;

const BudgetSchema = Type.Object(
  {
    amount: Type.Number({
      minimum: 0,
      maximum: MAX_AMOUNT,
      description: 'In units of the currency, to the millionth.',
      examples: [25],
    }),
    currency: Type.String({
      pattern: '^[A-Z]{3}$',
      description: 'ISO 4217; the one that the models are paid in.',
      examples: ['USD'],
    }),
    period: Type.Enum(budgetPeriods, {
      type: 'string',
      description: 'A day or a month of UTC, after which it begins anew; or `total`.',
    }),
  },
  { title: 'Budget', additionalProperties: false },
);

/** The fields of a key that may be set, beside its name and role. */
export const keyFields = {
  models: field(
    Type.Array(Type.String({ minLength: 1, maxLength: 256 }), {
      minItems: 1,
      maxItems: 100,
      description: 'The public models that it may use; every one unless told.',
    }),
    'a list of 1 to 100 names of models',
  ),
  allowed_ips: field(
    Type.Array(
      Type.Refine(
        Type.String({ maxLength: 64 }),
        isAddressRange,
        () => 'an address or a range such as 203.0.113.0/24',
      ),
      {
        minItems: 1,
        maxItems: 100,
        description:
          'Addresses and CIDR ranges that it may be used from. Behind a proxy `server.trusted_proxies` has to name it.',
      },
    ),
    'a list of 1 to 100 addresses or ranges such as 203.0.113.0/24',
  ),
  expires_at: field(
    Type.Integer({ minimum: 1, maximum: 253_402_300_799, description: 'In Unix seconds.' }),
    'a time in Unix seconds',
  ),
  requests_per_minute: count(1_000_000, 'Requests of any kind; a minute begins with its first request.'),
  concurrent_tasks: count(10_000, 'Tasks that have not ended.'),
  images_per_day: count(
    10_000_000,
    'Pictures asked for in a day of UTC, less those that were not delivered.',
  ),
  budget: field(
    BudgetSchema,
    `an object with \`amount\` from 0 to ${MAX_AMOUNT}, \`currency\` such as USD, and \`period\`, one of ${budgetPeriods.join(', ')}`,
  ),
} as const;
