import type { Size } from '../../core/size.ts';
import { type Palette, RAMP, type Rgb } from './palette.ts';
import type { Random } from './random.ts';

/** A value from 0 to 1 for each point of the plane, smooth and without a pattern. */
type Noise = (x: number, y: number) => number;

/** Value noise over a lattice of 256 by 256 random values, with smooth steps in between. */
const createNoise = (random: Random): Noise => {
  const lattice = Float32Array.from({ length: 65_536 }, random);
  const at = (x: number, y: number): number => lattice[((y & 255) << 8) | (x & 255)] as number;
  return (x, y) => {
    const [column, row] = [Math.floor(x), Math.floor(y)];
    const [right, down] = [x - column, y - row];
    const across = right * right * (3 - 2 * right);
    const along = down * down * (3 - 2 * down);
    const top = at(column, row) + (at(column + 1, row) - at(column, row)) * across;
    const bottom = at(column, row + 1) + (at(column + 1, row + 1) - at(column, row + 1)) * across;
    return top + (bottom - top) * along;
  };
};

/** Three octaves of noise. */
const layered =
  (noise: Noise): Noise =>
  (x, y) =>
    noise(x, y) * 0.55 + noise(x * 2.03 + 17.1, y * 2.03 + 9.2) * 0.28 + noise(x * 4.07 + 3.3, y * 4.07 + 71.7) * 0.17;

/** The field is computed for every sixth pixel; a coarser grid shows steps on steep edges. */
const GRID = 6;

/** Folds of cloth, or ink in water: noise that is bent by noise, from 0 to 1, on the coarse grid. */
const foldedField = ({ width, height }: Size, noise: Noise, random: Random) => {
  const columns = Math.ceil(width / GRID) + 2;
  const rows = Math.ceil(height / GRID) + 2;
  const scale = ((2.2 * GRID) / Math.min(width, height)) * (1 + random() * 0.5);
  const bend = 1.6 + random() * 1.4;
  const angle = random() * 2 * Math.PI;
  const field = new Float32Array(columns * rows);
  let [least, most] = [Infinity, -Infinity];
  for (let row = 0, place = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1, place += 1) {
      const [x, y] = [column * scale, row * scale];
      const first = noise(x + 5.2, y + 1.3);
      const second = noise(x + bend * first + 8.3, y + bend * first * 0.7 + 2.8);
      const slope = 0.0875 * (x * Math.cos(angle) + y * Math.sin(angle));
      const value = 0.8 * noise(x + bend * second, y + bend * second + 4) + slope;
      field[place] = value;
      least = Math.min(least, value);
      most = Math.max(most, value);
    }
  }
  const range = most - least || 1;
  for (let place = 0; place < field.length; place += 1) field[place] = ((field[place] as number) - least) / range;
  return { field, columns };
};

/** Colours the field at full size, interpolating between its points. */
const colourField = (size: Size, field: Float32Array, columns: number, ramp: Uint8Array): Buffer => {
  const { width, height } = size;
  const pixels = Buffer.allocUnsafe(width * height * 3);
  for (let y = 0, out = 0; y < height; y += 1) {
    const row = Math.floor(y / GRID) * columns;
    const down = y / GRID - Math.floor(y / GRID);
    for (let x = 0, cell = row; x < width; cell += 1) {
      const left = (field[cell] as number) * (1 - down) + (field[cell + columns] as number) * down;
      const right = (field[cell + 1] as number) * (1 - down) + (field[cell + columns + 1] as number) * down;
      const step = ((right - left) / GRID) * (RAMP - 1);
      for (let value = left * (RAMP - 1), end = Math.min(width, x + GRID); x < end; x += 1, value += step) {
        const colour = Math.floor(value) * 3;
        pixels[out] = ramp[colour] as number;
        pixels[out + 1] = ramp[colour + 1] as number;
        pixels[out + 2] = ramp[colour + 2] as number;
        out += 3;
      }
    }
  }
  return pixels;
};

/** Mixes a colour into the four pixels around a point, each by its nearness, so that lines have no steps. */
const touch = (pixels: Buffer, width: number, x: number, y: number, colour: Rgb, opacity: number): void => {
  const [column, row] = [Math.floor(x), Math.floor(y)];
  const [right, down] = [x - column, y - row];
  for (let corner = 0; corner < 4; corner += 1) {
    const [dx, dy] = [corner & 1, corner >> 1];
    const share = opacity * (dx === 1 ? right : 1 - right) * (dy === 1 ? down : 1 - down);
    const out = ((row + dy) * width + column + dx) * 3;
    for (let channel = 0; channel < 3; channel += 1) {
      const under = pixels[out + channel] as number;
      pixels[out + channel] = under + ((colour[channel] as number) - under) * share;
    }
  }
};

/** Directions are computed for every 24th pixel. */
const FLOW_GRID = 24;

/** Fine light lines that follow one current. */
const drawFlow = (pixels: Buffer, size: Size, palette: Palette, noise: Noise, random: Random, density: number): void => {
  const { width, height } = size;
  const columns = Math.floor(width / FLOW_GRID) + 2;
  const rows = Math.floor(height / FLOW_GRID) + 2;
  const scale = (1.7 * FLOW_GRID) / Math.min(width, height);
  const directions = new Float32Array(columns * rows);
  for (let row = 0, place = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1, place += 1) {
      directions[place] = noise(column * scale + 31, row * scale + 57) * 13;
    }
  }
  const lines = Math.round((density * width * height) / 1900);
  const length = 90 + Math.floor(random() * 90);
  for (let line = 0; line < lines; line += 1) {
    let [x, y] = [random() * width, random() * height];
    const colour = random() < 0.14 ? palette.accent : palette.light;
    const opacity = 0.05 + 0.16 * random();
    for (let step = 0; step < length; step += 1) {
      if (x < 1 || y < 1 || x >= width - 2 || y >= height - 2) break;
      const cell = Math.floor(y / FLOW_GRID) * columns + Math.floor(x / FLOW_GRID);
      const direction =
        (directions[cell] as number) +
        ((directions[cell + 1] as number) - (directions[cell] as number)) * (x / FLOW_GRID - Math.floor(x / FLOW_GRID));
      touch(pixels, width, x, y, colour, opacity * Math.sin((Math.PI * step) / length));
      x += Math.cos(direction) * 1.3;
      y += Math.sin(direction) * 1.3;
    }
  }
};

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

/** Mixes the reference in: its shapes in full, its colours by half, so that both pictures are seen. */
const showThrough = (pixels: Buffer, reference: Buffer): void => {
  for (let place = 0; place < pixels.length; place += 1) {
    pixels[place] = (reference[place] as number) * 0.68 + (pixels[place] as number) * 0.32;
  }
};

/** Composes a picture: three bytes a pixel, row by row. */
export const compose = ({ size, palette, random, density, reference }: Composition): Buffer => {
  const noise = layered(createNoise(random));
  const { field, columns } = foldedField(size, noise, random);
  const pixels = colourField(size, field, columns, palette.ramp);
  if (reference !== undefined) showThrough(pixels, reference);
  drawFlow(pixels, size, palette, noise, random, density);
  return pixels;
};
