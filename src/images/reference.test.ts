import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ReferenceRule } from '../core/model-card.ts';
import { inspectImage } from './inspect.ts';
import {
  checkReference,
  normaliseReference,
  referenceLimits,
  type NormalisedReference,
} from './reference.ts';

const invalid = { code: 'reference_invalid', param: 'url' };

const rule: ReferenceRule = {
  formats: ['jpeg', 'png'],
  maxBytes: 4_000_000,
  minSide: 100,
  maxSide: 1000,
  maxPixels: 700_000,
  maxRatio: 3,
};

describe('references', () => {
  let folder: string;
  let source: string;
  let target: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'limner-reference-'));
    source = join(folder, 'source');
    target = join(folder, 'target');
  });
  afterEach(() => rm(folder, { recursive: true }));

  const noise = (width: number, height: number): ReturnType<typeof sharp> =>
    sharp({
      create: {
        width,
        height,
        channels: 3,
        background: 'grey',
        noise: { type: 'gaussian', mean: 128, sigma: 60 },
      },
    });

  describe('checking', () => {
    it.each(['png', 'jpeg', 'webp', 'gif', 'tiff', 'avif'] as const)(
      'takes %s by its content',
      async (format) => {
        await noise(120, 90).toFormat(format).toFile(source);
        const { size: bytes } = await import('node:fs/promises').then(({ stat }) => stat(source));
        expect(await checkReference(source)).toEqual({ format, width: 120, height: 90, bytes });
      },
    );

    it('gives the size as a viewer sees it', async () => {
      await noise(120, 90).withMetadata({ orientation: 6 }).jpeg().toFile(source);
      expect(await checkReference(source)).toMatchObject({ width: 90, height: 120 });
    });

    it.each([
      ['SVG', '<svg xmlns="http://www.w3.org/2000/svg" width="100" height="100"></svg>'],
      ['SVG behind a declaration', '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"></svg>'],
      ['HTML', '<!doctype html><title>hello</title>'],
      ['PDF', '%PDF-1.7 and so on and on'],
      ['nothing', ''],
      ['a PNG head and nonsense', '\x89PNG\r\n\x1a\n and then no chunks at all'],
    ])('refuses %s', async (_name, text) => {
      await writeFile(source, text, 'latin1');
      await expect(checkReference(source)).rejects.toMatchObject(invalid);
    });

    it.each(['png', 'jpeg', 'webp'] as const)('refuses a %s that is cut off', async (format) => {
      const bytes = await noise(400, 300).toFormat(format).toBuffer();
      await writeFile(source, bytes.subarray(0, Math.floor(bytes.length * 0.7)));
      await expect(checkReference(source)).rejects.toMatchObject(invalid);
    });

    it('refuses a file over 10 MB', async () => {
      await writeFile(source, Buffer.alloc(referenceLimits.bytes + 1));
      await expect(checkReference(source)).rejects.toMatchObject(invalid);
    });

    it('refuses a small file that unpacks to over 40 megapixels', async () => {
      await sharp({ create: { width: 8000, height: 5001, channels: 3, background: 'red' } })
        .png()
        .toFile(source);
      await expect(checkReference(source)).rejects.toThrow('8000x5001');
    });
  });

  describe('normalising', () => {
    const normalise = (limits: Partial<ReferenceRule> = {}): Promise<NormalisedReference> =>
      normaliseReference(source, target, { ...rule, ...limits });

    it('leaves a picture alone that the model takes', async () => {
      await noise(640, 480).jpeg().toFile(source);
      expect(await normalise()).toEqual({ changed: false, ...(await inspectImage(source)) });
      await expect(readFile(target)).rejects.toThrow('ENOENT');
    });

    it.each([
      ['too many pixels', 1600, 1200],
      ['a side too long', 2000, 700],
      ['a side too short', 60, 50],
      ['too extreme a shape', 1900, 110],
      ['too extreme a shape, upright', 110, 1900],
      ['odd sides', 1999, 667],
    ])('brings a picture with %s within the rule', async (_name, width, height) => {
      await noise(width, height).png().toFile(source);
      const result = await normalise();
      expect(result).toMatchObject({
        changed: true,
        adjustment: { parameter: 'url', asked: `${width}x${height} png` },
      });
      expect(await inspectImage(target)).toMatchObject({
        format: 'png',
        width: result.width,
        height: result.height,
      });
      const [short, long] = [result.width, result.height].toSorted((one, other) => one - other) as [
        number,
        number,
      ];
      expect(short).toBeGreaterThanOrEqual(rule.minSide);
      expect(long).toBeLessThanOrEqual(rule.maxSide);
      expect(short * long).toBeLessThanOrEqual(rule.maxPixels);
      expect(long / short).toBeLessThanOrEqual(rule.maxRatio);
    });

    it('changes the format when the model does not take it', async () => {
      await noise(300, 200).webp().toFile(source);
      expect(await normalise()).toMatchObject({ format: 'jpeg', adjustment: { used: '300x200 jpeg' } });
      await noise(300, 200).ensureAlpha(0.5).webp().toFile(source);
      expect(await normalise()).toMatchObject({ format: 'png' });
      await noise(300, 200).gif().toFile(source);
      expect(await normalise({ formats: ['webp'] })).toMatchObject({ format: 'webp' });
    });

    it('turns a picture upright', async () => {
      await noise(300, 200).withMetadata({ orientation: 6 }).jpeg().toFile(source);
      expect(await normalise()).toMatchObject({ changed: true, width: 200, height: 300 });
      expect((await sharp(target).metadata()).orientation).toBeUndefined();
    });

    it('gets under the allowed bytes', async () => {
      await noise(800, 600).png().toFile(source);
      const result = await normalise({ maxBytes: 120_000 });
      expect(result.bytes).toBeLessThanOrEqual(120_000);
      expect((await readFile(target)).length).toBe(result.bytes);
    });

    it('says when no picture would do', async () => {
      await noise(800, 600).png().toFile(source);
      await expect(normalise({ maxBytes: 500 })).rejects.toMatchObject(invalid);
      await expect(
        normalise({ minSide: 900, maxSide: 1000, maxPixels: 810_000, maxRatio: 4 }),
      ).rejects.toMatchObject(invalid);
    });
  });
});
