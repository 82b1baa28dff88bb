import Type, { type Static, type TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { imageFormats, requestLimits } from '../../core/request.ts';
import { parseSize } from '../../core/size.ts';
import { GenerationRequestSchema } from '../routes/generations/schema.ts';
import { Text } from '../texts.ts';
import { faultOf } from '../validation.ts';

const { properties } = GenerationRequestSchema;

/** What is understood of a request; anything else is ignored, and told. */
export const FieldsSchema = Type.Object(
  {
    ...properties,
    response_format: Type.Optional(
      Type.Enum(['url', 'b64_json'], {
        type: 'string',
        description:
          'A link or the bytes as base64. Without it: a link; the bytes for edits and for models whose names begin with `gpt-image` or `chatgpt-image`.',
      }),
    ),
    size: Type.Optional(
      Type.Refine(
        Type.String({
          default: '1024x1024',
          description: '`WIDTHxHEIGHT` in pixels. You get exactly these.',
        }),
        (text) => parseSize(text) !== undefined,
        () => 'WIDTHxHEIGHT in pixels, such as `1024x1792`, or `auto`',
      ),
    ),
    output_format: Type.Optional(
      Type.Enum(imageFormats, {
        type: 'string',
        description: 'The file format. Without it base64 is PNG, and links lead to what the model made.',
      }),
    ),
    stream: Type.Optional(
      Type.Boolean({ default: false, description: 'Whether the answer comes as server-sent events.' }),
    ),
    safety_identifier: Type.Optional(
      Text(requestLimits.wordCharacters, { description: 'Your own name for your end user, as `user`.' }),
    ),
  },
  {
    title: 'OpenAiGenerationRequest',
    examples: [{ model: 'dall-e-3', prompt: 'A red fox in fresh snow', size: '1792x1024', n: 1 }],
  },
);

const validator = Compile(FieldsSchema);

/** The understood fields of a request, valid. */
export type Fields = Static<typeof FieldsSchema>;

/** Fields in which `auto` is a text like any other. */
const freeTexts: ReadonlySet<string> = new Set([
  'model',
  'prompt',
  'negative_prompt',
  'user',
  'safety_identifier',
]);

/** Whether a field asks for nothing: clients send what they have no wish about as `null`, empty, or `auto`. */
const isUnasked = (name: string, value: unknown): boolean =>
  value === null || value === '' || (value === 'auto' && !freeTexts.has(name));

/** A text of a form as what its field holds; what cannot be read as that stays a text. */
const typed = (name: keyof Fields, value: unknown): unknown => {
  const { type } = FieldsSchema.properties[name] as TSchema & { readonly type?: string };
  if (typeof value !== 'string') return value;
  if ((type === 'integer' || type === 'number') && /^-?\d{1,15}(?:\.\d{1,15})?$/.test(value)) {
    return Number(value);
  }
  return type === 'boolean' && /^(?:true|false)$/.test(value) ? value === 'true' : value;
};

const isKnown = (name: string): name is keyof Fields => Object.hasOwn(FieldsSchema.properties, name);

/**
 * Reads a request of a client that was written for somebody else's server: numbers may be texts, and names that are not
 * known are handed back. Throws `invalid_parameter` for known ones with values that cannot be understood.
 */
export const readFields = (
  given: Readonly<Record<string, unknown>>,
): { readonly fields: Fields; readonly ignored: readonly string[] } => {
  const fields: Record<string, unknown> = {};
  const ignored: string[] = [];
  for (const [name, value] of Object.entries(given)) {
    if (isUnasked(name, value)) continue;
    if (isKnown(name)) fields[name] = typed(name, value);
    else ignored.push(name);
  }
  if (!validator.Check(fields)) throw faultOf(FieldsSchema, fields);
  return { fields, ignored };
};
