import { invalidImageRequest, invalidRequest } from './errors.ts';
import { DALLE_SIZES, faultOfSize, parseSize } from './models.ts';
import type { DalleModel, GptModel, Profile, Size } from './models.ts';

/** The fields of a request, as JSON or as the texts of a form turned into their types. */
export type Fields = Readonly<Record<string, unknown>>;

/** What one call asks for, read and checked. */
export type Parameters = {
  readonly prompt: string;
  readonly n: number;
  /** Absent: the model chooses. */
  readonly size?: Size;
  readonly quality: string;
  readonly background: string;
  readonly outputFormat: 'png' | 'jpeg' | 'webp';
  readonly isInline: boolean;
  readonly stream: boolean;
  readonly partialImages: number;
  readonly safetyIdentifier?: string;
};

const COMMON_FIELDS = ['model', 'prompt', 'n', 'size', 'quality', 'user'];
const DALLE_FIELDS = [...COMMON_FIELDS, 'response_format', 'style'];
const GPT_FIELDS = [
  ...COMMON_FIELDS,
  'background',
  'output_format',
  'output_compression',
  'moderation',
  'stream',
  'partial_images',
  'complexity',
  'frame_count',
  'frame_duration_ms',
  'svg',
  'safety_identifier',
];
const MAX_GPT_PROMPT = 32_000;
const MAX_GPT_IMAGES = 10;

/** Section 3.2 and the fields of 3.5 that are no pictures. Throws `OpenAiRefusal`. */
export function readGptParameters(
  given: Fields,
  model: GptModel,
  profile: Profile,
  isEdit: boolean,
): Parameters {
  const fields = withoutNulls(given);
  refuseUnknown(fields, isEdit ? [...GPT_FIELDS, 'input_fidelity'] : GPT_FIELDS);
  const prompt = readPrompt(fields);
  const characters = Array.from(prompt).length;
  if (characters > MAX_GPT_PROMPT) throw promptTooLong(characters, MAX_GPT_PROMPT);
  const n = integer(fields, 'n', 1, MAX_GPT_IMAGES) ?? 1;
  const size = readGptSize(fields, model);
  const qualities = ['auto', 'low', 'medium', 'high', ...(model.generation >= 2.5 ? ['xhigh', 'max'] : [])];
  const quality = oneOf(fields, 'quality', qualities) ?? 'auto';
  const outputFormat = readFormat(fields, profile);
  const background = oneOf(fields, 'background', ['transparent', 'opaque', 'auto']) ?? 'auto';
  if (background === 'transparent') {
    if (model.generation === 2)
      throw invalidImageRequest(
        'invalid_value',
        'background',
        'Transparent background is not supported for this model.',
      );
    if (outputFormat === 'jpeg')
      throw invalidImageRequest('invalid_value', 'background', 'Transparent needs png or webp output.');
  }
  const compression = integer(fields, 'output_compression', 0, 100) ?? 100;
  if (compression < 100 && outputFormat === 'png') {
    throw invalidImageRequest(
      'invalid_png_output_compression',
      'output_compression',
      'Compression less than 100 is not supported for PNG output format.',
    );
  }
  oneOf(fields, 'moderation', ['auto', 'low']);
  if (oneOf(fields, 'complexity', ['low', 'medium', 'high']) !== undefined && model.generation < 2.6)
    throw unknownParameter('complexity');
  for (const name of ['frame_count', 'frame_duration_ms', 'svg']) {
    if (fields[name] !== undefined)
      throw invalidImageRequest('invalid_value', name, `'${name}' belongs to another output format.`);
  }
  const fidelity = text(fields, 'input_fidelity');
  if (fidelity !== undefined && !model.inputFidelity.includes(fidelity)) {
    throw invalidImageRequest(
      'invalid_input_fidelity_model',
      'input_fidelity',
      `The model '${model.id}' does not support input_fidelity '${fidelity}'.`,
    );
  }
  text(fields, 'user');
  const safetyIdentifier = text(fields, 'safety_identifier');
  return {
    prompt,
    n,
    ...(size !== undefined && { size }),
    quality,
    background,
    outputFormat,
    isInline: true,
    stream: boolean(fields, 'stream') ?? false,
    partialImages: integer(fields, 'partial_images', 0, 3) ?? 0,
    ...(safetyIdentifier !== undefined && { safetyIdentifier }),
  };
}

