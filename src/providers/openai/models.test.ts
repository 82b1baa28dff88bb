import { describe, expect, it } from 'vitest';
import { priceOf } from '../../core/model-card.ts';
import { formatSize } from '../../core/size.ts';
import { plannedCall, sizeOf } from '../contract/samples.ts';
import { cardOf } from './models.ts';

const square = { width: 1024, height: 1024 };
const wide = { width: 1792, height: 1024 };

const drawn = (model: string, asked: string): string =>
  formatSize(plannedCall(cardOf(model), { size: sizeOf(asked) }).size);

/** What a caller asks, and what 2.6, 1.5, DALL·E 3 and a Stable Diffusion are asked to draw. */
const sizes = [
  ['1024x1024', '1024x1024', '1024x1024', '1024x1024', '1024x1024'],
  ['1024x1792', '1024x1792', '1024x1536', '1024x1792', '1024x1792'],
  ['1792x1024', '1792x1024', '1536x1024', '1792x1024', '1792x1024'],
  ['1328x1328', '1328x1328', '1024x1024', '1024x1024', '1344x1344'],
  ['64x64', '816x816', '1024x1024', '1024x1024', '256x256'],
] as const;

describe('the models of OpenAI', () => {
  it.each(sizes)('asked for %s draw %s, %s, %s, %s', (asked, newest, older, dallE, other) => {
    const models = ['gpt-image-2.6-flare', 'gpt-image-1.5', 'dall-e-3', 'sd-xl'];
    expect(models.map((model) => drawn(model, asked))).toEqual([newest, older, dallE, other]);
  });

  it('cost what the list says, by quality', () => {
    const price = (model: string, quality?: string, size = square) => priceOf(cardOf(model), size, quality);
    expect(
      ['low', 'medium', 'high', 'hd', 'auto', 'standard', undefined].map((quality) =>
        price('gpt-image-2', quality),
      ),
    ).toEqual([6000, 53_000, 211_000, 211_000, 211_000, 53_000, 53_000]);
    expect([
      price('dall-e-3'),
      price('dall-e-3', 'hd'),
      price('dall-e-3', 'standard', wide),
      price('dall-e-3', 'hd', wide),
    ]).toEqual([40_000, 80_000, 80_000, 120_000]);
    expect(cardOf('gpt-image-2.6-flare')).not.toHaveProperty('price');
  });

  it('say when OpenAI switches them off', () => {
    expect(cardOf('dall-e-3').retiresAt).toBe('2026-05-12T00:00:00Z');
    expect(cardOf('gpt-image-1.5').retiresAt).toBe('2026-12-01T00:00:00Z');
    expect(cardOf('gpt-image-2.6-flare')).not.toHaveProperty('retiresAt');
  });

  it.each([
    ['our-gpt-image-1-deployment', 'gpt-image-1.5'],
    ['gptimage2', 'gpt-image-2'],
    ['gpt-image-3', 'gpt-image-2.6-flare'],
    ['gpt-image-2.7-flare', 'gpt-image-2.6-flare'],
    ['Dalle3', 'dall-e-3'],
    ['dalle-2', 'dall-e-2'],
  ])('take %s for a %s without a price', (id, known) => {
    const { price: _price, retiresAt: _retiresAt, ...card } = cardOf(known);
    expect(cardOf(id)).toEqual({ ...card, upstreamModel: id });
  });

  it('know two more qualities from 2.5 on', () => {
    expect(cardOf('gpt-image-2.5-flare').qualities).toContain('max');
    expect(cardOf('gpt-image-2').qualities).not.toContain('max');
  });

  it('take a reference unless they are DALL·E', () => {
    expect(cardOf('dall-e-3')).not.toHaveProperty('reference');
    expect(cardOf('gpt-image-2.6-flare').reference?.maxBytes).toBeLessThan(50_000_000);
    expect(cardOf('sd-xl').reference?.formats).toEqual(['png', 'jpeg', 'webp']);
  });
});
