import type { Random } from './random.ts';

/** A value from 0 to 1 for each point of the plane, smooth and without a pattern. */
export type Noise = (x: number, y: number) => number;

/** Value noise over a lattice of 256 by 256 random values, with smooth steps in between. */
const createValueNoise = (random: Random): Noise => {
  const lattice = Float32Array.from({ length: 65_536 }, random);
  return (x, y) => {
    const column = Math.floor(x);
    const row = Math.floor(y);
    const right = x - column;
    const down = y - row;
    const across = right * right * (3 - 2 * right);
    const along = down * down * (3 - 2 * down);
    const here = (row & 255) << 8;
    const below = ((row + 1) & 255) << 8;
    const west = column & 255;
    const east = (column + 1) & 255;
    const northWest = lattice[here | west] as number;
    const southWest = lattice[below | west] as number;
    const top = northWest + ((lattice[here | east] as number) - northWest) * across;
    const bottom = southWest + ((lattice[below | east] as number) - southWest) * across;
    return top + (bottom - top) * along;
  };
};

/** Three octaves of value noise. */
export const createNoise = (random: Random): Noise => {
  const noise = createValueNoise(random);
  return (x, y) =>
    noise(x, y) * 0.58 +
    noise(x * 2.03 + 17.1, y * 2.03 + 9.2) * 0.28 +
    noise(x * 4.07 + 3.3, y * 4.07 + 71.7) * 0.14;
};
