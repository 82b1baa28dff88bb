import type { FastifySchemaCompiler } from 'fastify';
import type { TObject, TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { Check } from 'typebox/value';
import { didYouMean } from '../core/closest-name.ts';
import { LimnerError } from '../core/errors.ts';

/**
 * Compiles the schema of a body or a query, once at start. A request that does not fit is refused with all of its
 * faults in one message. Paths and headers are read by their handlers: a malformed id is not found, rather than wrong.
 */
export const compileValidator: FastifySchemaCompiler<TObject> = ({ schema, httpPart }) => {
  if (httpPart !== 'body' && httpPart !== 'querystring') return () => true;
  const validator = Compile(schema);
  return (given: unknown) => {
    const value = httpPart === 'querystring' ? readNumbers(schema, given) : given;
    return validator.Check(value) ? { value } : { error: faultOf(schema, value) };
  };
};

/** The parameters of a query with those that must be numbers read as such; what is no number stays a text. */
const readNumbers = (schema: TObject, query: unknown): unknown =>
  Object.fromEntries(
    Object.entries(query as Record<string, unknown>).map(([name, value]) => [
      name,
      typeof value === 'string' && /^\d{1,15}$/.test(value) && propertyOf(schema, name)?.type === 'integer'
        ? Number(value)
        : value,
    ]),
  );

/** What the JSON schemas of this project say about one parameter. */
type Property = TSchema & {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly '~refine'?: readonly { readonly error: (value: unknown) => string }[];
};

const propertyOf = (schema: TObject, name: string): Property | undefined =>
  Object.hasOwn(schema.properties, name) ? (schema.properties[name] as Property) : undefined;

/** All that is wrong with a value that does not fit the schema of a body or a query, as one error. */
export const faultOf = (schema: TObject, value: unknown): LimnerError => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return new LimnerError('invalid_parameter', 'The body must be a JSON object.');
  }
  const names = Object.keys(schema.properties);
  // Unknown ones first: `promt` says more than the `prompt` that is missing because of it.
  const unknown = Object.keys(value).filter((name) => !names.includes(name));
  const wrong = names.filter((name) => !isFit(schema, name, value));
  const [first] = [...unknown, ...wrong];
  return new LimnerError(
    unknown.length > 0 ? 'unknown_parameter' : 'invalid_parameter',
    [
      ...unknown
        .slice(0, MAX_FAULTS)
        .map((name) => `\`${shorten(name)}\` is not a parameter.${didYouMean(name, names)}`),
      ...wrong.map((name) => describeFault(schema, name, value)),
    ].join(' '),
    { param: first === undefined ? undefined : shorten(first) },
  );
};

const MAX_FAULTS = 20;

const isFit = (schema: TObject, name: string, value: object): boolean =>
  Object.hasOwn(value, name)
    ? Check(schema.properties[name] as TSchema, (value as Record<string, unknown>)[name])
    : !(schema.required ?? []).includes(name);

const describeFault = (schema: TObject, name: string, value: object): string => {
  const wanted = describeWanted(propertyOf(schema, name) ?? {});
  if (!Object.hasOwn(value, name)) return `\`${name}\` is missing: it must be ${wanted}.`;
  const given = (value as Record<string, unknown>)[name];
  return `\`${name}\` must be ${wanted}${describeGiven(given)}.${didYouMeanValue(given, propertyOf(schema, name))}`;
};

/** What a parameter must be, as the end of a sentence. A refinement says it all; otherwise the keywords do. */
const describeWanted = (property: Property): string => {
  const refinement = property['~refine']?.[0];
  if (refinement !== undefined) return refinement.error(undefined);
  if (property.enum !== undefined)
    return `one of ${property.enum.map((value) => `\`${String(value)}\``).join(', ')}`;
  if (property.type === 'boolean') return 'true or false';
  const { type, minimum = 0, maximum, minLength = 0, maxLength } = property;
  if (type === 'integer' || type === 'number') {
    return `${type === 'integer' ? 'an integer' : 'a number'} from ${minimum} to ${maximum}`;
  }
  return maxLength === undefined ? 'a text' : `a text of ${minLength} to ${maxLength} characters`;
};

/** The wrong value, when it is short enough to help. */
const describeGiven = (given: unknown): string => {
  const text = JSON.stringify(given);
  return text.length <= 40 ? `, not ${text}` : '';
};

const didYouMeanValue = (given: unknown, property: Property | undefined): string =>
  typeof given === 'string' && property?.enum !== undefined
    ? didYouMean(given, property.enum.map(String))
    : '';

const shorten = (name: string): string => (name.length > 64 ? `${name.slice(0, 64)}…` : name);
