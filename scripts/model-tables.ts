/** The table of upstream models in each page of `docs/providers`, as the model cards of the adapter say it. */
import type { ModelCard, PriceTier, SizeRule } from '../src/core/model-card.ts';
import { fromMicros } from '../src/core/money.ts';
import { formatSize } from '../src/core/size.ts';
import { adapterByName, adapters } from '../src/providers/registry.ts';

/** What stands around the table; everything between is replaced. */
const table = /(<!-- models[^\n]*-->\n)[^]*?(<!-- \/models -->)/;

/** The names of the adapters, each of which has a page `docs/providers/<name>.md`. */
export const adapterNames: readonly string[] = adapters.map(({ name }) => name);

/** The page with its table as the cards say; `undefined` for a page without a place for one. */
export const withModelTable = (page: string, adapterName: string): string | undefined =>
  table.test(page)
    ? page.replace(table, (_, begin: string, end: string) => `${begin}${modelTable(adapterName)}${end}`)
    : undefined;

const modelTable = (adapterName: string): string => {
  const rows = adapterByName(adapterName).cards.map((card) => [
    `\`${card.upstreamModel}\``,
    sizesOf(card.sizes),
    card.reference ? 'yes' : '',
    String(card.maxImagesPerCall),
    parametersOf(card),
    card.formats.join(', '),
    priceOf(card),
    card.retiresAt?.slice(0, 10) ?? '',
  ]);
  const head = ['upstream model', 'draws', 'reference', 'a call', 'takes', 'files', 'price of one', 'ends'];
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |\n`).join('');
};

const sizesOf = (rule: SizeRule): string => {
  if (rule.kind === 'list') return rule.sizes.map(formatSize).join(', ');
  const { minSide, maxSide, minPixels, maxPixels, maxRatio, multipleOf } = rule;
  return (
    `${megapixels(minPixels)} to ${megapixels(maxPixels)} MP, sides ${minSide} to ${maxSide}, ` +
    `up to ${maxRatio}:1${multipleOf > 1 ? `, multiples of ${multipleOf}` : ''}`
  );
};

const megapixels = (pixels: number): string => String(Number((pixels / 1_000_000).toPrecision(3)));

const parametersOf = (card: ModelCard): string => {
  const words = (name: string, known: readonly string[] | 'any' | undefined): readonly string[] =>
    known === undefined ? [] : [known === 'any' ? `${name} (any)` : `${name} (${known.join(', ')})`];
  return [
    ...(card.negativePrompt ? ['negative_prompt'] : []),
    ...(card.seed ? ['seed'] : []),
    ...(card.guidanceScale
      ? [`guidance_scale (${card.guidanceScale.min} to ${card.guidanceScale.max})`]
      : []),
    ...words('quality', card.qualities),
    ...words('style', card.styles),
    ...(card.watermark ? ['watermark'] : []),
  ].join(', ');
};

const priceOf = ({ price }: ModelCard): string =>
  price === undefined ? 'none listed' : `${price.tiers.map(tierOf).join('; ')} ${price.currency}`;

const tierOf = ({ micros, quality, upToPixels, withReference }: PriceTier): string => {
  const conditions = [
    ...(quality === undefined ? [] : [quality]),
    ...(upToPixels === undefined ? [] : [`to ${megapixels(upToPixels)} MP`]),
    ...(withReference === undefined ? [] : [withReference ? 'with a reference' : 'without a reference']),
  ];
  return [...conditions, fromMicros(micros)].join(' ');
};
