/**
 * The image models of Volcengine Ark (China, priced in CNY) and BytePlus ModelArk (priced in USD), as data.
 * Facts: sheet `upstreams/seedream.md`, sections 2 (identifiers, retirement), 3 (fields), 4 (sizes),
 * 5 (references) and 11 (prices; they are list prices that an operator may override).
 */
import type { ModelCard, PriceTier, ReferenceRule, SizeRule } from '../../core/model-card.ts';
import { toMicros } from '../../core/money.ts';

/** What the wire of a model family knows beyond its card. */
interface Wire {
  /** `adaptive`: the model takes its size from the reference picture and knows no other. */
  readonly size: 'exact' | 'adaptive';
  /** Whether it knows `sequential_image_generation`, which 5.0 pro and flash answer with a 400. */
  readonly groups: boolean;
}

interface Family {
  readonly card: Omit<ModelCard, 'upstreamModel' | 'price' | 'retiresAt'>;
  readonly wire: Wire;
  readonly prices: { readonly cny: readonly PriceTier[]; readonly usd: readonly PriceTier[] };
}

const megabytes = 1_000_000;

/**
 * Sides are multiples of 8: so is every size that the current editions publish, and a model that rounds by
 * itself then has nothing to round.
 */
const multipleOf = 8;

/** A rule of the 4.0 generation and later: pixels between two bounds, sides up to 16 to 1. */
const pixelRange = (minPixels: number, maxPixels: number): SizeRule => ({
  kind: 'range',
  minSide: Math.ceil(Math.sqrt(minPixels / 16) / multipleOf) * multipleOf,
  maxSide: Math.floor(Math.sqrt(maxPixels * 16) / multipleOf) * multipleOf,
  minPixels,
  maxPixels,
  maxRatio: 16,
  multipleOf,
});

/**
 * A rule for references. It is not documented whether the vendor's byte limit counts the picture or its base64
 * text, so the limit is three quarters of the vendor's: the text of such a picture is within it too.
 */
const referenceRule = (
  formats: ReferenceRule['formats'],
  vendorBytes: number,
  maxRatio: number,
): ReferenceRule => ({
  formats,
  maxBytes: (vendorBytes / 4) * 3,
  // "More than 14 px" on each side, 36 megapixels in total.
  minSide: 15,
  maxSide: Math.floor(Math.sqrt(36_000_000 * maxRatio)),
  maxPixels: 36_000_000,
  maxRatio,
});

const flat = (amount: number): readonly PriceTier[] => [{ micros: toMicros(amount) }];

/** 5.0 pro has two prices; the step is at 2.61 megapixels in the current edition (2.36 in older ones). */
const stepped = (small: number, large: number): readonly PriceTier[] => [
  { upToPixels: 2_610_000, micros: toMicros(small) },
  { micros: toMicros(large) },
];

const common = { maxImagesPerCall: 1, negativePrompt: false, seed: false, watermark: true } as const;
const exact: Wire = { size: 'exact', groups: false };
const grouping: Wire = { size: 'exact', groups: true };
const allFormats = ['png', 'jpeg', 'webp'] as const;

const seedream3: Family = {
  card: {
    ...common,
    sizes: {
      kind: 'range',
      minSide: 512,
      maxSide: 2048,
      minPixels: 512 * 512,
      maxPixels: 2048 * 2048,
      maxRatio: 4,
      multipleOf,
    },
    seed: true,
    guidanceScale: { min: 1, max: 10 },
    formats: ['jpeg'],
  },
  wire: exact,
  prices: { cny: flat(0.259), usd: flat(0.03) },
};

const seededit3: Family = {
  card: {
    ...common,
    // The vendor publishes no list: these are the sizes of about one megapixel that were seen or are recalled.
    sizes: {
      kind: 'list',
      sizes: [
        { width: 1024, height: 1024 },
        { width: 864, height: 1152 },
        { width: 1152, height: 864 },
        { width: 832, height: 1248 },
        { width: 1248, height: 832 },
        { width: 736, height: 1312 },
        { width: 1312, height: 736 },
        { width: 512, height: 1536 },
        { width: 1536, height: 512 },
      ],
    },
    reference: referenceRule(['png', 'jpeg'], 10 * megabytes, 3),
    seed: true,
    guidanceScale: { min: 1, max: 10 },
    formats: ['jpeg'],
  },
  wire: { size: 'adaptive', groups: false },
  prices: { cny: flat(0.3), usd: flat(0.03) },
};

const seedream40: Family = {
  card: {
    ...common,
    sizes: pixelRange(921_600, 16_777_216),
    reference: referenceRule(allFormats, 10 * megabytes, 16),
    formats: ['jpeg'],
  },
  wire: grouping,
  prices: { cny: flat(0.2), usd: flat(0.03) },
};

