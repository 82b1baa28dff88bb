import { describe, expect, it } from 'vitest';
import { priceOf } from '../../core/model-card.ts';
import { formatSize } from '../../core/size.ts';
import { plannedCall, sizeOf } from '../contract/samples.ts';
import { cardOf, cards } from './models.ts';

const drawn = (model: string, asked: string): string =>
  formatSize(plannedCall(cardOf(model), { size: sizeOf(asked) }).size);

/** What a caller asks, and what 4.0, 3.0, image to image 3.0 and 2.1 are asked to draw. */
const table = [
  ['1024x1024', '1024x1024', '1024x1024', '1024x1024', '1024x1024'],
  ['1024x1792', '1024x1792', '1024x1792', '880x1536', '880x1536'],
  ['1792x1024', '1792x1024', '1792x1024', '1536x880', '1536x880'],
  ['1328x1328', '1328x1328', '1328x1328', '1328x1328', '1328x1328'],
  ['600x600', '1024x1024', '600x600', '896x896', '608x608'],
  ['4096x4096', '4096x4096', '2048x2048', '1536x1536', '1536x1536'],
  ['4096x512', '4096x512', '2048x688', '1536x512', '1536x512'],
] as const;

describe('the size that Jimeng is asked to draw', () => {
  it.each(table)('for %s is %s, %s, %s, %s', (asked, ...sizes) => {
    const models = ['jimeng_t2i_v40', 'jimeng_t2i_v30', 'jimeng_i2i_v30', 'jimeng_high_aes_general_v21_L'];
    expect(models.map((model) => drawn(model, asked))).toEqual(sizes);
  });
});

describe('the cards of Jimeng', () => {
  it('price 4.x at 0.22 and 3.x at 0.20 CNY for each picture', () => {
    const size = { width: 4096, height: 4096 };
    const prices = cards.map((card) => [
      card.upstreamModel,
      card.price?.currency,
      priceOf(card, size, undefined),
    ]);
    expect(prices).toEqual([
      ['jimeng_t2i_v40', 'CNY', 220_000],
      ['jimeng_seedream46_cvtob', 'CNY', 220_000],
      ['jimeng_t2i_v31', 'CNY', 200_000],
      ['jimeng_t2i_v30', 'CNY', 200_000],
      ['jimeng_i2i_v30', 'CNY', 200_000],
      ['jimeng_high_aes_general_v21_L', undefined, 0],
      ['high_aes_general_v30l_zt2i', undefined, 0],
    ]);
  });

  it('take any other req_key for one of the 4.0 generation, without a price', () => {
    const card = cardOf('jimeng_t2i_v99');
    expect(card).toMatchObject({ upstreamModel: 'jimeng_t2i_v99', sizes: cardOf('jimeng_t2i_v40').sizes });
    expect(card.price).toBeUndefined();
  });

  it('let only image to image 3.0 take a reference as bytes: 4.x knows links alone', () => {
    expect(cards.filter(({ reference }) => reference).map(({ upstreamModel }) => upstreamModel)).toEqual([
      'jimeng_i2i_v30',
    ]);
  });

  it('have a seed where the current edition has one', () => {
    expect(cards.filter(({ seed }) => !seed).map(({ upstreamModel }) => upstreamModel)).toEqual([
      'jimeng_t2i_v40',
      'jimeng_seedream46_cvtob',
    ]);
  });
});
