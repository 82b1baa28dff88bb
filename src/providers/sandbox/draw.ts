import sharp, { type OverlayOptions, type Sharp } from 'sharp';
import type { ImageFormat } from '../../core/request.ts';
import type { Size } from '../../core/size.ts';
import { drawCaption, type DrawnText, drawText } from './caption.ts';
import { compose } from './composition.ts';
import { paletteFor, type Rgb } from './palette.ts';
import { randomFrom } from './random.ts';

/** What to draw. The picture is the same whenever all of it is the same. */
export interface PictureBrief extends Size {
  readonly model: string;
  readonly prompt: string;
  readonly seed: number;
  /** Place among the pictures of one request. */
  readonly index: number;
  readonly format: ImageFormat;
  /** Whether to set the visible mark "AI生成". */
  readonly watermark: boolean;
  /** Changes the composition, as any other word would. */
  readonly negativePrompt?: string;
  /** `natural` is paler; anything else is vivid. */
  readonly style?: string;
  /** From 0, pale, to 20, full colour. */
  readonly guidanceScale?: number;
  /** `high` and `hd` draw more lines, `low` fewer. */
  readonly quality?: string;
  /** A picture that shows through. */
  readonly reference?: Uint8Array;
}

/** Bound against references that unpack to more than a machine bears. */
const MAX_REFERENCE_PIXELS = 40_000_000;

const vividnessOf = ({ style, guidanceScale }: PictureBrief): number =>
  (style === 'natural' ? 0.55 : 1) * (guidanceScale === undefined ? 1 : 0.6 + guidanceScale / 25);

const densityOf = ({ quality }: PictureBrief): number => {
  if (quality === 'high' || quality === 'hd') return 1.8;
  return quality === 'low' ? 0.4 : 1;
};

const readReference = (bytes: Uint8Array, { width, height }: Size): Promise<Buffer> =>
  sharp(bytes, { limitInputPixels: MAX_REFERENCE_PIXELS, failOn: 'error' })
    .autoOrient()
    .resize(width, height, { fit: 'cover' })
    .flatten({ background: 'white' })
    .toColourspace('srgb')
    .raw()
    .toBuffer();

/** Darkens the foot of the picture from this row on, so that white letters are read on it. */
const shadeFoot = (pixels: Buffer, { width, height }: Size, fromRow: number, shade: Rgb): void => {
  for (let y = Math.max(0, fromRow); y < height; y += 1) {
    const depth = Math.min(1, ((y - fromRow) / (height - fromRow)) * 2.2);
    const opacity = 0.84 * depth ** 1.2;
    for (let out = y * width * 3, end = out + width * 3; out < end; out += 3) {
      for (let channel = 0; channel < 3; channel += 1) {
        pixels[out + channel] = (pixels[out + channel] as number) * (1 - opacity) + (shade[channel] as number) * opacity;
      }
    }
  }
};

/** The mark's letters have at least 5 % of the shortest side (GB 45438-2025, 5.2); its type is set somewhat larger. */
const MARK_SHARE = 0.068;

const drawMark = async (size: Size, margin: number): Promise<{ readonly overlays: OverlayOptions[]; readonly height: number }> => {
  const pixels = Math.min(size.width, size.height) * MARK_SHARE;
  const text = await drawText({ text: 'AI生成', pixels, width: size.width });
  if (text === undefined || text.width > size.width || text.height > size.height) return { overlays: [], height: 0 };
  const right = Math.max(0, size.width - text.width - margin);
  const top = Math.max(0, size.height - text.height - margin);
  return { overlays: [{ input: text.picture, left: right, top }], height: text.height + margin };
};

const encode = (picture: Sharp, format: ImageFormat): Sharp => {
  switch (format) {
    case 'png':
      return picture.png({ compressionLevel: 2 });
    case 'jpeg':
      return picture.jpeg({ quality: 92, chromaSubsampling: '4:4:4' });
    case 'webp':
      return picture.webp({ quality: 90, effort: 1 });
  }
};

/**
 * Draws an abstract picture, offline: folds of colour that follow the prompt, fine lines over them, the prompt as
 * its caption. Throws when the reference cannot be decoded.
 */
export const drawPicture = async (brief: PictureBrief): Promise<Uint8Array> => {
  const size: Size = { width: brief.width, height: brief.height };
  const random = randomFrom(
    JSON.stringify([brief.model, brief.prompt, brief.negativePrompt, brief.seed, brief.index, brief.width, brief.height]),
  );
  const palette = paletteFor(brief.prompt, vividnessOf(brief), random);
  const reference = brief.reference && (await readReference(brief.reference, size));
  const pixels = compose({ size, palette, random, density: densityOf(brief), ...(reference && { reference }) });

  const side = Math.min(brief.width, brief.height);
  const margin = Math.round(side * 0.06);
  const mark = brief.watermark ? await drawMark(size, margin) : { overlays: [], height: 0 };
  const foot = await drawFoot(brief, margin);
  const lines = foot.filter((line) => line !== undefined && line.width <= brief.width) as DrawnText[];
  const gap = Math.round(margin * 0.45);
  const footHeight = lines.reduce((sum, line) => sum + line.height + gap, 0) - gap + mark.height;
  const overlays = [...mark.overlays];
  if (lines.length > 0 && footHeight + 2 * margin <= brief.height) {
    shadeFoot(pixels, size, Math.round(brief.height - footHeight - 2.4 * margin), palette.shade);
    let top = brief.height - margin - footHeight;
    for (const line of lines) {
      overlays.push({ input: line.picture, left: margin, top });
      top += line.height + gap;
    }
  }
  const picture = sharp(pixels, { raw: { ...size, channels: 3 } }).composite(overlays);
  return encode(picture, brief.format).toBuffer();
};

/** The caption, and the line that says who drew it. */
const drawFoot = async (brief: PictureBrief, margin: number): Promise<readonly (DrawnText | undefined)[]> => {
  const side = Math.min(brief.width, brief.height);
  if (side < 200) return [];
  const facts = `LIMNER SANDBOX · not an AI model · ${brief.width}×${brief.height} · seed ${brief.seed} · ${brief.index + 1}`;
  return Promise.all([
    drawCaption(brief.prompt, brief, margin),
    drawText({ text: facts, pixels: Math.max(9, side * 0.0155), width: brief.width - 2 * margin, opacity: 0.75, letterSpacing: 1200 }),
  ]);
};
