/**
 * The image models of OpenAI, as data: the GPT Image family, the DALL·E models that left OpenAI and live on at Azure
 * and at compatible servers, and the card of any other model. Facts: sheet `upstreams/openai.md`, sections 1 (DALL·E),
 * 2 (retirement), 3 (GPT Image) and 3.7 (prices; they are list prices that an operator may override).
 */
import type { ModelCard, PriceTier, ReferenceRule, SizeRule } from '../../core/model-card.ts';
import { toMicros } from '../../core/money.ts';
import type { ImageFormat } from '../../core/request.ts';
import type { Size } from '../../core/size.ts';

/** How a model's requests are worded. */
export interface Wire {
  /**
   * What is asked with `response_format`; absent where the parameter is unknown and refused, because the picture
   * always comes inside the answer.
   */
  readonly responseFormat?: 'url' | 'b64_json';
  /** The words for qualities that callers know from DALL·E. */
  readonly qualityWords: Readonly<Record<string, string>>;
  /** The quality where none is asked. */
  readonly usualQuality?: string;
}

interface Family {
  readonly card: Omit<ModelCard, 'upstreamModel' | 'price' | 'retiresAt'>;
  readonly wire: Wire;
}

const squares = (...sides: readonly number[]): readonly Size[] =>
  sides.map((side) => ({ width: side, height: side }));

/** Upstreams name no bound for the sides of a reference, so that only Limner's own holds (design §4). */
const anyPixels = 40_000_000;

const reference: ReferenceRule = {
  formats: ['png', 'jpeg', 'webp'],
  // "Less than 50 MB", in the smaller reading of MB.
  maxBytes: 49_999_999,
  minSide: 1,
  maxSide: anyPixels,
  maxPixels: anyPixels,
  maxRatio: anyPixels,
};

const common = { negativePrompt: false, seed: false, watermark: false } as const;

/**
 * `auto` may cost any price, so DALL·E's default is kept: `standard`, in the words of these models. Nothing is ever
 * asked with `response_format`, which they refuse, nor with `input_fidelity`, which the newer ones refuse.
 */
const gptWire: Wire = { qualityWords: { standard: 'medium', hd: 'high' }, usualQuality: 'medium' };

const gptCard = {
  ...common,
  maxImagesPerCall: 10,
  maxPromptCharacters: 32_000,
  reference,
  formats: ['png', 'jpeg', 'webp'],
} as const;

const gptSizes: SizeRule = {
  kind: 'list',
  sizes: [
    { width: 1024, height: 1024 },
    { width: 1536, height: 1024 },
    { width: 1024, height: 1536 },
  ],
};

/** From gpt-image-2 on; the least side follows from the least area at the longest shape. */
const gptRange: SizeRule = {
  kind: 'range',
  minSide: 480,
  maxSide: 3840,
  minPixels: 655_360,
  maxPixels: 8_294_400,
  maxRatio: 3,
  multipleOf: 16,
};

const gptQualities = ['auto', 'low', 'medium', 'high', 'standard', 'hd'];

const gptImage1: Family = { card: { ...gptCard, sizes: gptSizes, qualities: gptQualities }, wire: gptWire };
const gptImage2: Family = { card: { ...gptCard, sizes: gptRange, qualities: gptQualities }, wire: gptWire };
const gptImage25: Family = {
  card: { ...gptImage2.card, qualities: [...gptQualities, 'xhigh', 'max'] },
  wire: gptWire,
};

/**
 * It asks for links and not for inline pictures: a link lives an hour (a day at Azure) and is fetched again after a
 * crash or a broken download, while a picture inside the answer is lost, though paid for, with the connection.
 */
const dallEWire: Wire = { responseFormat: 'url', qualityWords: {} };

const dallE3: Family = {
  card: {
    ...common,
    sizes: {
      kind: 'list',
      sizes: [
        { width: 1024, height: 1024 },
        { width: 1792, height: 1024 },
        { width: 1024, height: 1792 },
      ],
    },
    maxImagesPerCall: 1,
    maxPromptCharacters: 4000,
    qualities: ['standard', 'hd'],
    styles: ['vivid', 'natural'],
    formats: ['png'],
  },
  wire: dallEWire,
};

const dallE2: Family = {
  card: {
    ...common,
    sizes: { kind: 'list', sizes: squares(256, 512, 1024) },
    maxImagesPerCall: 10,
    maxPromptCharacters: 1000,
    formats: ['png'],
  },
  wire: dallEWire,
};

/**
 * A model of a compatible server, such as a Stable Diffusion on one's own machine: one picture a call, in a size that
 * diffusion models draw. Its pictures are asked for inside the answer, because the links of such a server often name
 * a host that only the server itself can reach.
 */
