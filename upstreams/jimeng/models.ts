/** What the sheet knows of each `req_key`: sections 4 and 5 of the Jimeng fact sheet. */
import type { PictureFormat } from '../picture.ts';

/** Which input pictures a model takes. */
export type InputRule = {
  readonly min: number;
  readonly max: number;
  /** Whether they may come as base64; the 4.x pages know addresses only. */
  readonly takesBase64: boolean;
  readonly maxBytes: number;
  readonly maxSide: number;
  /** Longer side divided by shorter side. */
  readonly maxRatio: number;
};

/** How a model chooses its pixels. */
export type SizeRule =
  /** `width` and `height` within sides; listed sizes are accepted besides. */
  | {
      readonly kind: 'sides';
      readonly min: number;
      readonly max: number;
      readonly usual: number;
      readonly maxRatio: number;
      readonly alsoAccepted: readonly string[];
      /** What is drawn: sides are multiples of a step and stay within bounds. */
      readonly rounding?: { readonly step: number; readonly min: number; readonly max: number };
      /** `use_sr` doubles both sides. */
      readonly doubles?: true;
    }
  /** `size` as an area, or `width` and `height` whose product is one. */
  | { readonly kind: 'area' }
  /** The size of the first input picture. */
  | { readonly kind: 'input' };

export type JimengModel = {
  readonly reqKey: string;
  readonly format: PictureFormat;
  /** Whether `CVProcess` answers it at once; every model can be submitted. */
  readonly isSync: boolean;
  readonly inputs: InputRule | undefined;
  readonly size: SizeRule;
  /** Range of `scale`, where the model has one. */
  readonly scale: { readonly min: number; readonly max: number; readonly isInteger?: true } | undefined;
  /** Whether it makes several pictures unless `force_single` says otherwise. */
  readonly groups: boolean;
};

const MB = 1_000_000;
const RECOMMENDED = [
  '1328x1328', '1472x1104', '1584x1056', '1664x936', '2016x864',
  '2048x2048', '2304x1728', '2496x1664', '2560x1440', '3024x1296',
]; // prettier-ignore

/** Section 5.1; the recommended 2K sizes exceed the page's own limit and are accepted. */
const textSides: SizeRule = {
  kind: 'sides',
  min: 512,
  max: 2048,
  usual: 1328,
  maxRatio: 3,
  alsoAccepted: [...RECOMMENDED, ...RECOMMENDED.map((size) => size.split('x').reverse().join('x'))],
};

const smallInput: InputRule = {
  min: 1,
  max: 1,
  takesBase64: true,
  maxBytes: 4.7 * MB,
  maxSide: 4096,
  maxRatio: 3,
};

const text = { isSync: false, inputs: undefined, scale: undefined, groups: false } as const;
const unitScale = { min: 0, max: 1 } as const;

const older = {
  ...text,
  isSync: true,
  format: 'jpeg',
  size: {
    kind: 'sides',
    min: 256,
    max: 768,
    usual: 512,
    maxRatio: Infinity,
    alsoAccepted: [],
    doubles: true,
  },
} as const;

const edit = {
  isSync: true,
  format: 'jpeg',
  inputs: { ...smallInput, maxRatio: Infinity },
  size: { kind: 'input' },
  scale: unitScale,
  groups: false,
} as const;

/** The models that an account may have activated. */
export const JIMENG_MODELS: readonly JimengModel[] = [
  { ...older, reqKey: 'jimeng_high_aes_general_v21_L' },
  { ...older, reqKey: 'jimeng_high_aes_general_v20_L' },
  { ...older, reqKey: 'high_aes_general_v21_L' },
  { ...older, reqKey: 'high_aes_general_v20_L' },
  {
    ...text,
    reqKey: 'high_aes_general_v30l_zt2i',
    isSync: true,
    format: 'jpeg',
    size: { ...textSides, maxRatio: Infinity, alsoAccepted: [] },
    scale: { min: 1, max: 10 },
  },
  { ...text, reqKey: 'jimeng_t2i_v30', format: 'jpeg', size: textSides },
  { ...text, reqKey: 'jimeng_t2i_v31', format: 'jpeg', size: textSides },
  {
    reqKey: 'jimeng_i2i_v30',
    isSync: false,
    format: 'jpeg',
    inputs: smallInput,
    size: {
      kind: 'sides',
      min: 512,
      max: 2016,
      usual: 1328,
      maxRatio: Infinity,
      alsoAccepted: [],
      rounding: { step: 16, min: 512, max: 1536 },
    },
    scale: unitScale,
    groups: false,
  },
  {
    reqKey: 'jimeng_t2i_v40',
    isSync: false,
    format: 'png',
    inputs: { min: 0, max: 10, takesBase64: false, maxBytes: 15 * MB, maxSide: 4096, maxRatio: 3 },
    size: { kind: 'area' },
    scale: unitScale,
    groups: true,
  },
  {
    reqKey: 'jimeng_seedream46_cvtob',
    isSync: false,
    format: 'png',
    inputs: { min: 0, max: 14, takesBase64: false, maxBytes: 15 * MB, maxSide: 4096, maxRatio: Infinity },
    size: { kind: 'area' },
    scale: { min: 1, max: 100, isInteger: true },
    groups: true,
  },
  {
    ...edit,
    reqKey: 'jimeng_image2image_dream_inpaint',
    isSync: false,
    inputs: { ...edit.inputs, min: 2, max: 2 },
    scale: undefined,
  },
  { ...edit, reqKey: 'seededit_v3.0' },
  { ...edit, reqKey: 'byteedit_v2.0' },
];
