/** Makes a picture and saves it: `node examples/generate.ts "A red fox in fresh snow"`. */
import { writeFile } from 'node:fs/promises';
import { createLimner } from '@limner/client';

const limner = createLimner({
  baseUrl: process.env.LIMNER_URL ?? 'http://127.0.0.1:8787',
  apiKey: process.env.LIMNER_API_KEY ?? '',
});

const task = await limner.generate(
  { model: 'seedream-3.0', prompt: process.argv[2] ?? 'A red fox in fresh snow', size: '1024x1792' },
  { onProgress: ({ task_id, status }) => console.log(`${task_id} ${status}`) },
);

for (const [index, image] of task.images.entries()) {
  const file = `${task.task_id}-${index + 1}.${image.format}`;
  await writeFile(file, await limner.download(image));
  console.log(file);
}
for (const { parameter, reason } of task.adjustments ?? []) console.log(`${parameter}: ${reason}`);
