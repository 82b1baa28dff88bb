import type { Size } from '../../core/size.ts';
import type { Noise } from './noise.ts';
import { rampSteps } from './palette.ts';
import type { Random } from './random.ts';

/** The folds are computed for every sixth pixel; a coarser grid shows steps on steep edges. */
const gridPixels = 6;

/** Heights from 0 to 1 on a coarse grid over the picture. */
interface Field {
  readonly heights: Float32Array;
  readonly columns: number;
  readonly rows: number;
}

/** Paints folds of cloth in the colours of the ramp: three bytes a pixel. */
export const paintFolds = (size: Size, ramp: Uint8Array, noise: Noise, random: Random): Buffer =>
  colourField(size, lightFromAbove(evenOut(foldedField(size, noise, random))), ramp);

/** Noise that is bent by noise that is bent by noise, drawn out along a slope. */
const foldedField = ({ width, height }: Size, noise: Noise, random: Random): Field => {
  const columns = Math.ceil(width / gridPixels) + 2;
  const rows = Math.ceil(height / gridPixels) + 2;
  const scale = (gridPixels / Math.min(width, height)) * (1.5 + random() * 0.8);
  const bend = 1.5 + random() * 1.1;
  const angle = random() * Math.PI;
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const heights = new Float32Array(columns * rows);
  for (let row = 0, place = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1, place += 1) {
      const along = (column * cos + row * sin) * scale;
      const across = (row * cos - column * sin) * scale;
      const [x, y] = [along * 0.6 + 40, across * 1.2 + 40];
      const first = noise(x + 5.2, y + 1.3);
      const second = noise(x + bend * first + 8.3, y + bend * first * 0.7 + 2.8);
      heights[place] = noise(x + bend * second, y + bend * second + 4) + 0.16 * across;
    }
  }
  return { heights, columns, rows };
};

const stretch = (heights: Float32Array): void => {
  let [least, most] = [Infinity, -Infinity];
  for (const height of heights) {
    if (height < least) least = height;
    if (height > most) most = height;
  }
  const range = most - least || 1;
  for (let place = 0; place < heights.length; place += 1) {
    heights[place] = ((heights[place] as number) - least) / range;
  }
};

const bins = 512;

/** Brings all heights about equally often, so that a picture shows its whole ramp. */
const evenOut = (field: Field): Field => {
  const { heights } = field;
  stretch(heights);
  const below = new Float32Array(bins + 1);
  for (const height of heights) below[Math.min(bins, Math.floor(height * bins) + 1)]! += 1 / heights.length;
  for (let bin = 1; bin <= bins; bin += 1) below[bin]! += below[bin - 1] as number;
  for (let place = 0; place < heights.length; place += 1) {
    const height = heights[place] as number;
    const bin = Math.min(bins - 1, Math.floor(height * bins));
    const share = below[bin] as number;
    const rank = share + ((below[bin + 1] as number) - share) * (height * bins - bin);
    heights[place] = 0.4 * height + 0.6 * rank;
  }
  return field;
};

/** Lightens the slopes that face the upper left and darkens the others. */
const lightFromAbove = (field: Field): Field => {
  const { heights, columns, rows } = field;
  const lit = new Float32Array(heights.length);
  // Grid steps across the shorter side: slopes look the same in a small picture and in a large one.
  const strength = 0.016 * Math.min(columns, rows);
  for (let row = 0, place = 0; row < rows; row += 1) {
    const up = row > 0 ? columns : 0;
    const down = row < rows - 1 ? columns : 0;
    for (let column = 0; column < columns; column += 1, place += 1) {
      const left = column > 0 ? 1 : 0;
      const right = column < columns - 1 ? 1 : 0;
      const slope = (heights[place + down + right] as number) - (heights[place - up - left] as number);
      const light = slope * strength;
      lit[place] = (heights[place] as number) + 0.16 * (light / (1 + Math.abs(light)));
    }
  }
  stretch(lit);
  return { heights: lit, columns, rows };
};

/** Colours the field at full size, interpolating between its points. */
const colourField = ({ width, height }: Size, { heights, columns }: Field, ramp: Uint8Array): Buffer => {
  const pixels = Buffer.allocUnsafe(width * height * 3);
  for (let y = 0, out = 0; y < height; y += 1) {
    const row = Math.floor(y / gridPixels);
    const down = y / gridPixels - row;
    for (let x = 0, cell = row * columns; x < width; cell += 1) {
      const left = (heights[cell] as number) * (1 - down) + (heights[cell + columns] as number) * down;
      const right =
        (heights[cell + 1] as number) * (1 - down) + (heights[cell + columns + 1] as number) * down;
      const step = ((right - left) / gridPixels) * (rampSteps - 1);
      const end = Math.min(width, x + gridPixels);
      for (let value = left * (rampSteps - 1); x < end; x += 1, value += step, out += 3) {
        const colour = Math.floor(value) * 3;
        pixels[out] = ramp[colour] as number;
        pixels[out + 1] = ramp[colour + 1] as number;
        pixels[out + 2] = ramp[colour + 2] as number;
      }
    }
  }
  return pixels;
};
