import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { promisify } from 'node:util';
import type { Worker } from 'node:worker_threads';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import type { PictureBrief } from './draw.ts';
import { createPainter } from './painter.ts';

const brief: PictureBrief = {
  model: 'jimeng',
  prompt: '一只橘猫',
  seed: 7,
  index: 0,
  width: 128,
  height: 128,
  format: 'png',
  watermark: false,
};

describe('the painter', () => {
  const painter = createPainter();
  afterAll(() => painter.close());
  const { signal } = new AbortController();

  it('keeps the event loop free while it draws', async () => {
    await painter.paint(brief, signal);
    const delay = monitorEventLoopDelay({ resolution: 1 });
    const begun = performance.now();
    delay.enable();
    await painter.paint({ ...brief, width: 3000, height: 3000 }, signal);
    delay.disable();
    expect(delay.max / 1e6).toBeLessThan((performance.now() - begun) / 2);
  });

  it('answers each of many with its own picture', async () => {
    const widths = [64, 300, 128, 65];
    const pictures = await Promise.all(widths.map((width) => painter.paint({ ...brief, width }, signal)));
    const drawn = await Promise.all(pictures.map((picture) => sharp(picture).metadata()));
    expect(drawn.map(({ width }) => width)).toEqual(widths);
  });

  it('leaves the reference to whoever lent it', async () => {
    const reference = await painter.paint(brief, signal);
    await painter.paint({ ...brief, reference }, signal);
    expect(reference.byteLength).toBeGreaterThan(1_000);
  });

  it('rejects what it cannot draw and goes on with the next', async () => {
    const broken = painter.paint({ ...brief, reference: new Uint8Array([1, 2, 3]) }, signal);
    const sound = painter.paint(brief, signal);
    await expect(broken).rejects.toThrow('unsupported image format');
    expect((await sound).byteLength).toBeGreaterThan(1_000);
  });

  it('lets go at once when it is aborted, at work or in the queue', async () => {
    const [first, second] = [new AbortController(), new AbortController()];
    const large = { ...brief, width: 2000, height: 2000 };
    let drawn = false;
    const painting = painter.paint(large, first.signal);
    const queued = painter.paint(large, second.signal);
    const last = painter.paint(brief, signal).then(() => (drawn = true));
    second.abort(new Error('changed my mind'));
    await expect(queued).rejects.toThrow('changed my mind');
    first.abort(new Error('enough'));
    await expect(painting).rejects.toThrow('enough');
    expect(drawn).toBe(false);
    await last;
  });

  it('loses only the picture in the making when its thread dies', async () => {
    const mortal = createPainter();
    const started = once(process, 'worker') as Promise<[Worker]>;
    const outcomes = Promise.allSettled([mortal.paint(brief, signal), mortal.paint(brief, signal)]);
    const [thread] = await started;
    await thread.terminate();
    const [lost, next] = await outcomes;
    expect(lost).toMatchObject({ reason: { message: expect.stringContaining('The drawing thread ended') } });
    expect(next.status).toBe('fulfilled');
    await mortal.close();
  });

  it('gives everything up when it is closed', async () => {
    const closing = createPainter();
    const outcomes = Promise.allSettled([closing.paint(brief, signal), closing.paint(brief, signal)]);
    await closing.close();
    expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });

  it('does not keep the process alive', async () => {
    const program = `
      import { createPainter } from ${JSON.stringify(new URL('painter.ts', import.meta.url))};
      const picture = await createPainter().paint(${JSON.stringify(brief)}, new AbortController().signal);
      console.log(picture.byteLength);`;
    const { stdout } = await promisify(execFile)(process.execPath, ['--eval', program], { timeout: 15_000 });
    expect(Number(stdout)).toBeGreaterThan(1_000);
  });
});
