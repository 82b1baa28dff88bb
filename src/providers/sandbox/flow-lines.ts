import type { Size } from '../../core/size.ts';
import type { Noise } from './noise.ts';
import type { Palette, Rgb } from './palette.ts';
import type { Random } from './random.ts';

/** Directions are computed for every 24th pixel. */
const gridPixels = 24;

/** Distance between two points of a line, in pixels: near enough that they look like one stroke. */
const stepPixels = 1.3;

/** Lines that start side by side and run like one ribbon. */
const linesPerRibbon = 14;

/**
 * Draws fine light lines that follow one current: half of them alone, half in ribbons.
 *
 * @param density 1 is ordinary.
 */
export const drawFlowLines = (
  pixels: Buffer,
  size: Size,
  { light, accent }: Palette,
  noise: Noise,
  random: Random,
  density: number,
): void => {
  const side = Math.min(size.width, size.height);
  const directionAt = createCurrent(size, noise);
  const steps = Math.round((side / 1024) * (110 + random() * 90)) + 6;
  const count = Math.round((density * size.width * size.height) / (side * 1.5));
  const spacing = Math.max(2, side * 0.0065);
  for (let line = 0; line < count;) {
    const [x, y] = [random() * size.width, random() * size.height];
    const colour = random() < 0.2 ? accent : light;
    const ribbon = random() < 0.07 ? linesPerRibbon : 1;
    const opacity = ribbon > 1 ? 0.3 : 0.08 + 0.2 * random();
    const across = directionAt(x, y) + Math.PI / 2;
    for (let thread = 0; thread < ribbon; thread += 1, line += 1) {
      const offset = (thread - (ribbon - 1) / 2) * spacing;
      const start = [x + Math.cos(across) * offset, y + Math.sin(across) * offset] as const;
      const length = ribbon > 1 ? steps * 2 : steps;
      drawLine(pixels, size, start, length, directionAt, colour, opacity * (1 - thread / (ribbon * 1.4)));
    }
  }
};

type Current = (x: number, y: number) => number;

/** The direction of the current at each point, in radians. */
const createCurrent = ({ width, height }: Size, noise: Noise): Current => {
  const columns = Math.floor(width / gridPixels) + 2;
  const rows = Math.floor(height / gridPixels) + 2;
  const scale = (1.25 * gridPixels) / Math.min(width, height);
  const directions = new Float32Array(columns * rows);
  for (let row = 0, place = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1, place += 1) {
      directions[place] = noise(column * scale + 31, row * scale + 57) * 11;
    }
  }
  return (x, y) => {
    const column = Math.floor(x / gridPixels);
    const row = Math.floor(y / gridPixels);
    const right = x / gridPixels - column;
    const down = y / gridPixels - row;
    const cell = row * columns + column;
    const northWest = directions[cell] as number;
    const southWest = directions[cell + columns] as number;
    const top = northWest + ((directions[cell + 1] as number) - northWest) * right;
    const bottom = southWest + ((directions[cell + columns + 1] as number) - southWest) * right;
    return top + (bottom - top) * down;
  };
};

/** One line that swells from nothing and fades out again, up to the edge of the picture. */
const drawLine = (
  pixels: Buffer,
  { width, height }: Size,
  [startX, startY]: readonly [number, number],
  steps: number,
  directionAt: Current,
  colour: Rgb,
  opacity: number,
): void => {
  for (let step = 0, x = startX, y = startY; step < steps; step += 1) {
    if (x < 0 || y < 0 || x >= width - 1 || y >= height - 1) return;
    touch(pixels, width, x, y, colour, opacity * Math.sin((Math.PI * step) / steps));
    const direction = directionAt(x, y);
    x += Math.cos(direction) * stepPixels;
    y += Math.sin(direction) * stepPixels;
  }
};

/** Mixes a colour into the four pixels around a point, each by its nearness, so that lines have no steps. */
const touch = (pixels: Buffer, width: number, x: number, y: number, colour: Rgb, opacity: number): void => {
  const column = Math.floor(x);
  const row = Math.floor(y);
  const right = x - column;
  const down = y - row;
  for (let corner = 0; corner < 4; corner += 1) {
    const dx = corner & 1;
    const dy = corner >> 1;
    const share = opacity * (dx === 1 ? right : 1 - right) * (dy === 1 ? down : 1 - down);
    const out = ((row + dy) * width + column + dx) * 3;
    for (let channel = 0; channel < 3; channel += 1) {
      const under = pixels[out + channel] as number;
      pixels[out + channel] = under + ((colour[channel] as number) - under) * share;
    }
  }
};
