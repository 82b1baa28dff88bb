import { invalidValue, KlingRefusal, refusalNamed } from './errors.ts';
import { ASPECT_RATIOS, DEFAULT_MODEL, DISCONTINUED_MODELS, KLING_MODELS } from './models.ts';
import type { KlingModel, Resolution } from './models.ts';

/** The body of a create, decided but for its picture. */
export type KlingParameters = {
  readonly model: KlingModel;
  readonly prompt: string;
  readonly image: string | undefined;
  readonly resolution: Resolution;
  readonly n: number;
  readonly aspectRatio: string;
  readonly watermark: boolean | undefined;
  readonly callbackUrl: string | undefined;
  readonly externalTaskId: string | undefined;
};

/** How an unknown model is refused; the sheet does not know which, so it is a switch. */
export type UnknownModelCode = 1201 | 1203;

type Fields = Readonly<Record<string, unknown>>;

const MAX_PROMPT_CHARACTERS = 2500;
const MAX_IMAGES = 9;
/** The reference counts as one of them. */
const MAX_INPUTS = 10;
const FEATURE_FIELDS = ['image_reference', 'image_fidelity', 'human_fidelity'];

/** What each field must be; another type is a body that cannot be resolved. Unknown fields are ignored. */
const TYPES: Readonly<Record<string, (value: unknown) => boolean>> = {
  model_name: isText,
  prompt: isText,
  negative_prompt: isText,
  image: isText,
  image_reference: isText,
  image_fidelity: Number.isFinite,
  human_fidelity: Number.isFinite,
  element_list: (value) =>
    Array.isArray(value) && value.every((one) => Number.isInteger(field(one, 'element_id'))),
  resolution: isText,
  n: Number.isInteger,
  aspect_ratio: isText,
  watermark_info: (value) => typeof field(value, 'enabled') === 'boolean',
  callback_url: isText,
  external_task_id: isText,
};

/** Section 14.2, from the body to the ranges: JSON and types, then the model, then everything else. */
export function readParameters(bytes: Buffer, unknownModel: UnknownModelCode): KlingParameters {
  const fields = parseBody(bytes);
  const model = findModel((fields['model_name'] as string | undefined) ?? DEFAULT_MODEL, unknownModel);
  const text = (name: string): string | undefined => (fields[name] as string | undefined) || undefined;

  const prompt = text('prompt');
  if (prompt === undefined) throw invalidValue('prompt cannot be empty/null');
  checkLength('prompt', prompt);
  checkLength('negative_prompt', text('negative_prompt') ?? '');
  if (fields['image'] === '') throw invalidValue('image cannot be empty/null');
  const image = text('image');
  checkReferenceFields(fields, model, image !== undefined);
  const n = (fields['n'] as number | undefined) ?? 1;
  if (n < 1 || n > MAX_IMAGES) throw invalidValue(`n must be between 1 and ${MAX_IMAGES}`);
  const callbackUrl = text('callback_url');
  if (callbackUrl !== undefined && !/^https?:/.test(callbackUrl))
    throw invalidValue('callback_url is not a URL');

  return {
    model,
    prompt,
    image,
    resolution: oneOf('resolution', fields['resolution'] ?? '1k', ['1k', '2k']),
    n,
    aspectRatio: oneOf('aspect_ratio', fields['aspect_ratio'] ?? '16:9', ASPECT_RATIOS),
    watermark: field(fields['watermark_info'], 'enabled') as boolean | undefined,
    callbackUrl,
    externalTaskId: text('external_task_id'),
  };
}

function parseBody(bytes: Buffer): Fields {
  let body: unknown;
  try {
    body = JSON.parse(bytes.toString());
  } catch {
    throw refusalNamed('bad_body');
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw refusalNamed('bad_body');
  const fields = Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null));
  const isSound = Object.entries(fields).every(([name, value]) => TYPES[name]?.(value) ?? true);
  if (!isSound) throw refusalNamed('bad_body');
  return fields;
}

function findModel(id: string, unknownModel: UnknownModelCode): KlingModel {
  const model = KLING_MODELS.find((candidate) => candidate.id === id);
  if (model !== undefined) return model;
  const problem = DISCONTINUED_MODELS.has(id)
    ? `The model ${id} has been discontinued and is no longer available`
    : `model_name value '${id}' is invalid`;
  throw unknownModel === 1203 ? new KlingRefusal(404, 1203, problem) : invalidValue(problem);
}

function checkReferenceFields(fields: Fields, model: KlingModel, hasImage: boolean): void {
  if (hasImage && fields['negative_prompt'] !== undefined) {
    throw invalidValue('negative_prompt is not supported when image is set');
  }
  for (const name of FEATURE_FIELDS) {
    if (fields[name] !== undefined && !model.takesFeatures) {
      throw invalidValue(`${name} is not supported by ${model.id}`);
    }
  }
  if (fields['image_reference'] !== undefined) {
    oneOf('image_reference', fields['image_reference'], ['subject', 'face']);
    if (!hasImage) throw invalidValue('image cannot be empty/null');
  }
  for (const name of ['image_fidelity', 'human_fidelity']) {
    const value = (fields[name] as number | undefined) ?? 0;
    if (value < 0 || value > 1) throw invalidValue(`${name} must be between 0 and 1`);
  }
  const elements = fields['element_list'] as unknown[] | undefined;
  if (elements === undefined) return;
  if (!model.takesElements) throw invalidValue(`element_list is not supported by ${model.id}`);
  if (elements.length + (hasImage ? 1 : 0) > MAX_INPUTS) {
    throw invalidValue(`images and elements cannot exceed ${MAX_INPUTS}`);
  }
}

function checkLength(name: string, text: string): void {
  if (text.length > MAX_PROMPT_CHARACTERS) {
    throw invalidValue(`${name} length cannot exceed ${MAX_PROMPT_CHARACTERS}`);
  }
}

function oneOf<const Word extends string>(name: string, value: unknown, words: readonly Word[]): Word {
  const found = words.find((word) => word === value);
  if (found === undefined) throw invalidValue(`${name} value '${String(value)}' is invalid`);
  return found;
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Fields)[name] : undefined;
}

function isText(value: unknown): boolean {
  return typeof value === 'string';
}
