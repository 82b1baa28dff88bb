import { describe, expect, it } from 'vitest';
import { type Palette, paletteFor, rampSteps } from './palette.ts';
import { randomFrom } from './random.ts';

const ordinary = { chroma: 1, contrast: 1 };

const paletteOf = (words: string, strength = ordinary): Palette =>
  paletteFor(words, strength, randomFrom('seed'));

/** Average red, green and blue of a part of the ramp. */
const averageOf = ({ ramp }: Palette, from = 0, to = rampSteps) => {
  const mean = (channel: number): number => {
    let sum = 0;
    for (let step = from; step < to; step += 1) sum += ramp[step * 3 + channel] ?? 0;
    return sum / (to - from);
  };
  return { red: mean(0), green: mean(1), blue: mean(2) };
};

/** How far from grey a palette is. */
const colourfulness = (palette: Palette): number => {
  const { red, green, blue } = averageOf(palette);
  return Math.max(red, green, blue) - Math.min(red, green, blue);
};

describe('the palette of a prompt', () => {
  it.each(['A golden crown', '背景用黄金色艺术字', 'sunset', '日落', 'red lanterns', '红灯笼'])(
    'is warm for %s',
    (words) => {
      const { red, blue } = averageOf(paletteOf(words));
      expect(red).toBeGreaterThan(blue + 40);
    },
  );

  it.each(['the blue sea', '大海', 'a night', '夜'])('is cool for %s', (words) => {
    const { red, blue } = averageOf(paletteOf(words));
    expect(blue).toBeGreaterThan(red + 40);
  });

  it.each(['a forest', '森林'])('is green for %s', (words) => {
    const { red, green, blue } = averageOf(paletteOf(words));
    expect(green).toBeGreaterThan(Math.max(red, blue) + 20);
  });

  it('takes a word for a word, not for a part of another', () => {
    expect(paletteOf('nice hundred seats')).toEqual(paletteOf('words of no colour'));
  });

  it('sets cool shadows against warm lights when both are asked for', () => {
    const palette = paletteOf('黄金 冷暖色对比');
    const shadows = averageOf(palette, 0, 100);
    const lights = averageOf(palette, 700, 900);
    expect(shadows.blue).toBeGreaterThan(shadows.red);
    expect(lights.red).toBeGreaterThan(lights.blue + 60);
  });

  it('is paler for snow, and nearly grey for ink', () => {
    expect(colourfulness(paletteOf('blue snow'))).toBeLessThan(colourfulness(paletteOf('blue')) * 0.8);
    expect(colourfulness(paletteOf('水墨'))).toBeLessThan(30);
  });

  it('has the strength that is asked for', () => {
    expect(colourfulness(paletteOf('gold', { chroma: 0.5, contrast: 1 }))).toBeLessThan(
      colourfulness(paletteOf('gold')),
    );
    const darkest = (contrast: number) => averageOf(paletteOf('gold', { chroma: 1, contrast }), 0, 50).red;
    expect(darkest(1.2)).toBeLessThan(darkest(0.8) - 10);
  });

  it('runs from dark to light whatever it is', () => {
    for (let seed = 0; seed < 300; seed += 1) {
      const palette = paletteFor('a cat', ordinary, randomFrom(String(seed)));
      const lumas = [0, 256, 512, 768, rampSteps - 1].map((step) => {
        const { red, green, blue } = averageOf(palette, step, step + 1);
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
      });
      expect(lumas).toEqual(lumas.toSorted((one, other) => one - other));
    }
  });
});
