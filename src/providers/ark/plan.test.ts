import { describe, expect, it } from 'vitest';
import { formatSize } from '../../core/size.ts';
import { plannedCall, sizeOf } from '../contract/samples.ts';
import { cardOf } from './models.ts';

const drawn = (model: string, asked: string): string =>
  formatSize(plannedCall(cardOf(model), { size: sizeOf(asked) }).size);

/** What a caller asks, and what 5.0 pro, 4.5 and 3.0 are asked to draw. */
const table = [
  ['1024x1024', '1024x1024', '1920x1920', '1024x1024'],
  ['1024x1792', '1024x1792', '1456x2544', '1024x1792'],
  ['1792x1024', '1792x1024', '2544x1456', '1792x1024'],
  ['1328x1328', '1328x1328', '1920x1920', '1328x1328'],
  ['64x64', '960x960', '1920x1920', '512x512'],
  ['1000x1000', '1000x1000', '1920x1920', '1000x1000'],
  ['1001x999', '1008x1000', '1920x1920', '1008x1000'],
  ['4096x512', '4096x512', '5440x680', '2048x512'],
  ['64x4096', '256x4096', '480x7680', '512x2048'],
  ['4096x4096', '2144x2144', '4096x4096', '2048x2048'],
] as const;

describe('the size that Ark is asked to draw', () => {
  it.each(table)('for %s is %s, %s, %s', (asked, pro, newer, old) => {
    expect([
      drawn('doubao-seedream-5-0-pro-260628', asked),
      drawn('doubao-seedream-4-5-251128', asked),
      drawn('doubao-seedream-3-0-t2i-250415', asked),
    ]).toEqual([pro, newer, old]);
  });
});
