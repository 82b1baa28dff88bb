import type { Micros } from './money.ts';
import type { ImageFormat } from './request.ts';
import type { Size } from './size.ts';

/** Which sizes an upstream model makes by itself. */
export type SizeRule =
  /** Any size within the bounds. */
  | {
      readonly kind: 'range';
      readonly minSide: number;
      readonly maxSide: number;
      readonly minPixels: number;
      readonly maxPixels: number;
      /** Longer side divided by shorter side, at most. */
      readonly maxRatio: number;
      /** Sides are multiples of this. */
      readonly multipleOf: number;
    }
  /** These and no others. */
  | { readonly kind: 'list'; readonly sizes: readonly Size[] };

/** What an upstream model accepts as a reference picture. */
export interface ReferenceRule {
  readonly formats: readonly ImageFormat[];
  readonly maxBytes: number;
  readonly minSide: number;
  readonly maxSide: number;
  readonly maxPixels: number;
  readonly maxRatio: number;
  /** False where a negative prompt cannot go with a reference. */
  readonly negativePrompt?: false;
}

/** Price of one delivered picture; the first entry that matches counts. */
export interface PriceTier {
  readonly upToPixels?: number;
  readonly quality?: string;
  /** For pictures made from a reference, or for those without one. */
  readonly withReference?: boolean;
  readonly micros: Micros;
}

/** What one upstream model can do, as data. */
export interface ModelCard {
  readonly upstreamModel: string;
  readonly sizes: SizeRule;
  readonly maxImagesPerCall: number;
  /** Longest prompt the upstream takes; absent where none is known. */
  readonly maxPromptCharacters?: number;
  /** Absent when the model takes no reference picture. */
  readonly reference?: ReferenceRule;
  readonly negativePrompt: boolean;
  readonly seed: boolean;
  /** Absent when the model has no such parameter. */
  readonly guidanceScale?: { readonly min: number; readonly max: number };
  /** The values it takes; `'any'` passes everything on; absent when it has no such parameter. */
  readonly qualities?: readonly string[] | 'any';
  readonly styles?: readonly string[] | 'any';
  /** Whether a visible mark can be asked for and left out. */
  readonly watermark: boolean;
  /** The file formats that can be asked for; with one entry it is always that one. */
  readonly formats: readonly ImageFormat[];
  readonly price?: { readonly currency: string; readonly tiers: readonly PriceTier[] };
  /** Nobody is ever charged for it, so that no budget needs a price. */
  readonly isFree?: true;
  /** When the vendor stops serving it, as an ISO 8601 instant. */
  readonly retiresAt?: string;
  /** Said with every task of this model, e.g. that no AI is behind it. */
  readonly notice?: string;
}

/** Price of one picture of this size and quality; 0 where the card has none. */
export const priceOf = (
  card: ModelCard,
  size: Size,
  quality: string | undefined,
  hasReference = false,
): Micros =>
  card.price?.tiers.find(
    (tier) =>
      (tier.upToPixels === undefined || size.width * size.height <= tier.upToPixels) &&
      (tier.quality === undefined || tier.quality === quality) &&
      (tier.withReference === undefined || tier.withReference === hasReference),
  )?.micros ?? 0;

/** The sizes that a caller may ask of a public model, whatever the upstream makes natively. */
export interface AllowedSizes {
  readonly minSide: number;
  readonly maxSide: number;
  readonly maxPixels: number;
}

/** The seed's four sizes: every model serves them (design §1.1). */
export const seedSizes: readonly Size[] = [
  { width: 1024, height: 1024 },
  { width: 1024, height: 1792 },
  { width: 1792, height: 1024 },
  { width: 1328, height: 1328 },
];

/** Bounds for any asked size: no side under 64 or over 4096, and no more pixels than the model can really draw. */
export const allowedSizes = (card: ModelCard): AllowedSizes => ({
  minSide: 64,
  maxSide: 4096,
  maxPixels: Math.max(
    ...seedSizes.map(pixelsOf),
    ...(card.sizes.kind === 'range' ? [card.sizes.maxPixels] : card.sizes.sizes.map(pixelsOf)),
  ),
});

/** How many pixels a picture of this size has. */
export function pixelsOf(size: Size): number {
  return size.width * size.height;
}
