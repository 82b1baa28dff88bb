/** Reads what an upstream answered, of which nothing is certain but that it is JSON. */

/** A JSON object. */
export type Fields = Readonly<Record<string, unknown>>;

/** The value when it is a JSON object, else nothing. */
export const asRecord = (value: unknown): Fields | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;

/** The value when it is a list, else an empty one. */
export const asList = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** The value when it is a text, else an empty one. */
export const asText = (value: unknown): string => (typeof value === 'string' ? value : '');
