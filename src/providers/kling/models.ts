/**
 * The image models of Kling that `POST /v1/images/generations` serves, as data. Facts: sheet `upstreams/kling.md`,
 * sections 4 (fields), 4.1 and 4.2 (models), 4.3 (pixels) and 10 (prices, those of the global site; an operator may
 * override them).
 *
 * The vendor announces no retirement dates. `kling-v1` to `kling-v2-new` were refused by September 2026 and have no
 * card; `kling-image-o1` and `kling-v3-omni` are served at another path.
 */
import type { ModelCard, PriceTier } from '../../core/model-card.ts';
import { toMicros } from '../../core/money.ts';
import { chooseNativeSize } from '../../core/native-size.ts';
import { formatSize, parseSize } from '../../core/size.ts';
import type { Size } from '../../core/size.ts';

/** A size in the words of the wire, which knows no pixels. */
export interface WireSize {
  readonly aspectRatio: string;
  readonly resolution: '1k' | '2k';
}

/**
 * The pixels of each shape and resolution, as a reseller publishes them for Image 3.0; the vendor publishes none.
 * A picture of other pixels is measured and fitted like any other.
 */
const pixels: readonly (readonly [aspectRatio: string, oneK: string, twoK: string])[] = [
  ['1:1', '1024x1024', '2048x2048'],
  ['3:2', '1248x832', '2496x1664'],
  ['2:3', '832x1248', '1664x2496'],
  ['4:3', '1168x880', '2336x1760'],
  ['3:4', '880x1168', '1760x2336'],
  ['16:9', '1360x768', '2720x1536'],
  ['9:16', '768x1360', '1536x2720'],
  ['21:9', '1552x656', '3104x1312'],
];

const wireSizes: ReadonlyMap<string, WireSize> = new Map(
  pixels.flatMap(([aspectRatio, oneK, twoK]): readonly (readonly [string, WireSize])[] => [
    [oneK, { aspectRatio, resolution: '1k' }],
    [twoK, { aspectRatio, resolution: '2k' }],
  ]),
);

const sizes: ModelCard['sizes'] = {
  kind: 'list',
  sizes: [...wireSizes.keys()].flatMap((text) => parseSize(text) ?? []),
};

const family: Omit<ModelCard, 'upstreamModel'> = {
  sizes,
  // The vendor makes up to nine pictures of one request.
  maxImagesPerCall: 9,
  maxPromptCharacters: 2500,
  reference: {
    formats: ['jpeg', 'png'],
    // It is not documented whether 10 MB counts the picture or its base64 text: three quarters are within both.
    maxBytes: 7_500_000,
    minSide: 300,
    // No upper bound is documented: that of Limner's own references, at the largest ratio.
    maxSide: 10_000,
    maxPixels: 40_000_000,
    maxRatio: 2.5,
    negativePrompt: false,
  },
  negativePrompt: true,
  seed: false,
  watermark: true,
  formats: ['png'],
};

const usd = (tiers: readonly PriceTier[]): NonNullable<ModelCard['price']> => ({ currency: 'USD', tiers });

/** The card of every model that Kling serves now. */
export const cards: readonly ModelCard[] = [
  { ...family, upstreamModel: 'kling-v3', price: usd([{ micros: toMicros(0.028) }]) },
  {
    ...family,
    upstreamModel: 'kling-v2-1',
    price: usd([{ withReference: true, micros: toMicros(0.028) }, { micros: toMicros(0.014) }]),
  },
];

const cardsById = new Map(cards.map((card) => [card.upstreamModel, card]));

/** The card of a model; any other id is taken for an Image 3.0 without a price. */
export const cardOf = (upstreamModel: string): ModelCard =>
  cardsById.get(upstreamModel) ?? { ...family, upstreamModel };

/** How the wire says a size; one that is in no table, from a card that an operator wrote, goes by its nearest. */
export const wireSizeOf = (size: Size): WireSize => {
  const found = wireSizes.get(formatSize(size)) ?? wireSizes.get(formatSize(chooseNativeSize(sizes, size)));
  if (!found) throw new Error(`Kling has no words for the size ${formatSize(size)}`);
  return found;
};
