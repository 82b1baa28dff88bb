import { describe, expect, it } from 'vitest';
import { priceOf } from '../../core/model-card.ts';
import { cardOf, cards } from './models.ts';

describe('the models of Ark', () => {
  it('have a price in the currency of their platform', () => {
    for (const card of cards) {
      expect(card.price?.currency).toBe(card.upstreamModel.startsWith('doubao-') ? 'CNY' : 'USD');
      expect(priceOf(card, { width: 1024, height: 1024 }, undefined)).toBeGreaterThan(0);
    }
  });

  it('charge 5.0 pro by its pixels', () => {
    const card = cardOf('doubao-seedream-5-0-pro-260628');
    expect(priceOf(card, { width: 1024, height: 1792 }, undefined)).toBe(300_000);
    expect(priceOf(card, { width: 2048, height: 2048 }, undefined)).toBe(600_000);
  });

  it('take an unknown id for a 5.0 pro without a price', () => {
    const { price: _price, ...pro } = cardOf('doubao-seedream-5-0-pro-260628');
    expect(cardOf('ep-20260101-abcde')).toEqual({ ...pro, upstreamModel: 'ep-20260101-abcde' });
  });

  it('say when they end, as an instant', () => {
    expect(new Date(cardOf('doubao-seedream-3-0-t2i-250415').retiresAt ?? '').toISOString()).toBe(
      '2026-05-11T06:00:00.000Z',
    );
    expect(cardOf('doubao-seedream-5-0-pro-260628')).not.toHaveProperty('retiresAt');
  });
});
