/** What the default routes make of the contract's sizes, and that no model could draw them better. */
import { describe, expect, it } from 'vitest';
import { defaultRoutes } from '../src/config/default-routes.ts';
import { type ModelCard, priceOf, seedSizes } from '../src/core/model-card.ts';
import { planCalls } from '../src/core/plan.ts';
import { formatSize } from '../src/core/size.ts';
import { adapterByName } from '../src/providers/registry.ts';

/** Public model, upstream model, calls for four pictures, price of one, and what is drawn for each of the sizes. */
const table = [
  [
    'seedream-3.0',
    'doubao-seedream-5-0-pro-260628',
    4,
    300_000,
    '1024x1024',
    '1024x1792',
    '1792x1024',
    '1328x1328',
  ],
  ['jimeng', 'jimeng_t2i_v40', 4, 220_000, '1024x1024', '1024x1792', '1792x1024', '1328x1328'],
  // It draws no side over 1536, so that the long pictures are enlarged by a sixth.
  ['jimeng', 'jimeng_i2i_v30', 4, 200_000, '1024x1024', '880x1536', '1536x880', '1328x1328'],
  // It knows shapes in two resolutions; the larger one costs the same.
  ['keling', 'kling-v3', 1, 28_000, '1024x1024', '1536x2720', '2720x1536', '2048x2048'],
  // The vendor publishes no price of a picture.
  ['dall-e-3', 'gpt-image-2.6-flare', 1, 0, '1024x1024', '1024x1792', '1792x1024', '1328x1328'],
] as const;

const cardOf = (model: string, upstreamModel: string): ModelCard => {
  const route = defaultRoutes.find((one) => one.model === model);
  if (!route) throw new Error(`There is no default route for ${model}`);
  return adapterByName(route.provider).card(upstreamModel);
};

const planFor = (model: string, card: ModelCard, size: (typeof seedSizes)[number], n: number) =>
  planCalls({
    request: {
      model,
      prompt: 'A lighthouse',
      n,
      size,
      responseFormat: 'url',
      outputFormat: 'auto',
      watermark: false,
    },
    card,
    hasReference: card.upstreamModel === 'jimeng_i2i_v30',
  });

describe('the default routes', () => {
  it.each(table)(
    'of %s by %s make %i calls for four pictures',
    (model, upstreamModel, count, micros, ...drawn) => {
      const card = cardOf(model, upstreamModel);
      expect(
        seedSizes.map((size) => formatSize(planFor(model, card, size, 1).calls[0]?.size ?? size)),
      ).toEqual(drawn);
      for (const size of seedSizes) {
        const { calls, adjustments } = planFor(model, card, size, 4);
        expect([calls.length, adjustments]).toEqual([count, []]);
        expect(priceOf(card, calls[0]?.size ?? size, undefined)).toBe(micros);
      }
    },
  );

  it('are all in the table', () => {
    const planned = new Set(table.map(([, upstreamModel]) => upstreamModel as string));
    const routed = new Set(
      defaultRoutes.flatMap(({ upstreamModel, editModel }) => [upstreamModel, editModel]),
    );
    expect(planned).toEqual(routed);
  });

  it('lose under two per cent of a drawn picture to the crop', () => {
    for (const [model, upstreamModel] of table) {
      for (const size of seedSizes) {
        const drawn = planFor(model, cardOf(model, upstreamModel), size, 1).calls[0]?.size ?? size;
        const [across, down] = [size.width / drawn.width, size.height / drawn.height];
        expect(Math.min(across, down) / Math.max(across, down)).toBeGreaterThan(0.98);
      }
    }
  });
});
