import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import type { Size } from '../../core/size.ts';

/** Noto Sans S Chinese, from an npm package, so that Chinese is legible on a machine without fonts. */
const fontFile = fileURLToPath(
  new URL('../fonts/NotoSansHans-Medium.otf', import.meta.resolve('@embedpdf/fonts-sc')),
);
const font = 'Noto Sans S Chinese Medium';

/** A piece of text, set: white letters, four bytes a pixel. */
export interface SetText {
  readonly pixels: Buffer;
  readonly width: number;
  readonly height: number;
}

/** How a text is set. */
export interface TextStyle {
  /** Height of the type, in pixels. */
  readonly typePixels: number;
  /** Lines break at this width, in pixels. */
  readonly width: number;
  /** In thousandths of a point. */
  readonly letterSpacing?: number;
}

/** Text that can be set on lines: without control characters, lone surrogates and changes of direction. */
export const printable = (text: string): string =>
  text
    .toWellFormed()
    .replaceAll(/[\s\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]+/gu, ' ')
    .trim();

/** Sets a printable text; nothing for one without a visible character. */
export const setText = async (text: string, style: TextStyle): Promise<SetText | undefined> => {
  if (!/[^\p{Z}\p{C}]/u.test(text)) return undefined;
  const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  const { data, info } = await sharp({
    text: {
      text: `<span foreground="white" letter_spacing="${style.letterSpacing ?? 0}">${escaped}</span>`,
      font: `${font} ${style.typePixels.toFixed(1)}`,
      fontfile: fontFile,
      rgba: true,
      // One point is one pixel.
      dpi: 72,
      width: Math.max(1, Math.round(style.width)),
      wrap: 'word-char',
      spacing: Math.round(style.typePixels * 0.3),
    },
  })
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { pixels: data, width: info.width, height: info.height };
};

/** Lays a set text over a picture; what hangs over its edges is cut off. */
export const placeText = (
  pixels: Buffer,
  { width, height }: Size,
  text: SetText,
  [left, top]: readonly [number, number],
  opacity = 1,
): void => {
  const lastColumn = Math.min(text.width, width - left);
  const lastRow = Math.min(text.height, height - top);
  for (let row = Math.max(0, -top); row < lastRow; row += 1) {
    for (let column = Math.max(0, -left); column < lastColumn; column += 1) {
      const from = (row * text.width + column) * 4;
      const share = ((text.pixels[from + 3] as number) / 255) * opacity;
      if (share === 0) continue;
      const out = ((top + row) * width + left + column) * 3;
      for (let channel = 0; channel < 3; channel += 1) {
        const under = pixels[out + channel] as number;
        pixels[out + channel] = under + ((text.pixels[from + channel] as number) - under) * share;
      }
    }
  }
};
