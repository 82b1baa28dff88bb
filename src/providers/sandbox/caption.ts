import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import type { Size } from '../../core/size.ts';

/** Noto Sans S Chinese, from an npm package, so that Chinese is legible on a machine without fonts. */
const FONT_FILE = fileURLToPath(new URL('../fonts/NotoSansHans-Medium.otf', import.meta.resolve('@embedpdf/fonts-sc')));
const FONT = 'Noto Sans S Chinese Medium';

/** A piece of text, drawn. */
export interface DrawnText {
  readonly picture: Buffer;
  readonly width: number;
  readonly height: number;
}

/** How a text is set. */
export interface TextStyle {
  readonly text: string;
  /** Height of a line's letters, in pixels. */
  readonly pixels: number;
  /** Lines break at this width. */
  readonly width: number;
  readonly opacity?: number;
  readonly letterSpacing?: number;
}

/** Control characters and lone surrogates have no glyph, and Pango takes no NUL. */
const printable = (text: string): string => text.toWellFormed().replaceAll(/[\p{Cc}\p{Cs}]+/gu, ' ');

const escapeMarkup = (text: string): string =>
  printable(text).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** Sets a text in white; nothing for a text without a visible character. */
export const drawText = async (style: TextStyle): Promise<DrawnText | undefined> => {
  if (printable(style.text).trim() === '') return undefined;
  const alpha = Math.round((style.opacity ?? 1) * 100);
  const spacing = style.letterSpacing ?? 0;
  const { data, info } = await sharp({
    text: {
      text: `<span foreground="white" alpha="${alpha}%" letter_spacing="${spacing}">${escapeMarkup(style.text)}</span>`,
      font: `${FONT} ${(style.pixels * 0.75).toFixed(1)}`,
      fontfile: FONT_FILE,
      rgba: true,
      dpi: 96,
      width: style.width,
      wrap: 'word-char',
      spacing: Math.round(style.pixels * 0.3),
    },
  })
    .png({ compressionLevel: 1 })
    .toBuffer({ resolveWithObject: true });
  return { picture: data, width: info.width, height: info.height };
};

/** What is left of a prompt that is too long for a caption. */
const clip = (text: string, most: number): string => {
  const characters = [...text.slice(0, most * 2 + 2)];
  return characters.length > most ? `${characters.slice(0, most - 1).join('')}…` : text;
};

/** The prompt as a caption that suits the size of the picture: a short one is set larger. */
export const drawCaption = (prompt: string, size: Size, margin: number): Promise<DrawnText | undefined> => {
  const side = Math.min(size.width, size.height);
  const text = clip(prompt.trim(), 200);
  const share = text.length > 110 ? 0.026 : text.length > 45 ? 0.034 : 0.048;
  return drawText({ text, pixels: Math.max(10, side * share), width: size.width - 2 * margin });
};
