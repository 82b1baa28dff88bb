/** A paid picture that is lost takes no other with it, and is not paid for again. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'vitest';
import { startKlingEmulator } from '../upstreams/kling/index.ts';
import { startOpenAiEmulator } from '../upstreams/openai/index.ts';
import { createDataFolder } from './support/data-folder.ts';
import { startLimner } from './support/limner-process.ts';
import { bytesOfImages, measure } from './support/pictures.ts';

const path = '/v1/images/generations';

describe.concurrent('a call that made several pictures delivers the others', { timeout: 60_000 }, () => {
  it('when one of its links leads to nothing', async ({ expect }) => {
    await using kling = await startKlingEmulator();
    await using folder = await createDataFolder();
    const env = { KLING_BASE_URL: kling.baseUrl, KLING_API_KEY: kling.apiKey };
    const limner = await startLimner({ dataDir: folder.path, env });
    kling.faults.set([{ match: 'file', fault: 'empty_200' }]);
    const { body } = await limner.api('POST', path, { model: 'keling', prompt: 'Four', n: 4 });
    const task = await limner.endOf(body.task_id);
    expect(task).toMatchObject({ status: 'completed', usage: { images: 3 } });
    expect(task.adjustments).toContainEqual(
      expect.objectContaining({
        parameter: 'n',
        asked: 4,
        used: 3,
        reason: expect.stringContaining('not a picture'),
      }),
    );
    const sizes = await Promise.all((await bytesOfImages(task)).map(measure));
    expect(sizes.map(({ size }) => size)).toEqual(['1024x1024', '1024x1024', '1024x1024']);
    expect(kling.ledger.charges).toMatchObject([{ images: 4 }]);
    expect(await limner.stop()).toBe(0);
  });

  it('when the process died while its answer was arriving', async ({ expect }) => {
    await using openai = await startOpenAiEmulator();
    await using folder = await createDataFolder();
    const env = { OPENAI_BASE_URL: openai.baseUrl, OPENAI_API_KEY: openai.apiKey };
    const settings = { dataDir: folder.path, env };
    const dying = await startLimner({
      ...settings,
      command: ['test/support/dying-limner.ts', 'after-answer', '1'],
    });
    const { body } = await dying.api('POST', path, { model: 'dall-e-3', prompt: 'Two', n: 2 });
    await dying.ended;
    const [first, second = ''] = await folder.files('spool');
    expect([first, second]).toEqual([
      expect.stringMatching(/-inline-0$/),
      expect.stringMatching(/-inline-1$/),
    ]);
    // As if it had died between the two.
    await rm(join(folder.path, 'spool', second));

    const limner = await startLimner(settings);
    const task = await limner.endOf(body.task_id);
    expect(task).toMatchObject({ status: 'completed', usage: { images: 1 } });
    expect(task.adjustments).toContainEqual(expect.objectContaining({ parameter: 'n', asked: 2, used: 1 }));
    expect(await Promise.all((await bytesOfImages(task)).map(measure))).toMatchObject([
      { size: '1024x1024' },
    ]);
    expect(openai.ledger.charges).toMatchObject([{ images: 2 }]);
    expect(await limner.stop()).toBe(0);
    expect(await folder.files('spool')).toEqual([]);
  });
});
