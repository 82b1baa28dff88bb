/** What the sheet knows of each model: sections 2 to 5 of the Seedream fact sheet. */
export type ArkFamily = '3.0-t2i' | 'seededit-3.0' | '4.0' | '4.5' | '5.0-lite' | '5.0-pro' | '5.0-flash';

export type ArkModel = {
  /** As the answer spells it. */
  readonly id: string;
  readonly family: ArkFamily;
  readonly platform: 'china' | 'byteplus';
  /** As the catalogue shows it; absent for a model in good standing. */
  readonly status?: 'Retiring' | 'Shutdown';
};

export type SizeRule =
  | { readonly kind: 'sides'; readonly min: number; readonly max: number }
  | { readonly kind: 'adaptive' }
  | {
      readonly kind: 'pixels';
      readonly min: number;
      readonly max: number;
      /** The vendor's two wordings of the same rule. */
      readonly noun: 'size' | 'area';
      readonly keywords: readonly string[];
    };

export type ReferenceRule = {
  readonly min: number;
  readonly max: number;
  readonly maxBytes: number;
  readonly formats: ReadonlySet<string>;
  /** Width over height stays within 1/ratio and ratio. */
  readonly ratio: number;
};

export type ArkProfile = {
  readonly size: SizeRule;
  /** Absent: the model takes no reference. */
  readonly references?: ReferenceRule;
  /** Known fields that this model takes, beside model, prompt, size, response_format and watermark. */
  readonly fields: ReadonlySet<string>;
  readonly takesFastMode: boolean;
  /** The 4.x and 5.0 answers tell the size of each picture. */
  readonly tellsSize: boolean;
  readonly tellsFormat: boolean;
  readonly countsInputs: boolean;
};

const MIB = 1024 * 1024;
const MAX_PIXELS = 16_777_216;
const SEEDREAM_3_FIELDS = ['seed', 'guidance_scale'];
const NEWER_FIELDS = ['image', 'stream', 'optimize_prompt', 'optimize_prompt_options'];
const GROUP_FIELDS = ['sequential_image_generation', 'sequential_image_generation_options'];
const LAYER_FIELDS = ['output_format', 'background', 'layer_decomposition'];

const BASIC_FORMATS = ['jpeg', 'png'];
const NEWER_FORMATS = [...BASIC_FORMATS, 'webp', 'bmp', 'tiff', 'gif'];

const newerReferences: ReferenceRule = {
  min: 0,
  max: 14,
  maxBytes: 10 * MIB,
  formats: new Set(NEWER_FORMATS),
  ratio: 16,
};

const proReferences: ReferenceRule = {
  min: 0,
  max: 10,
  maxBytes: 30 * MIB,
  formats: new Set([...NEWER_FORMATS, 'heic', 'heif']),
  ratio: 16,
};

const seedream4: ArkProfile = {
  size: { kind: 'pixels', min: 921_600, max: MAX_PIXELS, noun: 'size', keywords: ['1K', '2K', '4K'] },
  references: newerReferences,
  fields: new Set([...NEWER_FIELDS, ...GROUP_FIELDS]),
  takesFastMode: true,
  tellsSize: true,
  tellsFormat: false,
  countsInputs: false,
};

const pro: ArkProfile = {
  size: { kind: 'pixels', min: 921_600, max: 4_624_220, noun: 'area', keywords: ['1K', '1.5K', '2K'] },
  references: proReferences,
  fields: new Set([...NEWER_FIELDS, ...LAYER_FIELDS]),
  takesFastMode: true,
  tellsSize: true,
  tellsFormat: true,
  countsInputs: true,
};

const PROFILES: Readonly<Record<ArkFamily, ArkProfile>> = {
  '3.0-t2i': {
    size: { kind: 'sides', min: 512, max: 2048 },
    fields: new Set(SEEDREAM_3_FIELDS),
    takesFastMode: false,
    tellsSize: false,
    tellsFormat: false,
    countsInputs: false,
  },
  'seededit-3.0': {
    size: { kind: 'adaptive' },
    references: { min: 1, max: 1, maxBytes: 10 * MIB, formats: new Set(BASIC_FORMATS), ratio: 3 },
    fields: new Set([...SEEDREAM_3_FIELDS, 'image']),
    takesFastMode: false,
    tellsSize: false,
    tellsFormat: false,
    countsInputs: false,
  },
  '4.0': seedream4,
  '4.5': {
    ...seedream4,
    size: { kind: 'pixels', min: 3_686_400, max: MAX_PIXELS, noun: 'size', keywords: ['2K', '4K'] },
    takesFastMode: false,
  },
  '5.0-lite': {
    ...seedream4,
    size: { kind: 'pixels', min: 3_686_400, max: MAX_PIXELS, noun: 'size', keywords: ['2K', '3K', '4K'] },
    fields: new Set([...NEWER_FIELDS, ...GROUP_FIELDS, 'output_format', 'tools']),
    takesFastMode: false,
    tellsFormat: true,
  },
  '5.0-pro': pro,
  '5.0-flash': { ...pro, takesFastMode: false },
};

/** Every field that some model knows; anything else is silently ignored (measured, section 3). */
export const KNOWN_FIELDS: readonly string[] = [
  ...new Set([...SEEDREAM_3_FIELDS, ...NEWER_FIELDS, ...GROUP_FIELDS, ...LAYER_FIELDS, 'tools']),
];

/** Section 2, in the state of November 2026. */
export const ARK_MODELS: readonly ArkModel[] = [
  ...both('seedream-3-0-t2i-250415', '3.0-t2i', 'Shutdown'),
  ...both('seededit-3-0-i2i-250628', 'seededit-3.0', 'Shutdown'),
  ...both('seedream-4-0-250828', '4.0', 'Retiring'),
  ...both('seedream-4-0-20260415', '4.0'),
  ...both('seedream-4-5-251128', '4.5', 'Retiring'),
  ...both('seedream-5-0-260128', '5.0-lite', 'Retiring'),
  ...china('doubao-seedream-5-0-pro-260628', '5.0-pro'),
  ...china('doubao-seedream-5-0-flash-260915', '5.0-flash'),
  ...byteplus('dola-seedream-5-0-pro-260628', '5.0-pro'),
  ...byteplus('dola-seedream-5-0-flash-260915', '5.0-flash'),
];

/** Longer spellings that are accepted while the answer echoes the shorter one. */
export const ARK_ALIASES: Readonly<Record<string, string>> = {
  'doubao-seedream-5-0-lite-260128': 'doubao-seedream-5-0-260128',
  'seedream-5-0-lite-260128': 'seedream-5-0-260128',
};

export function profileOf(model: ArkModel): ArkProfile {
  return PROFILES[model.family];
}

function both(id: string, family: ArkFamily, status?: ArkModel['status']): ArkModel[] {
  return [...china(`doubao-${id}`, family, status), ...byteplus(id, family, status)];
}

function china(id: string, family: ArkFamily, status?: ArkModel['status']): ArkModel[] {
  return [{ id, family, platform: 'china', ...(status && { status }) }];
}

function byteplus(id: string, family: ArkFamily, status?: ArkModel['status']): ArkModel[] {
  return [{ id, family, platform: 'byteplus', ...(status && { status }) }];
}
