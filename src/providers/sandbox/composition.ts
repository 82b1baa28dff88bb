import type { Size } from '../../core/size.ts';
import { drawDisc } from './disc.ts';
import { drawFlowLines } from './flow-lines.ts';
import { paintFolds } from './folds.ts';
import { createNoise } from './noise.ts';
import { rampSteps, type Palette } from './palette.ts';
import type { Random } from './random.ts';

/** What a picture is composed of. */
export interface Composition {
  readonly size: Size;
  readonly palette: Palette;
  readonly random: Random;
  /** How many fine lines; 1 is ordinary. */
  readonly density: number;
  /** A picture of the same size that shows through, three bytes a pixel. */
  readonly reference?: Buffer;
}

/** Composes a picture: three bytes a pixel, row by row. */
export const compose = ({ size, palette, random, density, reference }: Composition): Buffer => {
  const noise = createNoise(random);
  const pixels = paintFolds(size, palette.ramp, noise, random);
  if (reference === undefined) drawDisc(pixels, size, palette, random);
  else showThrough(pixels, reference, palette.ramp);
  drawFlowLines(pixels, size, palette, noise, random, density);
  return pixels;
};

/** Mixes the reference in, by halves in its own colours and in those of the palette, over a rest of the folds. */
const showThrough = (pixels: Buffer, reference: Buffer, ramp: Uint8Array): void => {
  for (let out = 0; out < pixels.length; out += 3) {
    // Rec. 709 luma.
    const luma =
      0.2126 * (reference[out] as number) +
      0.7152 * (reference[out + 1] as number) +
      0.0722 * (reference[out + 2] as number);
    const colour = Math.floor((luma / 255) * (rampSteps - 1)) * 3;
    for (let channel = 0; channel < 3; channel += 1) {
      pixels[out + channel] =
        (pixels[out + channel] as number) * 0.2 +
        (ramp[colour + channel] as number) * 0.4 +
        (reference[out + channel] as number) * 0.4;
    }
  }
};
