/** What the sheet knows of each model on the path `/v1/images/generations`: sections 4.2, 4.3 and 10. */
export type KlingModel = {
  readonly id: string;
  /** Units a picture costs, from a text or from a reference. */
  readonly textUnits: number;
  readonly referenceUnits: number;
  /** Takes `image_reference`, `image_fidelity` and `human_fidelity`. */
  readonly takesFeatures: boolean;
  readonly takesElements: boolean;
};

/** Section 4.1, state of September 2026. */
export const KLING_MODELS: readonly KlingModel[] = [
  { id: 'kling-v3', textUnits: 8, referenceUnits: 8, takesFeatures: false, takesElements: true },
  { id: 'kling-v2-1', textUnits: 4, referenceUnits: 8, takesFeatures: true, takesElements: false },
];

export const DEFAULT_MODEL = 'kling-v3';

/** Ids that worked once and are refused with a word about it. */
export const DISCONTINUED_MODELS: ReadonlySet<string> = new Set([
  'kling-v1',
  'kling-v1-5',
  'kling-v2',
  'kling-v2-new',
]);

export type Resolution = '1k' | '2k';

/** The pixels of a ratio at `1k`; `2k` doubles them. */
const PIXELS: Readonly<Record<string, readonly [width: number, height: number]>> = {
  '1:1': [1024, 1024],
  '3:2': [1248, 832],
  '2:3': [832, 1248],
  '4:3': [1168, 880],
  '3:4': [880, 1168],
  '16:9': [1360, 768],
  '9:16': [768, 1360],
  '21:9': [1552, 656],
};

export const ASPECT_RATIOS: readonly string[] = Object.keys(PIXELS);

/** Throws for a ratio that is not in the table. */
export function pixelsOf(ratio: string, resolution: Resolution): { width: number; height: number } {
  const [width, height] = PIXELS[ratio] ?? [];
  if (width === undefined || height === undefined) throw new Error(`no pixels for ${ratio}`);
  const scale = resolution === '2k' ? 2 : 1;
  return { width: width * scale, height: height * scale };
}
