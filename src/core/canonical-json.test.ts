import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalJson } from './canonical-json.ts';
import type { JsonValue } from './json.ts';

/** The same value with the members of every object the other way round. */
const turned = (value: JsonValue): JsonValue => {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return (value as readonly JsonValue[]).map(turned);
  return JSON.parse(
    `{${Object.entries(value)
      .toReversed()
      .map(([name, member]) => `${JSON.stringify(name)}:${JSON.stringify(turned(member))}`)
      .join(',')}}`,
  ) as JsonValue;
};

const jsonValues = fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as JsonValue);

test('the order of members does not matter, and nothing else is lost', () => {
  fc.assert(
    fc.property(jsonValues, (value) => {
      expect(canonicalJson(turned(value))).toBe(canonicalJson(value));
      expect(JSON.parse(canonicalJson(value))).toEqual(value);
    }),
  );
});

test('different values give different texts', () => {
  const texts = [
    '{"a":1}',
    '{"a":"1"}',
    '{"a":[1]}',
    '{"a":null}',
    '{}',
    '[]',
    '{"__proto__":1}',
    '{"a":1,"b":2}',
  ];
  expect(new Set(texts.map((text) => canonicalJson(JSON.parse(text) as JsonValue))).size).toBe(texts.length);
});
