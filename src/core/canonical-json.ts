import type { JsonValue } from './json.ts';

/** The value as JSON with sorted members and no spaces: equal values give equal texts, however they were written. */
export const canonicalJson = (value: JsonValue): string => {
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (isList(value)) return `[${value.map(canonicalJson).join(',')}]`;
  const members = Object.keys(value)
    .toSorted()
    .map((name) => `${JSON.stringify(name)}:${canonicalJson(value[name] ?? null)}`);
  return `{${members.join(',')}}`;
};

const isList = (value: JsonValue): value is readonly JsonValue[] => Array.isArray(value);
