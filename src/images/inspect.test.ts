import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inspectImage, type ImageInfo } from './inspect.ts';

const noise = (width: number, height: number): ReturnType<typeof sharp> =>
  sharp({
    create: {
      width,
      height,
      channels: 3,
      background: 'grey',
      noise: { type: 'gaussian', mean: 128, sigma: 40 },
    },
  });

const jpegSegment = (marker: number, content: Buffer): Buffer => {
  const head = Buffer.from([0xff, marker, 0, 0]);
  head.writeUInt16BE(content.length + 2, 2);
  return Buffer.concat([head, content]);
};

describe('inspecting a picture', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'limner-inspect-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  const inspect = async (bytes: Uint8Array): Promise<ImageInfo | undefined> => {
    const path = join(folder, 'picture');
    await writeFile(path, bytes);
    return inspectImage(path);
  };

  const pictures: readonly [string, () => Promise<Buffer>][] = [
    ['a PNG', () => noise(300, 200).png().toBuffer()],
    ['a PNG with a palette', () => noise(64, 65).png({ palette: true }).toBuffer()],
    ['a PNG with alpha', () => noise(65, 64).ensureAlpha(0.5).png().toBuffer()],
    ['a baseline JPEG', () => noise(301, 200).jpeg().toBuffer()],
    ['a progressive JPEG', () => noise(300, 201).jpeg({ progressive: true }).toBuffer()],
    ['a grey JPEG', () => noise(30, 20).greyscale().jpeg().toBuffer()],
    ['a JPEG with EXIF', () => noise(300, 200).withMetadata({ orientation: 6 }).jpeg().toBuffer()],
    ['a lossy WebP', () => noise(299, 200).webp().toBuffer()],
    ['a lossless WebP', () => noise(16, 4000).webp({ lossless: true }).toBuffer()],
    ['an extended WebP', () => noise(300, 199).ensureAlpha(0.5).webp().toBuffer()],
    ['a WebP with a profile', () => noise(300, 199).withMetadata().webp().toBuffer()],
    ['a picture of one pixel', () => noise(1, 1).png().toBuffer()],
  ];

  it.each(pictures)('reads %s as sharp does', async (_name, make) => {
    const bytes = await make();
    const { format, width, height } = await sharp(bytes).metadata();
    expect(await inspect(bytes)).toEqual({ format, width, height, bytes: bytes.length });
  });

  it('finds the size behind many large segments of a JPEG', async () => {
    const plain = await noise(300, 200).jpeg().toBuffer();
    const segments = Array.from({ length: 12 }, (_, place) =>
      jpegSegment(0xe0 + (place % 16), Buffer.alloc(65_000, 0xff)),
    );
    const bytes = Buffer.concat([plain.subarray(0, 2), ...segments, plain.subarray(2)]);
    expect(await inspect(bytes)).toMatchObject({ format: 'jpeg', width: 300, height: 200 });
  });

  it('steps over fill bytes between segments', async () => {
    const plain = await noise(300, 200).jpeg().toBuffer();
    const bytes = Buffer.concat([plain.subarray(0, 2), Buffer.alloc(5, 0xff), plain.subarray(2)]);
    expect(await inspect(bytes)).toMatchObject({ width: 300, height: 200 });
  });

  it('is not misled by a thumbnail inside a JPEG', async () => {
    const [large, small] = await Promise.all([
      noise(300, 200).jpeg().toBuffer(),
      noise(16, 16).jpeg().toBuffer(),
    ]);
    const bytes = Buffer.concat([large.subarray(0, 2), jpegSegment(0xe1, small), large.subarray(2)]);
    expect(await inspect(bytes)).toMatchObject({ width: 300, height: 200 });
    expect(await inspect(bytes.subarray(0, bytes.length - 100))).toBeUndefined();
  });

  it('accepts what some makers append', async () => {
    for (const bytes of [await noise(50, 50).jpeg().toBuffer(), await noise(50, 50).png().toBuffer()]) {
      expect(await inspect(Buffer.concat([bytes, Buffer.alloc(20_000)]))).toMatchObject({ width: 50 });
    }
  });

  it.each(['png', 'jpeg', 'webp'] as const)('does not take a %s that lacks its end', async (format) => {
    const bytes = await noise(300, 200).toFormat(format).toBuffer();
    for (const length of [bytes.length - 3, Math.floor(bytes.length / 2), 40, 29, 12, 3, 1, 0]) {
      expect(await inspect(bytes.subarray(0, length))).toBeUndefined();
    }
  });

  it.each([
    ['SVG', '<svg xmlns="http://www.w3.org/2000/svg" width="100" height="100"></svg>'],
    ['HTML', '<!doctype html><html><body>Not found</body></html>'],
    ['JSON', '{"error":{"message":"expired"}}'],
    ['XML', '<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>'],
    ['RIFF that is no WebP', `RIFF${'\0'.repeat(4)}WAVEfmt ${'\0'.repeat(40)}`],
  ])('does not take %s', async (_name, text) => {
    expect(await inspect(Buffer.from(text, 'latin1'))).toBeUndefined();
  });

  it.each(['gif', 'tiff', 'avif'] as const)('does not take %s', async (format) => {
    expect(await inspect(await noise(30, 20).toFormat(format).toBuffer())).toBeUndefined();
  });

  it('ends on every damaged header', async () => {
    const jpeg = await noise(30, 20).jpeg().toBuffer();
    for (let place = 2; place < 200; place += 1) {
      const damaged = Buffer.from(jpeg);
      damaged[place] = 0;
      const found = await inspect(damaged);
      expect(found === undefined || found.format === 'jpeg').toBe(true);
    }
  });
});
