import sharp from 'sharp';
import { expect, test } from 'vitest';
import { BadImage } from './decoding.ts';
import { previewOf } from './preview.ts';

const picture = (width: number, height: number): Promise<Buffer> =>
  sharp({ create: { width, height, channels: 4, background: { r: 200, g: 80, b: 40, alpha: 0.5 } } })
    .png()
    .toBuffer();

const sizeOf = async (bytes: Uint8Array) => {
  const { format, width, height } = await sharp(bytes).metadata();
  return { format, width, height };
};

test('a large picture becomes a JPEG of at most 1024 pixels a side, in its own shape', async () => {
  expect(await sizeOf(await previewOf(await picture(2048, 1024), 1))).toEqual({
    format: 'jpeg',
    width: 1024,
    height: 512,
  });
});

test('four pictures together have no more pixels than one', async () => {
  expect(await sizeOf(await previewOf(await picture(2048, 2048), 4))).toEqual({
    format: 'jpeg',
    width: 512,
    height: 512,
  });
});

test('a small picture keeps its size', async () => {
  expect(await sizeOf(await previewOf(await picture(64, 48), 1))).toMatchObject({ width: 64, height: 48 });
});

test('what is no picture is refused', async () => {
  await expect(previewOf(Buffer.from('not a picture'), 1)).rejects.toThrow(BadImage);
});
