/** Changes a picture of yours: `node examples/change-a-picture.ts sketch.png "The same in watercolour"`. */
import { readFile, writeFile } from 'node:fs/promises';
import { createLimner } from '@limner/client';

const [path = '', prompt = 'The same in watercolour'] = process.argv.slice(2);
const limner = createLimner({
  baseUrl: process.env.LIMNER_URL ?? 'http://127.0.0.1:8787',
  apiKey: process.env.LIMNER_API_KEY ?? '',
});

const sketch = await readFile(path);
const task = await limner.generate({
  model: 'seedream-3.0',
  prompt,
  url: `data:image/png;base64,${sketch.toString('base64')}`,
  output_format: 'webp',
});

const [image] = task.images;
if (image !== undefined) {
  await writeFile('changed.webp', await limner.download(image));
  console.log(`changed.webp ${image.width}x${image.height}`);
}
