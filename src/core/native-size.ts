import type { SizeRule } from './model-card.ts';
import { pixelsOf } from './model-card.ts';
import { isSameSize } from './size.ts';
import type { Size } from './size.ts';

type Range = Extract<SizeRule, { kind: 'range' }>;

/**
 * How much worse than the best shape a size may be and still count as well shaped: what rounding sides and naming
 * `16:9` does to a ratio, and far less than what a viewer would miss after a crop.
 */
const SHAPE_TOLERANCE = 0.02;

/** Whether a model with this rule makes the size by itself. */
export const isNative = (rule: SizeRule, size: Size): boolean => {
  if (rule.kind === 'list') return rule.sizes.some((listed) => isSameSize(listed, size));
  const { width, height } = size;
  const [short, long] = width < height ? [width, height] : [height, width];
  return (
    short >= rule.minSide &&
    long <= rule.maxSide &&
    long <= short * rule.maxRatio &&
    pixelsOf(size) >= rule.minPixels &&
    pixelsOf(size) <= rule.maxPixels &&
    width % rule.multipleOf === 0 &&
    height % rule.multipleOf === 0
  );
};

/**
 * The size to have drawn when this one is asked for: the asked one where the model makes it; else, of those with
 * (nearly) the best shape, one that need not be enlarged, or least; else the one with the fewest pixels to spare.
 * Throws when the rule allows no size at all.
 */
export const chooseNativeSize = (rule: SizeRule, asked: Size): Size => {
  if (isNative(rule, asked)) return asked;
  const candidates = rule.kind === 'list' ? rule.sizes : candidatesIn(rule, asked);
  const judged = candidates.map((size) => judge(size, asked));
  const shapely = Math.max(...judged.map(({ kept }) => kept)) * (1 - SHAPE_TOLERANCE);
  const [best] = judged
    .filter(({ kept }) => kept >= shapely)
    .sort((one, other) => one.enlarged - other.enlarged || one.spare - other.spare);
  if (!best) throw new Error(`a model card allows no size: ${JSON.stringify(rule)}`);
  return best.size;
};

/** What becomes of a drawn size on its way to the asked one, scaled to cover it and cropped. */
const judge = (size: Size, asked: Size) => {
  const [across, down] = [asked.width / size.width, asked.height / size.height];
  /** The share of the picture that the crop leaves. */
  const kept = Math.min(across, down) / Math.max(across, down);
  return {
    size,
    kept,
    /** 1 when it is large enough. */
    enlarged: Math.max(1, across, down),
    /** Pixels drawn; what is cropped counts twice, so that a better shape is worth some pixels. */
    spare: pixelsOf(size) / kept ** 2,
  };
};

/** For each height that the rule allows, the allowed widths next to the asked shape. */
const candidatesIn = (rule: Range, asked: Size): readonly Size[] => {
  const { multipleOf: step } = rule;
  const candidates: Size[] = [];
  for (let height = Math.ceil(rule.minSide / step) * step; height <= rule.maxSide; height += step) {
    const wished = (asked.width / asked.height) * height;
    const narrowest = Math.max(rule.minSide, rule.minPixels / height, height / rule.maxRatio);
    const widest = Math.min(rule.maxSide, rule.maxPixels / height, height * rule.maxRatio);
    const [from, to] = [Math.ceil(narrowest / step) * step, Math.floor(widest / step) * step];
    if (from > to) continue;
    const within = (width: number): number => Math.min(to, Math.max(from, width));
    const widths = new Set([
      within(Math.floor(wished / step) * step),
      within(Math.ceil(wished / step) * step),
    ]);
    for (const width of widths) {
      // The bounds came from divisions; the rule itself has the last word.
      if (isNative(rule, { width, height })) candidates.push({ width, height });
    }
  }
  return candidates;
};
