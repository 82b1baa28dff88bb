import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LimnerError } from './errors.ts';
import type { ModelCard } from './model-card.ts';
import { isNative } from './native-size.ts';
import { planCalls } from './plan.ts';
import type { GenerationRequest } from './request.ts';

const bare: ModelCard = {
  upstreamModel: 'plain-1',
  sizes: {
    kind: 'range',
    minSide: 512,
    maxSide: 2048,
    minPixels: 512 * 512,
    maxPixels: 2048 * 2048,
    maxRatio: 4,
    multipleOf: 8,
  },
  maxImagesPerCall: 1,
  negativePrompt: false,
  seed: false,
  watermark: false,
  formats: ['jpeg'],
};

const able: ModelCard = {
  ...bare,
  upstreamModel: 'able-1',
  maxImagesPerCall: 3,
  negativePrompt: true,
  seed: true,
  guidanceScale: { min: 1, max: 10 },
  qualities: ['low', 'high'],
  styles: 'any',
  watermark: true,
  formats: ['jpeg', 'png'],
  reference: { formats: ['png'], maxBytes: 1, minSide: 1, maxSide: 1, maxPixels: 1, maxRatio: 1 },
};

const plain: GenerationRequest = {
  model: 'public',
  prompt: 'a cat',
  n: 1,
  size: { width: 1024, height: 1024 },
  responseFormat: 'url',
  outputFormat: 'auto',
  watermark: false,
};

const rich: GenerationRequest = {
  ...plain,
  negativePrompt: 'dogs',
  seed: 0,
  guidanceScale: 5,
  quality: 'high',
  style: 'vivid',
  watermark: true,
  outputFormat: 'png',
};

const plan = (request: GenerationRequest, card: ModelCard, hasReference = false) =>
  planCalls({ request, card, hasReference });

const thrownBy = (action: () => unknown): unknown => {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
};