/** Section 1 with the errors of 1.1. Throws `OpenAiRefusal`. */
export function readDalleParameters(given: Fields, model: DalleModel, profile: Profile): Parameters {
  const fields = withoutNulls(given);
  refuseUnknown(fields, DALLE_FIELDS);
  const prompt = readPrompt(fields);
  if (Array.from(prompt).length > model.maxPromptCharacters) {
    const code = profile === 'azure' ? 'invalidPayload' : null;
    throw invalidRequest(code, null, `'${prompt}' is too long - 'prompt'`);
  }
  const n = fields['n'] ?? 1;
  if (typeof n !== 'number' || !Number.isInteger(n))
    throw invalidRequest(null, null, `${JSON.stringify(n)} is not of type 'integer' - 'n'`);
  if (n < 1) throw invalidRequest(null, null, `${n} is less than the minimum of 1 - 'n'`);
  if (n > model.maxImages)
    throw invalidRequest(
      null,
      null,
      model.maxImages === 1
        ? 'You must provide n=1 for this model.'
        : `${n} is greater than the maximum of ${model.maxImages} - 'n'`,
    );
  const size = legacyWord(fields, 'size', DALLE_SIZES) ?? '1024x1024';
  if (!model.sizes.includes(size))
    throw invalidRequest('invalid_size', null, 'The size is not supported by this model.');
  const quality = legacyWord(fields, 'quality', model.qualities) ?? 'standard';
  legacyWord(fields, 'style', model.styles);
  const format = legacyWord(fields, 'response_format', ['url', 'b64_json']) ?? 'url';
  const pixels = parseSize(size);
  return {
    prompt,
    n,
    ...(pixels !== undefined && { size: pixels }),
    quality,
    background: 'opaque',
    outputFormat: 'png',
    isInline: format === 'b64_json',
    stream: false,
    partialImages: 0,
  };
}

function readPrompt(fields: Fields): string {
  const prompt = text(fields, 'prompt');
  if (prompt === undefined || prompt === '')
    throw invalidRequest('missing_required_parameter', 'prompt', "Missing required parameter: 'prompt'.");
  return prompt;
}

function readGptSize(fields: Fields, model: GptModel): Size | undefined {
  const asked = text(fields, 'size') ?? 'auto';
  const fault = faultOfSize(model, asked);
  if (fault !== undefined) throw invalidImageRequest('invalid_value', 'size', fault);
  return parseSize(asked);
}

/** The preview formats `gif` and `svg` are refused as for an account without the preview. */
function readFormat(fields: Fields, profile: Profile): Parameters['outputFormat'] {
  const format = oneOf(
    fields,
    'output_format',
    profile === 'azure' ? ['png', 'jpeg'] : ['png', 'jpeg', 'webp', 'gif', 'svg'],
  );
  if (format === 'gif' || format === 'svg')
    throw invalidImageRequest(
      'invalid_value',
      'output_format',
      `The preview of '${format}' is not open to you.`,
    );
  return format === 'jpeg' || format === 'webp' ? format : 'png';
}

function promptTooLong(characters: number, most: number): Error {
  const message = `Invalid 'prompt': string too long. Expected a string with maximum length ${most}, but got a string with length ${characters} instead.`;
  return invalidRequest('string_above_max_length', 'prompt', message);
}

function unknownParameter(name: string): Error {
  return invalidRequest('unknown_parameter', name, `Unknown parameter: '${name}'.`);
}

function refuseUnknown(fields: Fields, known: readonly string[]): void {
  const unknown = Object.keys(fields).find((name) => !known.includes(name));
  if (unknown !== undefined) throw unknownParameter(unknown);
}

function withoutNulls(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
}

function wrongType(name: string, wanted: string): Error {
  return invalidRequest('invalid_type', name, `Invalid type for '${name}': expected ${wanted}.`);
}

function text(fields: Fields, name: string): string | undefined {
  const value = fields[name];
  if (value !== undefined && typeof value !== 'string') throw wrongType(name, 'a string');
  return value;
}

function boolean(fields: Fields, name: string): boolean | undefined {
  const value = fields[name];
  if (value !== undefined && typeof value !== 'boolean') throw wrongType(name, 'a boolean');
  return value;
}

function integer(fields: Fields, name: string, min: number, max: number): number | undefined {
  const value = fields[name];
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !Number.isInteger(value)) throw wrongType(name, 'an integer');
  if (value < min || value > max)
    throw invalidImageRequest('invalid_value', name, `Invalid '${name}': expected ${min} to ${max}.`);
  return value;
}

function oneOf(fields: Fields, name: string, words: readonly string[]): string | undefined {
  const value = text(fields, name);
  if (value === undefined || words.includes(value)) return value;
  const supported = words.map((word) => `'${word}'`).join(', ');
  throw invalidImageRequest(
    'invalid_value',
    name,
    `Invalid value: '${value}'. Supported values are: ${supported}.`,
  );
}

/** The way the dall-e validator spoke. */
function legacyWord(fields: Fields, name: string, words: readonly string[]): string | undefined {
  const value = fields[name];
  if (value === undefined) return undefined;
  const found = words.find((word) => word === value);
  if (found !== undefined) return found;
  const list = words.map((word) => `'${word}'`).join(', ');
  const shown = typeof value === 'string' ? value : JSON.stringify(value);
  throw invalidRequest(null, null, `'${shown}' is not one of [${list}] - '${name}'`);
}
