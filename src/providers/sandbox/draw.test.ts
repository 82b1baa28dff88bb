import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { drawPicture, type PictureBrief } from './draw.ts';

const brief: PictureBrief = {
  model: 'seedream-3.0',
  prompt: '背景用黄金色艺术字写着"搬砖挣钱"',
  seed: 7,
  index: 0,
  width: 256,
  height: 256,
  format: 'png',
  watermark: false,
};

const pixelsOf = (picture: Uint8Array): Promise<Buffer> => sharp(picture).removeAlpha().raw().toBuffer();

/** How alike two pictures are, from -1 to 1, seen from afar and in grey. */
const likeness = async (one: Uint8Array, other: Uint8Array): Promise<number> => {
  const grey = (picture: Uint8Array) =>
    sharp(picture).greyscale().resize(24, 24, { fit: 'fill' }).raw().toBuffer();
  const [a, b] = [[...(await grey(one))], [...(await grey(other))]] as const;
  const mean = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / values.length;
  const [meanA, meanB] = [mean(a), mean(b)];
  let [both, ownA, ownB] = [0, 0, 0];
  for (const [place, value] of a.entries()) {
    const [x, y] = [value - meanA, (b[place] ?? 0) - meanB];
    both += x * y;
    ownA += x * x;
    ownB += y * y;
  }
  return both / Math.sqrt(ownA * ownB);
};

describe('the sandbox picture', () => {
  it.each(
    (['1024x1024', '1024x1792', '1792x1024', '1328x1328'] as const).flatMap((size) =>
      (['png', 'jpeg', 'webp'] as const).map((format) => [size, format] as const),
    ),
  )('has exactly %s pixels as %s', async (size, format) => {
    const [width = 0, height = 0] = size.split('x').map(Number);
    const {
      width: drawnWidth,
      height: drawnHeight,
      format: drawnFormat,
    } = await sharp(await drawPicture({ ...brief, width, height, format })).metadata();
    expect({ drawnWidth, drawnHeight, drawnFormat }).toEqual({
      drawnWidth: width,
      drawnHeight: height,
      drawnFormat: format,
    });
  });

  it('is the same for the same brief', async () => {
    expect(
      (await pixelsOf(await drawPicture(brief))).equals(await pixelsOf(await drawPicture({ ...brief }))),
    ).toBe(true);
  });

  it.each<[string, Partial<PictureBrief>]>([
    ['seed', { seed: 8 }],
    ['index', { index: 1 }],
    ['prompt', { prompt: '别的' }],
    ['negative prompt', { negativePrompt: 'rain' }],
    ['model', { model: 'jimeng' }],
    ['style', { style: 'natural' }],
    ['quality', { quality: 'high' }],
    ['guidance scale', { guidanceScale: 2 }],
    ['watermark', { watermark: true }],
  ])('is another for another %s', async (_, change) => {
    const [one, other] = [
      await pixelsOf(await drawPicture(brief)),
      await pixelsOf(await drawPicture({ ...brief, ...change })),
    ];
    expect(one.equals(other)).toBe(false);
  });

  it('lets the reference show through', async () => {
    const half = { width: 64, height: 128, channels: 3, background: 'white' } as const;
    const reference = await sharp({ create: { width: 128, height: 128, channels: 3, background: 'black' } })
      .composite([{ input: await sharp({ create: half }).png().toBuffer(), left: 64, top: 0 }])
      .png()
      .toBuffer();
    const shown = await likeness(await drawPicture({ ...brief, reference }), reference);
    const unrelated = await likeness(await drawPicture(brief), reference);
    expect(shown).toBeGreaterThan(0.6);
    expect(shown).toBeGreaterThan(unrelated + 0.2);
  });

  it('sets Chinese in real type: two characters never look alike', async () => {
    const foot = async (prompt: string) =>
      sharp(await drawPicture({ ...brief, width: 512, height: 512, prompt: `gold ${prompt}` }))
        .extract({ left: 0, top: 380, width: 512, height: 132 })
        .greyscale()
        .threshold(235)
        .raw()
        .toBuffer();
    const [one, other, none] = [await foot('搬搬搬搬'), await foot('钱钱钱钱'), await foot('')];
    const ink = (pixels: Buffer): number => pixels.filter((value) => value === 255).length;
    expect(ink(one)).toBeGreaterThan(ink(none) + 400);
    // A box in place of a missing glyph would be the same box.
    expect(one.filter((value, place) => value !== other[place]).length).toBeGreaterThan(400);
  });

  it.each<[string, string]>([
    ['markup', '<b>&amp;</span> & <'],
    ['emoji', '🐱🚀 a cat'],
    ['control characters', 'a\u0000b\u0007\u001bc\u2028d'],
    ['a lone surrogate', 'a\ud800b'],
    ['right to left', 'مرحبا بالعالم'],
    ['only spaces', '    '],
    ['32,000 characters', 'word '.repeat(6_400)],
    ['32,000 characters without a space', '砖'.repeat(32_000)],
    ['accents without end', `e${'\u0301'.repeat(5_000)}`],
    ['noncharacters', 'a\uffffb\u{10ffff}\u200b'],
    ['tabs and lines', 'a\tb\r\n\n\nc'],
  ])('is drawn for a prompt of %s', async (_, prompt) => {
    const { width, height } = await sharp(await drawPicture({ ...brief, prompt })).metadata();
    expect([width, height]).toEqual([256, 256]);
  });

  it.each(['64x64', '64x4096', '4096x64', '65x197', '700x333'])('is drawn at %s', async (size) => {
    const [width = 0, height = 0] = size.split('x').map(Number);
    const drawn = await sharp(await drawPicture({ ...brief, width, height, watermark: true })).metadata();
    expect([drawn.width, drawn.height]).toEqual([width, height]);
  });

  it('marks a picture as made by AI with letters of 5 % of its shortest side', async () => {
    const size = { width: 640, height: 400 };
    const plain = await pixelsOf(await drawPicture({ ...brief, ...size, prompt: ' ' }));
    const marked = await pixelsOf(await drawPicture({ ...brief, ...size, prompt: ' ', watermark: true }));
    // The right fifth holds nothing else that changes to white.
    const rows = Array.from({ length: size.height }, (_, row) => row).filter((row) =>
      Array.from({ length: 128 }, (_, column) => (row * size.width + 512 + column) * 3).some(
        (place) => (marked[place] ?? 0) > 225 && (marked[place] ?? 0) > (plain[place] ?? 0) + 40,
      ),
    );
    const letters = Math.max(...rows) - Math.min(...rows) + 1;
    expect(letters).toBeGreaterThanOrEqual(20);
    expect(Math.min(...rows)).toBeGreaterThan(size.height * 0.8);
  });

  it('refuses a reference that is no picture', async () => {
    await expect(drawPicture({ ...brief, reference: new TextEncoder().encode('GIF89a?') })).rejects.toThrow(
      /unsupported image format|gif/i,
    );
  });
});