const compatible: Family = {
  card: {
    ...common,
    sizes: {
      kind: 'range',
      minSide: 256,
      maxSide: 2048,
      minPixels: 256 * 256,
      maxPixels: 2048 * 2048,
      maxRatio: 4,
      multipleOf: 64,
    },
    maxImagesPerCall: 1,
    reference,
    qualities: 'any',
    styles: 'any',
    formats: ['png'],
  },
  wire: { responseFormat: 'b64_json', qualityWords: {} },
};

/** List prices of a square of 1024; those of other sizes are not published. `auto` may be as dear as `high`. */
const gptPrice = (low: number, medium: number, high: number): readonly PriceTier[] => [
  { quality: 'low', micros: toMicros(low) },
  ...['high', 'hd', 'auto'].map((quality) => ({ quality, micros: toMicros(high) })),
  { micros: toMicros(medium) },
];

const square = 1024 * 1024;

/** What OpenAI asked until it switched DALL·E 3 off. */
const dallE3Price: readonly PriceTier[] = [
  { quality: 'hd', upToPixels: square, micros: toMicros(0.08) },
  { quality: 'hd', micros: toMicros(0.12) },
  { upToPixels: square, micros: toMicros(0.04) },
  { micros: toMicros(0.08) },
];

interface KnownModel {
  readonly id: string;
  readonly family: Family;
  /** In USD; absent where OpenAI publishes prices of tokens alone, or none. */
  readonly tiers?: readonly PriceTier[];
  readonly retiresAt?: string;
}

/** The days on which OpenAI switches models off; the sheet knows no hour. */
const may = '2026-05-12T00:00:00Z';
const october = '2026-10-23T00:00:00Z';
const december = '2026-12-01T00:00:00Z';

const price2 = gptPrice(0.006, 0.053, 0.211);
const price15 = gptPrice(0.009, 0.034, 0.133);

const models: readonly KnownModel[] = [
  { id: 'gpt-image-2.6-sunburst', family: gptImage25 },
  { id: 'gpt-image-2.6-flare', family: gptImage25 },
  { id: 'gpt-image-2.5-sunburst', family: gptImage25 },
  { id: 'gpt-image-2.5-sunburst-2026-09-08', family: gptImage25 },
  { id: 'gpt-image-2.5-flare', family: gptImage25 },
  { id: 'gpt-image-2.5-flare-2026-09-08', family: gptImage25 },
  { id: 'gpt-image-2', family: gptImage2, tiers: price2 },
  { id: 'gpt-image-2-2026-04-21', family: gptImage2, tiers: price2 },
  { id: 'gpt-image-1.5', family: gptImage1, tiers: price15, retiresAt: december },
  { id: 'gpt-image-1.5-2025-12-16', family: gptImage1, tiers: price15, retiresAt: december },
  {
    id: 'gpt-image-1-mini',
    family: gptImage1,
    tiers: gptPrice(0.005, 0.011, 0.036),
    retiresAt: december,
  },
  { id: 'chatgpt-image-latest', family: gptImage1, retiresAt: december },
  { id: 'gpt-image-1', family: gptImage1, tiers: gptPrice(0.011, 0.042, 0.167), retiresAt: october },
  { id: 'dall-e-3', family: dallE3, tiers: dallE3Price, retiresAt: may },
  { id: 'dall-e-2', family: dallE2, retiresAt: may },
];

/** The card of every image model that OpenAI names. */
export const cards: readonly ModelCard[] = models.map(({ id, family, tiers, retiresAt }) => ({
  ...family.card,
  upstreamModel: id,
  ...(tiers && { price: { currency: 'USD', tiers } }),
  ...(retiresAt !== undefined && { retiresAt }),
}));

const cardsById = new Map(cards.map((card) => [card.upstreamModel, card]));
const familiesById = new Map(models.map(({ id, family }) => [id, family]));

/** What a name tells of the model behind it: deployments of Azure and relays spell models their own way. */
const familiesByName: readonly (readonly [RegExp, Family])[] = [
  [/gpt-?image-?1|chatgpt-image/i, gptImage1],
  [/gpt-?image-?2(?!\.\d)/i, gptImage2],
  [/gpt-?image/i, gptImage25],
  [/dall-?e-?2/i, dallE2],
  [/dall-?e/i, dallE3],
];

const familyOf = (upstreamModel: string): Family =>
  familiesById.get(upstreamModel) ??
  familiesByName.find(([pattern]) => pattern.test(upstreamModel))?.[1] ??
  compatible;

/**
 * The card of a model. Any other id that names a family is taken for one of it, without a price; what is left is
 * taken for a model of a compatible server.
 */
export const cardOf = (upstreamModel: string): ModelCard =>
  cardsById.get(upstreamModel) ?? { ...familyOf(upstreamModel).card, upstreamModel };

/** How the requests of a model are worded. */
export const wireOf = (upstreamModel: string): Wire => familyOf(upstreamModel).wire;

/** The file formats that Azure draws; it refuses `webp` (sheet section 5). */
export const azureFormats: readonly ImageFormat[] = ['png', 'jpeg'];
