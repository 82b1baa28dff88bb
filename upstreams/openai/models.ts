/** Sections 1 to 3 of the OpenAI fact sheet: what each model takes, and since when it is gone. */
export type Profile = 'openai-2026' | 'dalle3-legacy' | 'azure';

export type Size = { readonly width: number; readonly height: number };

export type GptModel = {
  readonly kind: 'gpt';
  readonly id: string;
  /** 1: the first generation with its three sizes. 2.5 knows two more qualities, 2.6 `complexity`. */
  readonly generation: 1 | 2 | 2.5 | 2.6;
  /** The values of `input_fidelity` it takes. */
  readonly inputFidelity: readonly string[];
};

export type DalleModel = {
  readonly kind: 'dalle';
  readonly id: string;
  readonly sizes: readonly string[];
  readonly maxImages: number;
  readonly maxPromptCharacters: number;
  readonly qualities: readonly string[];
  /** dall-e-2 has none. */
  readonly styles: readonly string[];
};

export type OpenAiModel = (GptModel | DalleModel) & {
  /** The vendor switched it off then (section 2). */
  readonly offAt?: number;
};

const day = (text: string): number => Date.parse(`${text}T00:00:00Z`);

function gpt(
  id: string,
  generation: GptModel['generation'],
  more: { readonly offAt?: number; readonly inputFidelity?: readonly string[] } = {},
): OpenAiModel {
  return { kind: 'gpt', id, generation, inputFidelity: [], ...more };
}

const DECEMBER = { offAt: day('2026-12-01') };

/** A model without `offAt` was not announced to end when the sheet was written. */
export const OPENAI_MODELS: readonly OpenAiModel[] = [
  gpt('gpt-image-2.6-sunburst', 2.6),
  gpt('gpt-image-2.6-flare', 2.6),
  gpt('gpt-image-2.5-sunburst', 2.5),
  gpt('gpt-image-2.5-sunburst-2026-09-08', 2.5),
  gpt('gpt-image-2.5-flare', 2.5),
  gpt('gpt-image-2.5-flare-2026-09-08', 2.5),
  gpt('gpt-image-2', 2),
  gpt('gpt-image-2-2026-04-21', 2),
  gpt('gpt-image-1.5', 1, { ...DECEMBER, inputFidelity: ['high', 'low'] }),
  gpt('gpt-image-1.5-2025-12-16', 1, { ...DECEMBER, inputFidelity: ['high', 'low'] }),
  gpt('gpt-image-1-mini', 1, { ...DECEMBER, inputFidelity: ['low'] }),
  gpt('chatgpt-image-latest', 1, { ...DECEMBER, inputFidelity: ['high', 'low'] }),
  gpt('gpt-image-1', 1, { offAt: day('2026-10-23'), inputFidelity: ['high', 'low'] }),
  {
    kind: 'dalle',
    id: 'dall-e-3',
    sizes: ['1024x1024', '1792x1024', '1024x1792'],
    maxImages: 1,
    maxPromptCharacters: 4000,
    qualities: ['standard', 'hd'],
    styles: ['vivid', 'natural'],
    offAt: day('2026-05-12'),
  },
  {
    kind: 'dalle',
    id: 'dall-e-2',
    sizes: ['256x256', '512x512', '1024x1024'],
    maxImages: 10,
    maxPromptCharacters: 1000,
    qualities: ['standard'],
    styles: [],
    offAt: day('2026-05-12'),
  },
];

/** The model that answers a request which names none. */
export const DEFAULT_MODELS: Readonly<Record<Profile, string>> = {
  'openai-2026': 'gpt-image-2.5-sunburst',
  'dalle3-legacy': 'dall-e-2',
  azure: 'dall-e-3',
};

/** Every size that dall-e ever had: others are no value of the enumeration at all. */
export const DALLE_SIZES: readonly string[] = ['256x256', '512x512', '1024x1024', '1792x1024', '1024x1792'];

/** The three sizes of the first generation, and the ones that `auto` chooses from. */
export const GPT_SIZES: readonly string[] = ['1024x1024', '1536x1024', '1024x1536'];

/**
 * Whether the model is served at that time. The legacy profile stands for the servers that still offer dall-e and
 * nothing else; Azure offers what is deployed.
 */
export function isServed(model: OpenAiModel, profile: Profile, now: number): boolean {
  switch (profile) {
    case 'openai-2026':
      return model.offAt === undefined || now < model.offAt;
    case 'dalle3-legacy':
      return model.kind === 'dalle';
    case 'azure':
      return model.id !== 'dall-e-2';
  }
}

/** The pixels of a size that the text names. */
export function parseSize(text: string): Size | undefined {
  const found = /^(\d{1,5})x(\d{1,5})$/.exec(text);
  return found === null ? undefined : { width: Number(found[1]), height: Number(found[2]) };
}

/** Section 3.2: why a GPT model does not make a size; `undefined` when it does. */
export function faultOfSize(model: GptModel, text: string): string | undefined {
  const listed = ['auto', ...GPT_SIZES];
  if (listed.includes(text)) return undefined;
  const supported = `Supported values are: ${listed.map((size) => `'${size}'`).join(', ')}`;
  if (model.generation === 1) return `Invalid value: '${text}'. ${supported}.`;
  const size = parseSize(text);
  if (size === undefined) return `Invalid value: '${text}'. ${supported}, and WIDTHxHEIGHT.`;
  const { width, height } = size;
  if (width % 16 !== 0 || height % 16 !== 0)
    return `Invalid size '${text}': both sides must be multiples of 16.`;
  const [short, long] = width < height ? [width, height] : [height, width];
  if (long > 3840) return `Invalid size '${text}': the longest edge is at most 3840.`;
  if (long > 3 * short) return `Invalid size '${text}': the ratio is between 1:3 and 3:1.`;
  const pixels = width * height;
  if (pixels < 655_360 || pixels > 8_294_400) {
    return `Invalid size '${text}': the pixels are between 655360 and 8294400.`;
  }
  return undefined;
}