const seedream45: Family = {
  card: { ...seedream40.card, sizes: pixelRange(3_686_400, 16_777_216) },
  wire: grouping,
  prices: { cny: flat(0.25), usd: flat(0.04) },
};

const seedream5Lite: Family = {
  card: { ...seedream45.card, formats: ['jpeg', 'png'] },
  wire: grouping,
  prices: { cny: flat(0.22), usd: flat(0.035) },
};

const seedream5Pro: Family = {
  card: {
    ...common,
    sizes: pixelRange(921_600, 4_624_220),
    reference: referenceRule(allFormats, 30 * megabytes, 16),
    formats: ['jpeg', 'png'],
  },
  wire: exact,
  prices: { cny: stepped(0.3, 0.6), usd: stepped(0.045, 0.09) },
};

const seedream5Flash: Family = {
  ...seedream5Pro,
  prices: { cny: flat(0.12), usd: flat(0.018) },
};

const china = 'CNY';
const bytePlus = 'USD';

interface KnownModel {
  readonly id: string;
  readonly family: Family;
  readonly currency: typeof china | typeof bytePlus;
  readonly retiresAt?: string;
}

/** Batch 8 on the China platform; two independent downstreams give 13 May for BytePlus. */
const spring = { china: '2026-05-11T14:00:00+08:00', bytePlus: '2026-05-13T00:00:00+08:00' };
/** Batch 10 on the China platform; no date for BytePlus was found, so its models carry none. */
const autumn = '2026-11-24T14:00:00+08:00';

const models: readonly KnownModel[] = [
  { id: 'doubao-seedream-5-0-pro-260628', family: seedream5Pro, currency: china },
  { id: 'doubao-seedream-5-0-flash-260915', family: seedream5Flash, currency: china },
  { id: 'doubao-seedream-4-0-20260415', family: seedream40, currency: china },
  { id: 'doubao-seedream-5-0-lite-260128', family: seedream5Lite, currency: china, retiresAt: autumn },
  { id: 'doubao-seedream-5-0-260128', family: seedream5Lite, currency: china, retiresAt: autumn },
  { id: 'doubao-seedream-4-5-251128', family: seedream45, currency: china, retiresAt: autumn },
  { id: 'doubao-seedream-4-0-250828', family: seedream40, currency: china, retiresAt: autumn },
  { id: 'doubao-seedream-3-0-t2i-250415', family: seedream3, currency: china, retiresAt: spring.china },
  // SeedEdit left before Seedream 3.0; the exact day is not known, so it carries the later one.
  { id: 'doubao-seededit-3-0-i2i-250628', family: seededit3, currency: china, retiresAt: spring.china },
  { id: 'dola-seedream-5-0-pro-260628', family: seedream5Pro, currency: bytePlus },
  { id: 'dola-seedream-5-0-flash-260915', family: seedream5Flash, currency: bytePlus },
  { id: 'seedream-4-0-20260415', family: seedream40, currency: bytePlus },
  { id: 'seedream-5-0-lite-260128', family: seedream5Lite, currency: bytePlus },
  { id: 'seedream-5-0-260128', family: seedream5Lite, currency: bytePlus },
  { id: 'seedream-4-5-251128', family: seedream45, currency: bytePlus },
  { id: 'seedream-4-0-250828', family: seedream40, currency: bytePlus },
  { id: 'seedream-3-0-t2i-250415', family: seedream3, currency: bytePlus, retiresAt: spring.bytePlus },
  { id: 'seededit-3-0-i2i-250628', family: seededit3, currency: bytePlus, retiresAt: spring.bytePlus },
];

/** The card of every model that Ark or BytePlus names. */
export const cards: readonly ModelCard[] = models.map(({ id, family, currency, retiresAt }) => ({
  ...family.card,
  upstreamModel: id,
  price: { currency, tiers: currency === china ? family.prices.cny : family.prices.usd },
  ...(retiresAt === undefined ? {} : { retiresAt }),
}));

const cardsById = new Map(cards.map((card) => [card.upstreamModel, card]));
const wiresById = new Map(models.map((model) => [model.id, model.family.wire]));

/**
 * The card of a model. Any other id, such as an inference endpoint `ep-…` whose model cannot be told from its
 * name, is taken for a 5.0 pro without a price: its sizes are legal on 5.0 flash and 4.0 as well.
 */
export const cardOf = (upstreamModel: string): ModelCard =>
  cardsById.get(upstreamModel) ?? { ...seedream5Pro.card, upstreamModel };

/** What the wire of a model knows; for any other id, what 5.0 pro knows. */
export const wireOf = (upstreamModel: string): Wire => wiresById.get(upstreamModel) ?? exact;
