import { invalidParameter, refusalNamed } from './errors.ts';
import { KNOWN_FIELDS } from './models.ts';
import type { ArkProfile } from './models.ts';

/** The parameters of one call that are decided without looking at pictures. */
export type ArkParameters = {
  readonly prompt: string;
  readonly image: unknown;
  readonly size: unknown;
  readonly seed?: number;
  readonly responseFormat: 'url' | 'b64_json';
  readonly watermark: boolean;
  /** Absent: one picture. */
  readonly group?: { readonly maxImages: number | undefined };
  readonly stream: boolean;
  readonly outputFormat: 'jpeg' | 'png';
  readonly transparent: boolean;
  readonly layers: boolean;
  readonly tools?: readonly unknown[];
};

type Fields = Readonly<Record<string, unknown>>;

/** Section 3: reads the body for a model. Unknown fields are ignored, as measured. Throws `ArkRefusal`. */
export function readParameters(body: Fields, profile: ArkProfile): ArkParameters {
  const fields = withoutNulls(body);
  for (const name of KNOWN_FIELDS) {
    if (fields[name] !== undefined && !profile.fields.has(name)) {
      throw invalidParameter(name, `the parameter is not supported by the model.`, '');
    }
  }
  const { prompt } = fields;
  if (prompt === undefined || prompt === '') throw refusalNamed('missing_parameter');
  if (typeof prompt !== 'string') throw invalidParameter('prompt', 'a string is expected.');

  const seed = number(fields, 'seed', -1, 2_147_483_647, Number.isInteger);
  number(fields, 'guidance_scale', 1, 10);
  boolean(fields, 'optimize_prompt');
  checkPromptOptions(fields, profile);
  const group = readGroup(fields);
  const tools = readTools(fields);
  const background = oneOf(fields, 'background', ['opaque', 'transparent']);
  return {
    prompt,
    image: fields['image'],
    size: fields['size'],
    ...(seed !== undefined && { seed }),
    responseFormat: oneOf(fields, 'response_format', ['url', 'b64_json']) ?? 'url',
    watermark: boolean(fields, 'watermark') ?? true,
    ...(group !== undefined && { group }),
    stream: boolean(fields, 'stream') ?? false,
    outputFormat: oneOf(fields, 'output_format', ['jpeg', 'png']) ?? 'jpeg',
    transparent: background === 'transparent',
    layers: boolean(fields, 'layer_decomposition') ?? false,
    ...(tools !== undefined && { tools }),
  };
}

function readGroup(fields: Fields): ArkParameters['group'] {
  const mode = oneOf(fields, 'sequential_image_generation', ['disabled', 'auto']);
  if (mode !== 'auto') return undefined;
  const options = object(fields, 'sequential_image_generation_options');
  return { maxImages: number(options, 'max_images', 1, 15, Number.isInteger) };
}

function readTools(fields: Fields): readonly unknown[] | undefined {
  const { tools } = fields;
  if (tools === undefined) return undefined;
  const isSearch = (tool: unknown): boolean =>
    typeof tool === 'object' && tool !== null && 'type' in tool && tool.type === 'web_search';
  if (!Array.isArray(tools) || !tools.every(isSearch)) {
    throw invalidParameter('tools', "only tools of the type 'web_search' are supported.");
  }
  return tools;
}

function checkPromptOptions(fields: Fields, profile: ArkProfile): void {
  const options = object(fields, 'optimize_prompt_options');
  const mode = oneOf(options, 'mode', ['standard', 'fast']);
  if (mode === 'fast' && !profile.takesFastMode) {
    throw invalidParameter('optimize_prompt_options.mode', 'fast is not supported by the model.', '');
  }
  oneOf(options, 'thinking', ['auto', 'enabled', 'disabled']);
}

function withoutNulls(body: Fields): Fields {
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null));
}

function object(fields: Fields, name: string): Fields {
  const value = fields[name] ?? {};
  if (typeof value !== 'object' || Array.isArray(value))
    throw invalidParameter(name, 'an object is expected.');
  return value as Fields;
}

function boolean(fields: Fields, name: string): boolean | undefined {
  const value = fields[name];
  if (value !== undefined && typeof value !== 'boolean')
    throw invalidParameter(name, 'a boolean is expected.');
  return value;
}

function number(
  fields: Fields,
  name: string,
  min: number,
  max: number,
  isKind: (value: number) => boolean = Number.isFinite,
): number | undefined {
  const value = fields[name];
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !isKind(value) || value < min || value > max) {
    throw invalidParameter(name, `a number between ${min} and ${max} is expected.`);
  }
  return value;
}

function oneOf<const Word extends string>(
  fields: Fields,
  name: string,
  words: readonly Word[],
): Word | undefined {
  const value = fields[name];
  if (value === undefined) return undefined;
  const found = words.find((word) => word === value);
  if (found === undefined) throw invalidParameter(name, `one of ${words.join(', ')} is expected.`);
  return found;
}
