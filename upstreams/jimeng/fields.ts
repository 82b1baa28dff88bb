import { service } from './errors.ts';

/** A JSON object as received; a `null` counts as absent. */
export type Fields = Readonly<Record<string, unknown>>;

/** The object in a JSON text. Throws 50204 for anything else. */
export function parseFields(text: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw service(50204, 'Parse Argument Error: not parsable JSON');
  }
  return asFields(value, 'body');
}

function asFields(value: unknown, name: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrongType(name, 'an object');
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== null));
}

/** A field of a type, or `undefined`. Throws 50204 for another type: nothing is converted. */
export function textField(fields: Fields, name: string): string | undefined {
  const value = fields[name];
  if (value !== undefined && typeof value !== 'string') throw wrongType(name, 'a string');
  return value;
}

export function requiredText(fields: Fields, name: string): string {
  const value = textField(fields, name);
  if (value === undefined || value === '') throw service(50201, `Missing Argument: ${name}`);
  return value;
}

export function flagField(fields: Fields, name: string): boolean | undefined {
  const value = fields[name];
  if (value !== undefined && typeof value !== 'boolean') throw wrongType(name, 'a boolean');
  return value;
}

/** Throws 50204 for another type and 50200 for a number outside the range. */
export function numberField(
  fields: Fields,
  name: string,
  range: { readonly min: number; readonly max: number; readonly isInteger?: true },
): number | undefined {
  const value = fields[name];
  if (value === undefined) return undefined;
  if (typeof value !== 'number') throw wrongType(name, 'a number');
  if (range.isInteger && !Number.isInteger(value)) throw wrongType(name, 'an integer');
  if (value < range.min || value > range.max) throw badValue(name, `between ${range.min} and ${range.max}`);
  return value;
}

export function objectField(fields: Fields, name: string): Fields | undefined {
  return fields[name] === undefined ? undefined : asFields(fields[name], name);
}

export function textList(fields: Fields, name: string): readonly string[] {
  const value = fields[name] ?? [];
  if (!Array.isArray(value) || !value.every((item) => typeof item === 'string')) {
    throw wrongType(name, 'an array of strings');
  }
  return value as readonly string[];
}

export function badValue(name: string, wanted: string): ReturnType<typeof service> {
  return service(50200, `Invalid Argument: ${name} must be ${wanted}`);
}

function wrongType(name: string, wanted: string): ReturnType<typeof service> {
  return service(50204, `Parse Argument Error: ${name} must be ${wanted}`);
}
