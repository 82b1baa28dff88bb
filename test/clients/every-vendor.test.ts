/** What OpenAI's SDK is given does not depend on who makes the picture. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import OpenAI, { toFile } from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createDataFolder, type DataFolder } from '../support/data-folder.ts';
import { apiKey, type LimnerProcess, startLimner } from '../support/limner-process.ts';
import { drawReference, measure } from '../support/pictures.ts';
import { startVendors, type Vendors } from '../support/vendors.ts';

let vendors: Vendors;
let folder: DataFolder;
let limner: LimnerProcess;
let client: OpenAI;
beforeAll(async () => {
  vendors = await startVendors();
  folder = await createDataFolder();
  const config = join(folder.path, 'limner.yaml');
  await writeFile(config, vendors.config);
  const env = { ...vendors.environment, LIMNER_CONFIG: config };
  limner = await startLimner({ dataDir: folder.path, env });
  client = new OpenAI({ baseURL: `${limner.url}/openai/v1`, apiKey, maxRetries: 0 });
});
afterAll(async () => {
  await limner.stop();
  await vendors[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

describe.each(['seedream-3.0', 'jimeng', 'keling', 'dall-e-3'])('%s', { timeout: 60_000 }, (model) => {
  const prompt = 'A red fox in fresh snow';

  test('two pictures as base64 are two PNGs of the asked size', async () => {
    const answer = await client.images.generate({
      model,
      prompt,
      n: 2,
      size: '1792x1024',
      response_format: 'b64_json',
    });
    const pictures = await Promise.all(
      (answer.data ?? []).map(({ b64_json }) => measure(Buffer.from(b64_json ?? '', 'base64'))),
    );
    expect(pictures).toEqual(Array(2).fill({ size: '1792x1024', format: 'png' }));
  });

  test('a link leads to a picture of the asked size', async () => {
    const answer = await client.images.generate({ model, prompt, size: '1024x1024' });
    const picture = await fetch(answer.data?.[0]?.url ?? '');
    expect(await measure(new Uint8Array(await picture.arrayBuffer()))).toMatchObject({ size: '1024x1024' });
  });

  test('an edit is made from the picture', async () => {
    const answer = await client.images.edit({
      model,
      prompt,
      size: '1024x1024',
      image: await toFile(await drawReference(), 'sketch.png', { type: 'image/png' }),
    });
    expect(await measure(Buffer.from(answer.data?.[0]?.b64_json ?? '', 'base64'))).toEqual({
      size: '1024x1024',
      format: 'png',
    });
  });
});
