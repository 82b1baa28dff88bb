/** A package of the AI SDK as the upstream of the real program: pictures inside answers and behind links, and a lost answer. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TaskView } from '../src/http/routes/generations/schema.ts';
import { type OpenAiEmulator, startOpenAiEmulator } from '../upstreams/openai/index.ts';
import { createDataFolder, type DataFolder } from './support/data-folder.ts';
import { type LimnerProcess, startLimner } from './support/limner-process.ts';
import { bytesOfImages, drawReference, measure } from './support/pictures.ts';

let inline: OpenAiEmulator;
let linked: OpenAiEmulator;
let folder: DataFolder;
let limner: LimnerProcess;

beforeAll(async () => {
  inline = await startOpenAiEmulator({});
  linked = await startOpenAiEmulator({ profile: 'dalle3-legacy' });
  folder = await createDataFolder();
  const config = join(folder.path, 'limner.yaml');
  await writeFile(
    config,
    `
providers:
  inline: { adapter: ai-sdk, package: "@ai-sdk/openai", base_url: "${inline.baseUrl}", api_key: "${inline.apiKey}" }
  linked: { adapter: ai-sdk, package: "@ai-sdk/openai-compatible", base_url: "${linked.baseUrl}", api_key: "${linked.apiKey}" }
  absent: { adapter: ai-sdk, package: "@ai-sdk/of-nobody", base_url: "${linked.baseUrl}" }
models:
  inline: { routes: [{ provider: inline, upstream_model: gpt-image-2, edit_model: gpt-image-2 }] }
  linked: { routes: [{ provider: linked, upstream_model: dall-e-3 }], card: { sizes: [1024x1024, 1024x1792] } }
  absent: { routes: [{ provider: absent, upstream_model: anything }] }
`,
  );
  limner = await startLimner({ dataDir: folder.path, env: { LIMNER_CONFIG: config } });
});
afterAll(async () => {
  await limner.stop();
  await Promise.all([inline.close(), linked.close(), folder[Symbol.asyncDispose]()]);
});

const generate = async (body: object): Promise<TaskView> => {
  const request = { prompt: 'A lighthouse', ...body };
  return (await limner.api('POST', '/v1/images/generations', request, { prefer: 'wait=60' })).body;
};

describe('an image model of the AI SDK', () => {
  test.each(['inline', 'linked'])('whose pictures come %s draws to the pixel', async (model) => {
    const task = await generate({ model, n: 2, size: '1024x1792' });
    expect(task.error).toBeUndefined();
    const pictures = await Promise.all((await bytesOfImages(task)).map(measure));
    expect(pictures.map(({ size }) => size)).toEqual(['1024x1792', '1024x1792']);
  });

  test('takes a reference picture', async () => {
    const url = `data:image/png;base64,${(await drawReference()).toString('base64')}`;
    expect(await generate({ model: 'inline', url })).toMatchObject({ status: 'completed' });
    expect(inline.requests.all.at(-1)?.path).toContain('/images/edits');
  });

  test('whose answer was lost is not asked twice', async () => {
    const before = inline.ledger.charges.length;
    inline.faults.set([{ fault: 'charge_then_502', match: '*' }]);
    expect(await generate({ model: 'inline' })).toMatchObject({
      status: 'failed',
      error: { code: 'submission_unconfirmed', retryable: false },
    });
    expect(inline.ledger.charges.length - before).toBe(1);
  });

  test('of a package that is not installed is unavailable, in so many words', async () => {
    const { error } = await generate({ model: 'absent' });
    expect(error).toMatchObject({
      code: 'model_unavailable',
      message: expect.stringContaining('@ai-sdk/of-nobody is not installed'),
    });
  });
});
