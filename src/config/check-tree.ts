import type { Static, TSchema } from 'typebox';
import { Check } from 'typebox/value';
import { closestName } from '../core/closest-name.ts';
import { isSecretText } from '../core/settings.ts';
import { formatPath } from './path.ts';
import type { Path } from './path.ts';

/** The keywords of a schema that the check looks at by itself. */
interface Node {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, TSchema>>;
  readonly patternProperties?: Readonly<Record<string, TSchema>>;
  readonly required?: readonly string[];
  readonly items?: TSchema;
  readonly minItems?: number;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly wanted?: string;
}

/** What the check needs beside tree and schema. */
export interface CheckOptions {
  /** The texts that were filled from the environment, as they are written: shown in place of their values. */
  readonly templates: ReadonlyMap<string, string>;
  readonly report: (path: Path, message: string) => void;
}

/**
 * The tree without what is wrong with it, each fault reported; so what is right can be looked at further. A number
 * or a boolean may be written as a text, because that is what the environment has.
 */
export const checkTree = <T extends TSchema>(
  schema: T,
  root: unknown,
  options: CheckOptions,
): Static<T> | undefined => {
  const check = (part: TSchema, value: unknown, path: Path): unknown => {
    const node: Node = part;
    if (value === null || value === undefined) return undefined;
    if (value === '' && options.templates.has(formatPath(path))) return undefined;
    if (node.type === 'object') return checkMap(node, value, path);
    if (node.type === 'array') return checkList(node, value, path);
    const fitting = coerce(node, value);
    if (Check(part, fitting)) return fitting;
    options.report(path, `wants ${wantedOf(node)}${given(part, value, path)}`);
    return undefined;
  };

  const checkMap = (node: Node, value: unknown, path: Path): unknown => {
    if (!isMap(value)) {
      options.report(path, `wants a map of keys, not ${kindOf(value)}`);
      return undefined;
    }
    const known = node.properties ?? {};
    const everyKey = Object.values(node.patternProperties ?? {})[0];
    const checked: [string, unknown][] = [];
    for (const [key, item] of Object.entries(value)) {
      const part = Object.hasOwn(known, key) ? known[key] : everyKey;
      if (part === undefined)
        options.report([...path, key], `is not known${didYouMean(key, Object.keys(known))}`);
      else checked.push([key, check(part, item, [...path, key])]);
    }
    const result = Object.fromEntries(checked.filter(([, item]) => item !== undefined));
    const missing = (node.required ?? []).filter((key) => !Object.hasOwn(result, key));
    for (const key of missing.filter((name) => isAbsent(value[name])))
      options.report([...path, key], 'is missing');
    return missing.length === 0 ? result : undefined;
  };

  const checkList = (node: Node, value: unknown, path: Path): unknown => {
    if (!Array.isArray(value) || value.length < (node.minItems ?? 0)) {
      options.report(
        path,
        `wants a list${node.minItems ? ' with something in it' : ''}, not ${kindOf(value)}`,
      );
      return undefined;
    }
    const items = node.items;
    if (items === undefined) return value;
    return value
      .map((item, index) => check(items, item, [...path, index]))
      .filter((item) => item !== undefined);
  };

  const given = (part: TSchema, value: unknown, path: Path): string => {
    if (isSecretText(part)) return '; what is there is not shown';
    const template = options.templates.get(formatPath(path));
    if (template !== undefined) return `, not what ${template} is filled with`;
    return `, not ${shown(value)}${isQuotable(part, value) ? '; write it in quotes' : ''}`;
  };

  return check(schema, root, []) as Static<T> | undefined;
};

/** `; did you mean …?` when one of the names is close to what was written, else nothing. */
export const didYouMean = (name: string, names: readonly string[]): string => {
  const byLowerCase = new Map(names.map((one) => [one.toLowerCase(), one]));
  const nearest = closestName(name, [...byLowerCase.keys()]);
  return nearest === undefined ? '' : `; did you mean ${byLowerCase.get(nearest)}?`;
};

/** Whether a value of the tree is a map of keys. */
export const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isAbsent = (value: unknown): boolean => value === null || value === undefined;

const coerce = (node: Node, value: unknown): unknown => {
  if (typeof value !== 'string') return value;
  if ((node.type === 'integer' || node.type === 'number') && /^-?\d+(\.\d+)?$/.test(value))
    return Number(value);
  if (node.type === 'boolean' && (value === 'true' || value === 'false')) return value === 'true';
  return value;
};

const isQuotable = (part: TSchema, value: unknown): boolean =>
  (typeof value === 'number' || typeof value === 'boolean') && Check(part, String(value));

const wantedOf = (node: Node): string => {
  if (node.wanted !== undefined) return node.wanted;
  if (node.enum !== undefined) return `one of ${node.enum.join(', ')}`;
  if (node.type === 'integer') return `a whole number${boundsOf(node)}`;
  if (node.type === 'number') return `a number${boundsOf(node)}`;
  return node.type === 'boolean' ? 'true or false' : 'a text';
};

const boundsOf = ({ minimum, maximum }: Node): string => {
  if (minimum !== undefined && maximum !== undefined) return ` from ${minimum} to ${maximum}`;
  if (minimum !== undefined) return ` of ${minimum} or more`;
  return maximum === undefined ? '' : ` of ${maximum} or less`;
};

/** What sort of value it is: where a map or list belongs, a text may well be a credential, and is not shown. */
const kindOf = (value: unknown): string => {
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  return isMap(value) ? 'a map of keys' : `a ${typeof value === 'string' ? 'text' : typeof value}`;
};

/** A value as a fault shows it: short, and without what may be a password in an address. */
const shown = (value: unknown): string => {
  if (typeof value === 'object') return kindOf(value);
  const text = JSON.stringify(value).replace(/\/\/[^/\s]*@/, '//[secret]@');
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
};
