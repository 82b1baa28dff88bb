import { invalidParameter } from './errors.ts';
import type { ArkProfile, SizeRule } from './models.ts';

export type Size = { readonly width: number; readonly height: number };

const WIDTH_X_HEIGHT = /^(\d{1,5})x(\d{1,5})$/;
const MAX_RATIO = 16;

/** Section 4.3: the vendor's landscape tables; portrait is the same turned round. */
const KEYWORD_SIZES: Readonly<Record<string, readonly string[]>> = {
  'pro 1K': ['1024x1024', '1152x864', '1248x832', '1424x800', '1568x672'],
  'pro 1.5K': ['1536x1536', '1792x1344', '1872x1248', '2048x1152', '2352x1008'],
  'pro 2K': ['2048x2048', '2368x1776', '2496x1664', '2816x1584', '3136x1344'],
  '1K': ['1024x1024', '1152x864', '1248x832', '1312x736', '1568x672'],
  '2K': ['2048x2048', '2304x1728', '2496x1664', '2848x1600', '3136x1344'],
  '3K': ['3072x3072', '3456x2592', '3744x2496', '4096x2304', '4704x2016'],
  '4K': ['4096x4096', '4704x3520', '4992x3328', '5504x3040', '6240x2656'],
};

/**
 * Stand-in for SeedEdit's unpublished presets (section 4.2): the ladder from memory; the entry nearest to the
 * input's ratio wins, the first one on a tie.
 */
const ADAPTIVE_SIZES = [
  '512x1536', '544x1472', '576x1408', '608x1344', '640x1312', '672x1248', '704x1184', '736x1312', '768x1152',
  '832x1248', '864x1152', '928x1088', '960x1056', '1024x1024', '1056x960', '1088x928', '1152x864', '1248x832',
  '1152x768', '1312x736', '1184x704', '1248x672', '1312x640', '1344x608', '1408x576', '1472x544', '1536x512',
]; // prettier-ignore

/**
 * The pixels that this request gets. `inputRatio` is the width over height of the first reference, if any.
 * Throws `ArkRefusal` for a size that the model does not make.
 */
export function chooseSize(
  profile: ArkProfile,
  asked: unknown,
  prompt: string,
  inputRatio: number | undefined,
): Size {
  const rule = profile.size;
  if (asked !== undefined && typeof asked !== 'string') throw badSize('size must be a string.');
  switch (rule.kind) {
    case 'adaptive':
      if (asked !== undefined && asked !== 'adaptive') throw badSize("size must be 'adaptive'.");
      return nearest(ADAPTIVE_SIZES, inputRatio ?? 1);
    case 'sides':
      return sizeWithinSides(rule, asked ?? '1024x1024');
    case 'pixels':
      return sizeWithinPixels(profile, rule, asked ?? defaultSize(rule), prompt, inputRatio);
  }
}

function defaultSize(rule: SizeRule & { kind: 'pixels' }): string {
  return rule.noun === 'area' ? '2K' : '2048x2048';
}

function sizeWithinSides(rule: SizeRule & { kind: 'sides' }, asked: string): Size {
  const size = parseSize(asked);
  if (size === undefined) throw badSize("size must be 'WIDTHxHEIGHT'.");
  const isWithin = (side: number): boolean => side >= rule.min && side <= rule.max;
  if (!isWithin(size.width) || !isWithin(size.height)) {
    throw badSize(`size must be between [${rule.min}x${rule.min}, ${rule.max}x${rule.max}].`);
  }
  return size;
}

function sizeWithinPixels(
  profile: ArkProfile,
  rule: SizeRule & { kind: 'pixels' },
  asked: string,
  prompt: string,
  inputRatio: number | undefined,
): Size {
  const keyword = asked.toUpperCase();
  if (rule.keywords.includes(keyword)) {
    const table = KEYWORD_SIZES[profile.countsInputs ? `pro ${keyword}` : keyword] ?? [];
    return nearest([...table, ...table.map(turned)], inputRatio ?? ratioIn(prompt) ?? 1);
  }
  const size = parseSize(asked);
  if (size === undefined) {
    const words = rule.keywords.map((word) => `'${word.toLowerCase()}'`);
    throw badSize(
      `size must be one of 'WIDTHxHEIGHT', ${words.slice(0, -1).join(', ')}, or ${words.at(-1)}.`,
    );
  }
  const pixels = size.width * size.height;
  // The two wordings as measured: one ends in a full stop, the other does not.
  const end = rule.noun === 'size' ? '.' : '';
  if (pixels < rule.min) throw badSize(`image ${rule.noun} must be at least ${rule.min} pixels${end}`);
  if (pixels > rule.max) throw badSize(`image ${rule.noun} must be at most ${rule.max} pixels${end}`);
  const ratio = size.width / size.height;
  if (ratio > MAX_RATIO || ratio < 1 / MAX_RATIO) {
    throw badSize(`aspect ratio must be between 1/${MAX_RATIO} and ${MAX_RATIO}.`);
  }
  return size;
}

/** With a keyword the model reads the shape from the prompt. */
function ratioIn(prompt: string): number | undefined {
  const found = /(\d{1,2})\s*[:：]\s*(\d{1,2})/.exec(prompt);
  const ratio = Number(found?.[1]) / Number(found?.[2]);
  return Number.isFinite(ratio) && ratio > 0 ? ratio : undefined;
}

function nearest(sizes: readonly string[], ratio: number): Size {
  const distance = (size: Size): number => Math.abs(size.width / size.height - ratio);
  return sizes
    .flatMap((text) => parseSize(text) ?? [])
    .reduce((best, size) => (distance(size) < distance(best) ? size : best));
}

function turned(size: string): string {
  return size.split('x').reverse().join('x');
}

function parseSize(text: string): Size | undefined {
  const found = WIDTH_X_HEIGHT.exec(text);
  return found === null ? undefined : { width: Number(found[1]), height: Number(found[2]) };
}

function badSize(problem: string): ReturnType<typeof invalidParameter> {
  return invalidParameter('size', problem, '');
}