describe('the plan of a request', () => {
  it('is one bare call for a bare request', () => {
    expect(plan(plain, bare)).toEqual({
      calls: [
        {
          model: 'plain-1',
          prompt: 'a cat',
          images: 1,
          firstImage: 0,
          size: { width: 1024, height: 1024 },
          watermark: false,
          hasReference: false,
        },
      ],
      adjustments: [],
    });
  });

  it('passes on everything that the model takes, and says nothing', () => {
    const { calls, adjustments } = plan(rich, able, true);
    expect(adjustments).toEqual([]);
    expect(calls).toEqual([
      {
        model: 'able-1',
        prompt: 'a cat',
        images: 1,
        firstImage: 0,
        size: { width: 1024, height: 1024 },
        hasReference: true,
        negativePrompt: 'dogs',
        seed: 0,
        guidanceScale: 5,
        quality: 'high',
        style: 'vivid',
        watermark: true,
        format: 'png',
      },
    ]);
  });

  it('leaves out a negative prompt that cannot go with a reference', () => {
    const { reference } = able;
    if (!reference) throw new Error('the card takes references');
    const card: ModelCard = { ...able, reference: { ...reference, negativePrompt: false } };
    const { calls, adjustments } = plan(rich, card, true);
    expect(calls[0]).not.toHaveProperty('negativePrompt');
    expect(adjustments).toMatchObject([{ parameter: 'negative_prompt', asked: 'dogs' }]);
    expect(plan(rich, card).calls[0]).toMatchObject({ negativePrompt: 'dogs' });
  });

  it('leaves out what the model does not know, and says so', () => {
    const { calls, adjustments } = plan({ ...rich, n: 2 }, bare);
    expect(calls[0]).toEqual(plan(plain, bare).calls[0]);
    expect(adjustments.map(({ parameter, asked, used }) => [parameter, asked, used])).toEqual([
      ['negative_prompt', 'dogs', undefined],
      ['seed', 0, undefined],
      ['guidance_scale', 5, undefined],
      ['quality', 'high', undefined],
      ['style', 'vivid', undefined],
      ['watermark', true, false],
    ]);
  });

  it('brings guidance_scale into the range of the model', () => {
    for (const [asked, used] of [
      [0, 1],
      [20, 10],
    ] as const) {
      const { calls, adjustments } = plan({ ...plain, guidanceScale: asked }, able);
      expect(calls[0]?.guidanceScale).toBe(used);
      expect(adjustments).toEqual([
        {
          parameter: 'guidance_scale',
          asked,
          used,
          reason: 'The model takes `guidance_scale` from 1 to 10.',
        },
      ]);
    }
  });

  it('names the qualities that the model knows', () => {
    const { calls, adjustments } = plan({ ...plain, quality: 'ultra' }, able);
    expect(calls[0]).not.toHaveProperty('quality');
    expect(adjustments).toEqual([
      {
        parameter: 'quality',
        asked: 'ultra',
        reason: 'The model knows `low`, `high`; the parameter was left out.',
      },
    ]);
  });

  it('asks for a file format only where there is a choice', () => {
    expect(plan({ ...plain, outputFormat: 'jpeg' }, bare).calls[0]).not.toHaveProperty('format');
    expect(plan({ ...plain, outputFormat: 'webp' }, able)).toEqual(plan(plain, able));
  });

  it('repeats the notice of the card', () => {
    expect(plan(plain, { ...bare, notice: 'Not an AI.' }).adjustments).toEqual([
      { parameter: 'model', asked: 'public', used: 'plain-1', reason: 'Not an AI.' },
    ]);
  });

  it('gives each call its share of the pictures and a seed of its own', () => {
    const { calls } = plan({ ...plain, n: 4, seed: 2_147_483_646 }, able);
    expect(calls.map(({ images, firstImage, seed }) => [images, firstImage, seed])).toEqual([
      [3, 0, 2_147_483_646],
      [1, 3, 1],
    ]);
  });

  it('refuses a reference picture where the model takes none', () => {
    const error = thrownBy(() => plan(plain, bare, true));
    expect(error).toBeInstanceOf(LimnerError);
    expect(error).toMatchObject({ code: 'invalid_parameter', param: 'url' });
  });

  it('refuses a prompt that is too long, counted in characters', () => {
    const card = { ...bare, maxPromptCharacters: 3 };
    expect(plan({ ...plain, prompt: '🐱🐱🐱' }, card).calls).toHaveLength(1);
    expect(thrownBy(() => plan({ ...plain, prompt: '🐱🐱🐱🐱' }, card))).toMatchObject({
      code: 'prompt_rejected',
      param: 'prompt',
    });
  });

  const requests = fc.record({
    n: fc.integer({ min: 1, max: 4 }),
    size: fc.record({
      width: fc.integer({ min: 64, max: 4096 }),
      height: fc.integer({ min: 64, max: 4096 }),
    }),
    seed: fc.option(fc.integer({ min: 0, max: 2_147_483_647 }), { nil: undefined }),
    guidanceScale: fc.option(fc.double({ min: 0, max: 20, noNaN: true }), { nil: undefined }),
    quality: fc.option(fc.constantFrom('low', 'high', 'other'), { nil: undefined }),
    watermark: fc.boolean(),
    outputFormat: fc.constantFrom('auto', 'png', 'jpeg', 'webp'),
  });
  const cards = fc
    .tuple(fc.constantFrom(bare, able), fc.integer({ min: 1, max: 10 }))
    .map(([card, maxImagesPerCall]) => ({ ...card, maxImagesPerCall }));

  it('makes exactly the asked number of pictures, in order, each call legal for the card', () => {
    fc.assert(
      fc.property(requests, cards, (asked, card) => {
        const { calls } = plan({ ...plain, ...asked } as GenerationRequest, card);
        let next = 0;
        for (const call of calls) {
          expect(call.firstImage).toBe(next);
          expect(call.images).toBeGreaterThan(0);
          expect(call.images).toBeLessThanOrEqual(card.maxImagesPerCall);
          expect(isNative(card.sizes, call.size)).toBe(true);
          next += call.images;
        }
        expect(next).toBe(asked.n);
      }),
    );
  });

  it('is the same plan each time, with every parameter sent or told, once', () => {
    fc.assert(
      fc.property(requests, cards, (asked, card) => {
        const request = { ...plain, ...asked } as GenerationRequest;
        const { calls, adjustments } = plan(request, card);
        expect(plan(request, card)).toEqual({ calls, adjustments });
        const told = adjustments.map(({ parameter }) => parameter);
        expect(new Set(told).size).toBe(told.length);
        expect(calls[0]?.seed === asked.seed).toBe(!told.includes('seed'));
        expect(calls[0]?.watermark === asked.watermark).toBe(!told.includes('watermark'));
        expect(calls[0]?.guidanceScale === asked.guidanceScale).toBe(!told.includes('guidance_scale'));
        expect(calls[0]?.quality === asked.quality).toBe(!told.includes('quality'));
      }),
    );
  });
});
