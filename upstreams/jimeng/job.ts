import type { ReceivedPicture } from '../inspect-picture.ts';
import type { ReferenceReader } from '../reference-reader.ts';
import { badValue, flagField, numberField, requiredText } from './fields.ts';
import type { Fields } from './fields.ts';
import { readInputs } from './inputs.ts';
import type { JimengModel } from './models.ts';
import { chooseSize } from './size.ts';
import type { Size } from './size.ts';

/** What a model is asked to draw, checked. */
export type Job = {
  readonly model: JimengModel;
  readonly prompt: string;
  readonly seed: number | undefined;
  readonly size: Size;
  readonly images: number;
};

/** The vendor's upper bound is not documented; a 32-bit integer is what its samples show. */
const SEED = { min: -1, max: 2_147_483_647, isInteger: true } as const;
const MAX_GROUP = 15;
/** How many pictures the model makes of a prompt that names no number. */
const USUAL_GROUP = 4;

/** Reads the body for a model; fields that it does not know are ignored. Throws `JimengRefusal`. */
export async function readJob(fields: Fields, model: JimengModel, reader: ReferenceReader): Promise<Job> {
  const prompt = requiredText(fields, 'prompt');
  const seed = model.groups ? undefined : numberField(fields, 'seed', SEED);
  flagField(fields, 'use_pre_llm');
  if (model.scale !== undefined) numberField(fields, 'scale', model.scale);
  const inputs = await readInputs(fields, model.inputs, reader);
  const size = chooseSize(model, fields, prompt, inputs[0]);
  return { model, prompt, seed, size, images: imagesOf(model, fields, prompt, inputs) };
}

function imagesOf(
  model: JimengModel,
  fields: Fields,
  prompt: string,
  inputs: readonly ReceivedPicture[],
): number {
  const isSingle = flagField(fields, 'force_single') ?? false;
  if (!model.groups || isSingle) return 1;
  if (inputs.length >= MAX_GROUP) throw badValue('image_urls', `fewer than ${MAX_GROUP}`);
  const wished = Number(/(\d{1,2})\s*(?:张|幅|images|pictures)/.exec(prompt)?.[1] ?? USUAL_GROUP);
  return Math.max(1, Math.min(wished, MAX_GROUP - inputs.length));
}
