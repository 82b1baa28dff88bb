import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SizeRule } from './model-card.ts';
import { chooseNativeSize, isNative } from './native-size.ts';
import { formatSize, parseSize } from './size.ts';
import type { Size } from './size.ts';

const sizeOf = (text: string): Size => {
  const size = parseSize(text);
  if (!size) throw new Error(`not a size: ${text}`);
  return size;
};

const chosen = (rule: SizeRule, asked: string): string => formatSize(chooseNativeSize(rule, sizeOf(asked)));

const range = (rule: Omit<Extract<SizeRule, { kind: 'range' }>, 'kind'>): SizeRule => ({
  kind: 'range',
  ...rule,
});

/** A rule that allows at least the square of its larger side bound's middle, and much that is odd. */
const rules = fc
  .record({
    minSide: fc.integer({ min: 1, max: 1024 }),
    sides: fc.integer({ min: 64, max: 8000 }),
    least: fc.double({ min: 0, max: 1, noNaN: true }),
    most: fc.double({ min: 0, max: 1, noNaN: true }),
    maxRatio: fc.double({ min: 1.2, max: 20, noNaN: true }),
    multipleOf: fc.constantFrom(1, 2, 8, 16, 32),
  })
  .map(({ minSide, sides, least, most, maxRatio, multipleOf }) => {
    const maxSide = minSide + sides;
    // One square is always legal.
    const side = Math.floor((minSide + maxSide) / 2 / multipleOf + 1) * multipleOf;
    return range({
      minSide,
      maxSide: Math.max(maxSide, side),
      minPixels: Math.floor(side * side * (1 - least * 0.9)),
      maxPixels: Math.ceil(side * side * (1 + most * 3)),
      maxRatio,
      multipleOf,
    });
  });

const asks = fc.record({
  width: fc.integer({ min: 64, max: 4096 }),
  height: fc.integer({ min: 64, max: 4096 }),
});

describe('the size to have drawn', () => {
  it('is always one that the model makes', () => {
    const lists = fc.array(asks, { minLength: 1 }).map((sizes): SizeRule => ({ kind: 'list', sizes }));
    fc.assert(
      fc.property(fc.oneof(rules, lists), asks, (rule, asked) => {
        expect(isNative(rule, chooseNativeSize(rule, asked))).toBe(true);
      }),
    );
  });

  it('is the asked one where the model makes it', () => {
    fc.assert(
      fc.property(rules, asks, (rule, asked) => {
        const made = chooseNativeSize(rule, asked);
        expect(chooseNativeSize(rule, made)).toEqual(made);
      }),
    );
  });

  it('turns with the asked one', () => {
    const turned = ({ width, height }: Size): Size => ({ width: height, height: width });
    fc.assert(
      fc.property(rules, asks, (rule, asked) => {
        const [one, other] = [chooseNativeSize(rule, asked), chooseNativeSize(rule, turned(asked))];
        expect(one.width * one.height).toBe(other.width * other.height);
      }),
    );
  });

  const free = range({
    minSide: 512,
    maxSide: 2048,
    minPixels: 1,
    maxPixels: 5e6,
    maxRatio: 3,
    multipleOf: 16,
  });

  it.each([
    // Small sides grow, the shape stays.
    ['64x64', '512x512'],
    ['256x512', '512x1024'],
    // Sides are rounded up, so that nothing is enlarged.
    ['1000x1001', '1008x1008'],
    // Beyond the largest picture the shape stays and enlarging is left to the fitting.
    ['4096x4096', '2048x2048'],
    ['4096x2048', '2048x1024'],
    // A ratio that the model does not make is cropped later.
    ['2048x64', '2048x688'],
    ['64x512', '512x1536'],
  ])('%s is drawn as %s', (asked, drawn) => {
    expect(chosen(free, asked)).toBe(drawn);
  });

  const list: SizeRule = {
    kind: 'list',
    sizes: ['1024x1024', '2048x2048', '1280x720', '2560x1440', '1424x800', '1024x1536'].map(sizeOf),
  };

  it.each([
    ['1024x1024', '1024x1024'],
    ['1025x1025', '2048x2048'],
    ['512x512', '1024x1024'],
    // 1424x800 is not exactly 16:9, and near enough.
    ['1400x788', '1424x800'],
    ['1920x1080', '2560x1440'],
    ['1024x1792', '1024x1536'],
    ['4096x4096', '2048x2048'],
  ])('of a list, %s is drawn as %s', (asked, drawn) => {
    expect(chosen(list, asked)).toBe(drawn);
  });

  it('does not exist for a rule that allows nothing', () => {
    expect(() => chooseNativeSize({ kind: 'list', sizes: [] }, sizeOf('64x64'))).toThrow('allows no size');
  });
});
