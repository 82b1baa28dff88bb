import type { Size } from '../../core/size.ts';
import type { Palette, Rgb } from './palette.ts';
import { placeText, printable, type SetText, setText } from './typesetting.ts';

/** What stands at the foot of a picture. */
export interface Caption {
  readonly prompt: string;
  /** The small print under it, on one line or on two; only the first where the picture is too small. */
  readonly facts: readonly [string, string];
  /** Whether the mark "AI生成" stands at its right. */
  readonly watermark: boolean;
}

/** Sets the caption at the foot of the picture, on a shade that makes it legible. */
export const drawCaption = async (
  pixels: Buffer,
  size: Size,
  { prompt, facts, watermark }: Caption,
  { shade, accent }: Palette,
): Promise<void> => {
  const side = Math.min(size.width, size.height);
  const margin = Math.round(side * 0.06);
  const gap = Math.round(margin * 0.5);
  const inner = size.width - 2 * margin;

  const mark = watermark
    ? await setText('AI生成', { typePixels: side * markShare, width: inner })
    : undefined;
  const title = await setTitle(prompt, size, inner);
  const small = await setFacts(facts, size, inner - (mark ? mark.width + margin : 0));
  const lowest = Math.max(mark?.height ?? 0, small?.height ?? 0);
  const titleHeight = title === undefined ? 0 : Math.min(title.height, Math.round(size.height * 0.5));
  if (lowest + titleHeight === 0) return;

  const baseline = size.height - margin;
  const lowestTop = baseline - lowest;
  const titleTop = lowestTop - (lowest > 0 ? gap : 0) - titleHeight;
  const bar = Math.max(1, Math.round(side * 0.004));
  shadeFoot(pixels, size, titleTop - 3 * gap, shade);
  if (title !== undefined) {
    placeText(pixels, size, { ...title, height: titleHeight }, [margin, titleTop]);
    fill(pixels, size, [margin, titleTop - gap - bar], [Math.round(side * 0.06), bar], accent);
  }
  if (small !== undefined) placeText(pixels, size, small, [margin, baseline - small.height], 0.72);
  if (mark !== undefined) {
    placeText(pixels, size, mark, [size.width - margin - mark.width, baseline - mark.height], 0.92);
  }
};

/** So that even the Latin letters of the mark have 5 % of the shortest side (GB 45438-2025, 5.2). */
const markShare = 0.07;

/** Below this size, in pixels, letters are not legible. */
const smallestType = 10;

/** Sizes of type as shares of the shortest side, and how many lines each may fill. */
const titleSizes: readonly (readonly [share: number, lines: number])[] = [
  [0.066, 1],
  [0.054, 2],
  [0.044, 3],
  [0.036, 4],
  [0.03, 5],
  [0.026, 6],
];

/** Sets the prompt in the largest type that leaves room for the picture; the end of a long one is cut off. */
const setTitle = (prompt: string, size: Size, width: number): Promise<SetText | undefined> => {
  const side = Math.min(size.width, size.height);
  // More than this is never shown.
  const text = printable(prompt.slice(0, 2000));
  const layouts = titleSizes.map(([share, lines]) => {
    const typePixels = Math.max(smallestType, side * share);
    const room = Math.max(1, Math.min(lines, Math.floor((size.height * 0.4) / (typePixels * 1.4))));
    // Lines break before their end.
    return { typePixels, ems: (room * width * (room > 1 ? 0.9 : 1)) / typePixels };
  });
  const [last] = layouts.slice(-1);
  const layout = layouts.find(({ ems }) => emsOf(text) <= ems) ?? last;
  if (layout === undefined || layout.ems < 3) return Promise.resolve(undefined);
  const { typePixels } = layout;
  const shown = clip(text, layout.ems);
  const asOneLine = emsOf(shown) * typePixels;
  const lines = Math.ceil(asOneLine / (width * 0.96));
  // Lines of about the same length leave no word alone on the last one.
  return setText(shown, {
    typePixels,
    width: lines > 1 ? Math.min(width, (asOneLine / lines) * 1.06 + typePixels) : width,
  });
};

/** Sets as many of the facts as there is room for. */
const setFacts = async (
  [who, what]: Caption['facts'],
  size: Size,
  width: number,
): Promise<SetText | undefined> => {
  const typePixels = Math.max(smallestType, Math.min(size.width, size.height) * 0.0155);
  const fits = (line: string): boolean => emsOf(line) * 1.06 * typePixels <= width;
  const oneLine = `${who} · ${what}`;
  const fitting = [oneLine, `${who}\n${what}`, who].find((text) => text.split('\n').every(fits));
  return fitting === undefined
    ? undefined
    : setText(fitting, { typePixels, width, letterSpacing: Math.round(typePixels * 60) });
};

/** Characters as wide as they are high, such as Chinese ones and emoji. */
const wide = /[\u1100-\u11ff\u2e80-\ud7ff\uf900-\ufaff\ufe30-\uff60\u{10000}-\u{10ffff}]/u;

/** Roughly how wide a text is, in heights of its type. */
const emsOf = (text: string): number => {
  let ems = 0;
  for (const character of text) ems += wide.test(character) ? 1 : 0.56;
  return ems;
};

/** The beginning of a text that is as wide as this, with an ellipsis when something is missing. */
const clip = (text: string, ems: number): string => {
  if (emsOf(text) <= ems) return text;
  let [kept, used] = ['', 1];
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    used += emsOf(segment);
    if (used > ems) break;
    kept += segment;
  }
  return `${kept.trimEnd()}…`;
};

/** Darkens the foot of the picture from this row on, so that white letters are read on it. */
const shadeFoot = (pixels: Buffer, { width, height }: Size, fromRow: number, shade: Rgb): void => {
  for (let y = Math.max(0, fromRow); y < height; y += 1) {
    const depth = Math.min(1, ((y - fromRow) / (height - fromRow)) * 1.9);
    const opacity = 0.86 * depth * depth * (3 - 2 * depth);
    for (let out = y * width * 3, end = out + width * 3; out < end; out += 3) {
      for (let channel = 0; channel < 3; channel += 1) {
        const under = pixels[out + channel] as number;
        pixels[out + channel] = under + ((shade[channel] as number) - under) * opacity;
      }
    }
  }
};

const fill = (
  pixels: Buffer,
  size: Size,
  [left, top]: readonly [number, number],
  [width, height]: readonly [number, number],
  colour: Rgb,
): void => {
  for (let y = Math.max(0, top); y < Math.min(size.height, top + height); y += 1) {
    for (let x = left; x < Math.min(size.width, left + width); x += 1) {
      pixels.set(colour, (y * size.width + x) * 3);
    }
  }
};
