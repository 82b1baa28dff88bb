import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { outputFormats, type OutputFormat } from '../core/request.ts';
import type { Size } from '../core/size.ts';
import { BadImage } from './decoding.ts';
import { fitImage, type Fitted } from './fit.ts';
import { inspectImage } from './inspect.ts';

describe('fitting a picture', () => {
  let folder: string;
  let source: string;
  let target: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'limner-fit-'));
    source = join(folder, 'source');
    target = join(folder, 'target');
  });
  afterEach(() => rm(folder, { recursive: true }));

  /** Three vertical stripes: red, green, blue. */
  const stripes = async (width: number, height: number, format: 'png' | 'jpeg' | 'webp'): Promise<void> => {
    const third = Math.floor(width / 3);
    const stripe = { width: third, height, channels: 3 } as const;
    await sharp({ create: { width, height, channels: 3, background: '#00ff00' } })
      .composite([
        { input: { create: { ...stripe, background: '#ff0000' } }, left: 0, top: 0 },
        { input: { create: { ...stripe, background: '#0000ff' } }, left: width - third, top: 0 },
      ])
      .toFormat(format)
      .toFile(source);
  };

  const fit = async (size: Size, format: OutputFormat): Promise<Fitted> => {
    const sourceInfo = await inspectImage(source);
    if (sourceInfo === undefined) throw new Error('The source is no picture');
    return fitImage({ source, sourceInfo, target, size, format });
  };

  it.each(outputFormats)(
    'gives exactly the asked pixels as %s, and tells the truth about them',
    async (format) => {
      await stripes(301, 203, 'png');
      const fitted = await fit({ width: 257, height: 333 }, format);
      expect(fitted).toMatchObject({ changed: true, width: 257, height: 333 });
      expect({ changed: true, ...(await inspectImage(target)) }).toEqual(fitted);
      const { format: written } = await sharp(target).metadata();
      expect(written).toBe(format === 'auto' ? 'png' : format);
    },
  );

  it.each(['png', 'jpeg', 'webp'] as const)('leaves a %s alone that fits already', async (format) => {
    await stripes(300, 200, format);
    expect(await fit({ width: 300, height: 200 }, 'auto')).toEqual({ changed: false });
    expect(await fit({ width: 300, height: 200 }, format)).toEqual({ changed: false });
    expect(await readdir(folder)).toEqual(['source']);
  });

  it('does not decode what fits already', async () => {
    await stripes(300, 200, 'png');
    const bytes = await readFile(source);
    await writeFile(source, bytes.fill(0, 60, bytes.length - 20));
    expect(await fit({ width: 300, height: 200 }, 'auto')).toEqual({ changed: false });
  });

  it('crops around the centre instead of stretching', async () => {
    await stripes(300, 100, 'png');
    await fit({ width: 100, height: 100 }, 'auto');
    const { channels } = await sharp(target).stats();
    expect(channels.slice(0, 3).map((channel) => Math.round(channel.mean))).toEqual([0, 255, 0]);
  });

  it('puts white behind what is transparent when the format has no transparency', async () => {
    await sharp({
      create: { width: 50, height: 50, channels: 4, background: { r: 0, g: 0, b: 0, alpha: 0 } },
    })
      .png()
      .toFile(source);
    await fit({ width: 50, height: 50 }, 'jpeg');
    const { channels } = await sharp(target).stats();
    expect(channels.map((channel) => channel.min)).toEqual([255, 255, 255]);
  });

  it('writes JPEG without thinning the colours out', async () => {
    await stripes(300, 200, 'png');
    await fit({ width: 300, height: 200 }, 'jpeg');
    expect((await sharp(target).metadata()).chromaSubsampling).toBe('4:4:4');
  });

  it('keeps the mark of a machine-made picture', async () => {
    const mark = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="r"/></x:xmpmeta>';
    await sharp({ create: { width: 60, height: 60, channels: 3, background: 'red' } })
      .withXmp(mark)
      .png()
      .toFile(source);
    await fit({ width: 50, height: 50 }, 'jpeg');
    expect((await sharp(target).metadata()).xmp?.toString()).toContain('adobe:ns:meta/');
  });

  it('says that a damaged picture is one, and leaves nothing behind', async () => {
    for (const format of ['png', 'jpeg', 'webp'] as const) {
      await stripes(600, 400, format);
      const bytes = await readFile(source);
      const end = format === 'webp' ? 0 : 12;
      await writeFile(source, bytes.fill(0x5a, Math.floor(bytes.length / 3), bytes.length - end));
      await expect(fit({ width: 50, height: 50 }, 'auto')).rejects.toThrow(BadImage);
      expect(await readdir(folder)).toEqual(['source']);
    }
  });

  it('refuses a picture that unpacks to more than it bears', async () => {
    await sharp({ create: { width: 9000, height: 9000, channels: 3, background: 'red' } })
      .png()
      .toFile(source);
    await expect(fit({ width: 50, height: 50 }, 'auto')).rejects.toThrow(BadImage);
  });

  it('does not call a missing file a bad picture', async () => {
    await stripes(60, 40, 'png');
    const sourceInfo = { format: 'png', width: 60, height: 40, bytes: 100 } as const;
    const order = { source: join(folder, 'gone'), sourceInfo, target, size: { width: 5, height: 5 } };
    await expect(fitImage({ ...order, format: 'png' })).rejects.not.toThrow(BadImage);
  });

  it('fits many at once', async () => {
    await stripes(300, 200, 'png');
    const sourceInfo = { format: 'png', width: 300, height: 200, bytes: 100 } as const;
    const fitted = await Promise.all(
      Array.from({ length: 12 }, (_, place) =>
        fitImage({
          source,
          sourceInfo,
          target: `${target}-${place}`,
          size: { width: 40 + place, height: 30 },
          format: 'webp',
        }),
      ),
    );
    expect(fitted.map((each) => each.changed && each.width)).toEqual(
      Array.from({ length: 12 }, (_, place) => 40 + place),
    );
  });
});
