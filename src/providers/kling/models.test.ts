import { describe, expect, it } from 'vitest';
import { priceOf } from '../../core/model-card.ts';
import { planCalls } from '../../core/plan.ts';
import { requestOf, sizeOf } from '../contract/samples.ts';
import { cardOf, cards, wireSizeOf } from './models.ts';

const planned = (asked: string, n = 1) =>
  planCalls({ request: requestOf({ n, size: sizeOf(asked) }), card: cardOf('kling-v3'), hasReference: false })
    .calls;

describe('the size that Kling is asked to draw', () => {
  it.each([
    ['1024x1024', '1:1', '1k'],
    ['512x512', '1:1', '1k'],
    ['1328x1328', '1:1', '2k'],
    ['2048x2048', '1:1', '2k'],
    ['1024x1792', '9:16', '2k'],
    ['1792x1024', '16:9', '2k'],
    ['1280x720', '16:9', '1k'],
    ['1536x1024', '3:2', '2k'],
    ['1024x1536', '2:3', '2k'],
    ['768x1024', '3:4', '1k'],
    ['1024x768', '4:3', '1k'],
    ['2520x1080', '21:9', '2k'],
  ])('for %s is %s in %s', (asked, aspectRatio, resolution) => {
    const [call] = planned(asked);
    expect(wireSizeOf(call?.size ?? sizeOf('1x1'))).toEqual({ aspectRatio, resolution });
  });

  it('has words for a size that an operator put into a card', () => {
    expect(wireSizeOf(sizeOf('1920x1080'))).toEqual({ aspectRatio: '16:9', resolution: '2k' });
  });
});

describe('the models of Kling', () => {
  it('make up to nine pictures in one call', () => {
    expect(planned('1024x1024', 4)).toMatchObject([{ images: 4 }]);
  });

  it('cost by what they are made from', () => {
    const size = sizeOf('2048x2048');
    expect(priceOf(cardOf('kling-v3'), size, undefined)).toBe(28_000);
    expect(priceOf(cardOf('kling-v3'), size, undefined, true)).toBe(28_000);
    expect(priceOf(cardOf('kling-v2-1'), size, undefined)).toBe(14_000);
    expect(priceOf(cardOf('kling-v2-1'), size, undefined, true)).toBe(28_000);
  });

  it('are those of this path, and any other id has no price', () => {
    expect(cards.map(({ upstreamModel }) => upstreamModel)).toEqual(['kling-v3', 'kling-v2-1']);
    const { price: _price, ...v3 } = cardOf('kling-v3');
    expect(cardOf('kling-v1')).toEqual({ ...v3, upstreamModel: 'kling-v1' });
  });
});
