import sharp, { type Sharp } from 'sharp';
import type { ImageFormat } from '../../core/request.ts';
import type { Size } from '../../core/size.ts';
import { drawCaption } from './caption.ts';
import { compose } from './composition.ts';
import { paletteFor, type PaletteStrength } from './palette.ts';
import { randomFrom } from './random.ts';

/** What to draw. The picture is the same whenever all of it is the same. */
export interface PictureBrief extends Size {
  readonly model: string;
  /** Words that name a colour or a mood, in Chinese or English, steer the colours. */
  readonly prompt: string;
  readonly seed: number;
  /** Place among the pictures of one request. */
  readonly index: number;
  readonly format: ImageFormat;
  /** Whether to set the visible mark "AI生成". */
  readonly watermark: boolean;
  /** Changes the composition, as any other word would. */
  readonly negativePrompt?: string;
  /** `natural` is paler, `vivid` stronger; a style that names a colour or a mood steers the colours. */
  readonly style?: string;
  /** From 0, little contrast, to 20, much. */
  readonly guidanceScale?: number;
  /** `high` and `hd` draw more lines, `low` fewer. */
  readonly quality?: string;
  /** A picture that shows through, cut to the size. */
  readonly reference?: Uint8Array;
}

/** Bound against references that unpack to more than a machine bears. */
const maxReferencePixels = 40_000_000;

/**
 * Draws an abstract picture, offline: folds of colour that follow the prompt, a sun or a moon, fine lines over them,
 * the prompt as its caption. Throws when the reference cannot be decoded.
 */
export const drawPicture = async (brief: PictureBrief): Promise<Uint8Array> => {
  const { model, prompt, negativePrompt, style, seed, index, width, height } = brief;
  const size: Size = { width, height };
  const random = randomFrom(
    JSON.stringify([model, prompt, negativePrompt ?? null, style ?? null, seed, index, width, height]),
  );
  const palette = paletteFor(style === undefined ? prompt : `${prompt}\n${style}`, strengthOf(brief), random);
  const reference = brief.reference && (await readReference(brief.reference, size));
  const pixels = compose({
    size,
    palette,
    random,
    density: densityOf(brief),
    ...(reference && { reference }),
  });
  await drawCaption(pixels, size, captionOf(brief), palette);
  const { data } = await encode(
    sharp(pixels, { raw: { ...size, channels: 3 } }),
    brief.format,
  ).toUint8Array();
  return data;
};

const strengthOf = ({ style, guidanceScale }: PictureBrief): PaletteStrength => ({
  chroma: style === 'natural' ? 0.6 : style === 'vivid' ? 1.15 : 1,
  contrast: guidanceScale === undefined ? 1 : 0.8 + guidanceScale * 0.02,
});

const densityOf = ({ quality }: PictureBrief): number => {
  if (quality === 'high' || quality === 'hd') return 1.8;
  return quality === 'low' ? 0.4 : 1;
};

const captionOf = ({ prompt, watermark, width, height, seed, index }: PictureBrief) => ({
  prompt,
  watermark,
  facts: [
    'LIMNER SANDBOX · not an AI model',
    `${width}×${height} · seed ${seed}${index > 0 ? ` · picture ${index + 1}` : ''}`,
  ] as const,
});

const readReference = (bytes: Uint8Array, { width, height }: Size): Promise<Buffer> =>
  sharp(bytes, { limitInputPixels: maxReferencePixels, failOn: 'error' })
    .autoOrient()
    .resize(width, height, { fit: 'cover' })
    .flatten({ background: 'white' })
    .toColourspace('srgb')
    .raw()
    .toBuffer();

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
