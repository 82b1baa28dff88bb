/**
 * The image models of Jimeng on Volcengine's visual API, as data; a model is a `req_key`, and each is activated
 * by itself. Facts: sheet `upstreams/jimeng.md`, sections 4 (models), 5 (fields and sizes) and 10 (price).
 */
import type { ModelCard, SizeRule } from '../../core/model-card.ts';
import { toMicros } from '../../core/money.ts';

/** What the wire of a model family knows beyond its card. */
export interface Wire {
  /** `doubled`: asked for at half the sides, because super-resolution doubles them. */
  readonly size: 'exact' | 'doubled';
  /** Whether it may make several pictures of one prompt unless it is told not to. */
  readonly groups: boolean;
  /** Whether it can be told to leave the prompt alone. */
  readonly rewrites: boolean;
  /** How the card's 0 to 1 is written; `plain` is sent as it is. Absent without such a field. */
  readonly scale?: 'plain' | 'percent';
}

interface Family {
  readonly card: Omit<ModelCard, 'upstreamModel' | 'price'>;
  readonly wire: Wire;
}

const common = {
  // More pictures for one call are asked for with more calls: the model decides by itself how many a group has.
  maxImagesPerCall: 1,
  negativePrompt: false,
  // Drawn when the finished task is asked for, so every model has it.
  watermark: true,
} as const;

/** Every size of the vendor's lists that is not 4K is a multiple of 8. */
const multipleOf = 8;

/** 1024² to 4096² pixels; shapes beyond 3 to 1 are asked for with `min_ratio` and `max_ratio`, up to below 16. */
const byArea: SizeRule = {
  kind: 'range',
  minSide: 264,
  maxSide: 15_864,
  minPixels: 1024 * 1024,
  maxPixels: 4096 * 4096,
  maxRatio: 15,
  multipleOf,
};

/** The range of the 3.x texts; the 2K sizes that the same page recommends lie beyond it in part. */
const bySides: SizeRule = {
  kind: 'range',
  minSide: 512,
  maxSide: 2048,
  minPixels: 512 * 512,
  maxPixels: 2048 * 2048,
  maxRatio: 3,
  multipleOf,
};

const textToImage4: Family = {
  card: {
    ...common,
    sizes: byArea,
    seed: false,
    guidanceScale: { min: 0, max: 1 },
    formats: ['png'],
  },
  wire: { size: 'exact', groups: true, rewrites: false, scale: 'plain' },
};

const textToImage46: Family = { ...textToImage4, wire: { ...textToImage4.wire, scale: 'percent' } };

const textToImage3: Family = {
  card: { ...common, sizes: bySides, seed: true, formats: ['jpeg'] },
  wire: { size: 'exact', groups: false, rewrites: true },
};

const imageToImage3: Family = {
  card: {
    ...common,
    sizes: {
      kind: 'range',
      // Up to 2016 may be asked for, and what comes is rounded to 16 and kept within 512 to 1536.
      minSide: 512,
      maxSide: 1536,
      // Small pictures, such as 600 by 600, may come out black: nothing below the area of 1536 by 512.
      minPixels: 1536 * 512,
      maxPixels: 1536 * 1536,
      maxRatio: 3,
      multipleOf: 16,
    },
    reference: {
      formats: ['jpeg', 'png'],
      // Whether the vendor's 4.7 MB count the picture or its base64 text is not said: within it either way.
      maxBytes: (4_700_000 / 4) * 3,
      minSide: 1,
      maxSide: 4096,
      maxPixels: 4096 * 4096,
      maxRatio: 3,
    },
    seed: true,
    guidanceScale: { min: 0, max: 1 },
    formats: ['jpeg'],
  },
  wire: { size: 'exact', groups: false, rewrites: false, scale: 'plain' },
};

const textToImage2: Family = {
  card: {
    ...common,
    // 256 to 768 are asked for; 512 is what the model was made for, and doubling gives 1024.
    sizes: {
      kind: 'range',
      minSide: 512,
      maxSide: 1536,
      minPixels: 512 * 512,
      maxPixels: 1536 * 1536,
      maxRatio: 3,
      multipleOf: 16,
    },
    seed: true,
    formats: ['jpeg'],
  },
  wire: { size: 'doubled', groups: false, rewrites: true },
};

const general3: Family = {
  card: { ...textToImage3.card, guidanceScale: { min: 1, max: 10 } },
  wire: { ...textToImage3.wire, scale: 'plain' },
};

interface KnownModel {
  readonly id: string;
  readonly family: Family;
  /** In CNY for each picture; absent where none was found. */
  readonly price?: number;
}

const models: readonly KnownModel[] = [
  { id: 'jimeng_t2i_v40', family: textToImage4, price: 0.22 },
  { id: 'jimeng_seedream46_cvtob', family: textToImage46, price: 0.22 },
  { id: 'jimeng_t2i_v31', family: textToImage3, price: 0.2 },
  { id: 'jimeng_t2i_v30', family: textToImage3, price: 0.2 },
  { id: 'jimeng_i2i_v30', family: imageToImage3, price: 0.2 },
  { id: 'jimeng_high_aes_general_v21_L', family: textToImage2 },
  { id: 'high_aes_general_v30l_zt2i', family: general3 },
];

/** The card of every model that is told of here; no retirement dates are known. */
export const cards: readonly ModelCard[] = models.map(({ id, family, price }) => ({
  ...family.card,
  upstreamModel: id,
  ...(price !== undefined && { price: { currency: 'CNY', tiers: [{ micros: toMicros(price) }] } }),
}));

const cardsById = new Map(cards.map((card) => [card.upstreamModel, card]));
const wiresById = new Map(models.map((model) => [model.id, model.family.wire]));

/** The card of a model. Any other `req_key` is taken for one of the 4.0 generation without a price. */
export const cardOf = (upstreamModel: string): ModelCard =>
  cardsById.get(upstreamModel) ?? { ...textToImage4.card, upstreamModel };

/** What the wire of a model knows; for any other `req_key`, what 4.0 knows. */
export const wireOf = (upstreamModel: string): Wire => wiresById.get(upstreamModel) ?? textToImage4.wire;
