import { badValue, flagField, numberField } from './fields.ts';
import type { Fields } from './fields.ts';
import type { JimengModel, SizeRule } from './models.ts';

export type Size = { readonly width: number; readonly height: number };

const AREA = { min: 1_048_576, max: 16_777_216, isInteger: true } as const;
const USUAL_AREA = 4_194_304;
const ANY_SIDE = { min: 1, max: 100_000, isInteger: true } as const;

/**
 * The pixels that a submission gets (section 5). `input` is the size of the first input picture, if any.
 * Throws 50200 for a size that the model does not make.
 */
export function chooseSize(
  model: JimengModel,
  fields: Fields,
  prompt: string,
  input: Size | undefined,
): Size {
  const rule = model.size;
  switch (rule.kind) {
    case 'input':
      return input ?? { width: 1024, height: 1024 };
    case 'sides':
      return sizeWithinSides(rule, fields);
    case 'area':
      return sizeOfArea(fields, prompt, input);
  }
}

/** Both sides or neither. */
function readSides(fields: Fields): Size | undefined {
  const width = numberField(fields, 'width', ANY_SIDE);
  const height = numberField(fields, 'height', ANY_SIDE);
  if (width === undefined && height === undefined) return undefined;
  if (width === undefined || height === undefined) throw badValue('width and height', 'given together');
  return { width, height };
}

function sizeWithinSides(rule: SizeRule & { readonly kind: 'sides' }, fields: Fields): Size {
  const asked = readSides(fields) ?? { width: rule.usual, height: rule.usual };
  const { width, height } = asked;
  const isWithin = (side: number): boolean => side >= rule.min && side <= rule.max;
  const isListed = rule.alsoAccepted.includes(`${width}x${height}`);
  if (!isListed && !(isWithin(width) && isWithin(height))) {
    throw badValue('width and height', `between ${rule.min} and ${rule.max}`);
  }
  const ratio = width / height;
  if (!isListed && (ratio > rule.maxRatio || ratio < 1 / rule.maxRatio)) {
    throw badValue('width / height', `between 1/${rule.maxRatio} and ${rule.maxRatio}`);
  }
  if (rule.doubles) return (flagField(fields, 'use_sr') ?? true) ? scaled(asked, 2) : asked;
  const { rounding } = rule;
  if (rounding === undefined) return asked;
  const round = (side: number): number =>
    Math.min(rounding.max, Math.max(rounding.min, Math.round(side / rounding.step) * rounding.step));
  return { width: round(width), height: round(height) };
}

function sizeOfArea(fields: Fields, prompt: string, input: Size | undefined): Size {
  const area = numberField(fields, 'size', AREA) ?? USUAL_AREA;
  const least = numberField(fields, 'min_ratio', { min: 1 / 16, max: 16 }) ?? 1 / 3;
  const most = numberField(fields, 'max_ratio', { min: 1 / 16, max: 16 }) ?? 3;
  if (least > most) throw badValue('min_ratio', 'at most max_ratio');
  const asked = readSides(fields);
  if (asked !== undefined) {
    const { width, height } = asked;
    if (width * height < AREA.min || width * height > AREA.max) {
      throw badValue('width * height', `between ${AREA.min} and ${AREA.max}`);
    }
    if (width / height < least || width / height > most) {
      throw badValue('width / height', 'between min_ratio and max_ratio');
    }
    return asked;
  }
  // With an area alone the shape follows the input picture, else what the prompt says.
  const wished = input === undefined ? (ratioIn(prompt) ?? 1) : input.width / input.height;
  const ratio = Math.min(most, Math.max(least, wished));
  const height = Math.floor(Math.sqrt(area / ratio));
  return { width: Math.floor(height * ratio), height };
}

function ratioIn(prompt: string): number | undefined {
  const [, across, down] = /(\d{1,2})\s*[:：]\s*(\d{1,2})/.exec(prompt) ?? [];
  const ratio = Number(across) / Number(down);
  return Number.isFinite(ratio) && ratio > 0 ? ratio : undefined;
}

function scaled({ width, height }: Size, by: number): Size {
  return { width: width * by, height: height * by };
}
