/** Every file of `examples/`, run as a reader would run it, against the real program in sandbox mode. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDataFolder, type DataFolder } from './support/data-folder.ts';
import { eventually } from './support/eventually.ts';
import { apiKey, type LimnerProcess, startLimner } from './support/limner-process.ts';

const examples = join(import.meta.dirname, '../examples');
const run = promisify(execFile);

let data: DataFolder;
let folder: DataFolder;
let limner: LimnerProcess;

beforeAll(async () => {
  [data, folder] = await Promise.all([createDataFolder(), createDataFolder()]);
  // What the example receives webhooks at is on this very machine.
  limner = await startLimner({ dataDir: data.path, env: { LIMNER_FETCH_ALLOW: '127.0.0.1' } });
});
afterAll(async () => {
  await limner.stop();
  await Promise.all([data[Symbol.asyncDispose](), folder[Symbol.asyncDispose]()]);
});

const commandOf = (name: string, args: readonly string[]): string[] => [
  '--conditions=limner-source',
  join(examples, name),
  ...args,
];
const surroundings = (env: Readonly<Record<string, string>> = {}) => ({
  cwd: folder.path,
  env: { PATH: process.env['PATH'] ?? '', LIMNER_URL: limner.url, LIMNER_API_KEY: apiKey, ...env },
});
const outputOf = async (name: string, ...args: readonly string[]): Promise<string[]> => {
  const { stdout } = await run(process.execPath, commandOf(name, args), surroundings());
  return stdout.trim().split('\n');
};
const sizeOf = async (file: string) => {
  const { format, width, height } = await sharp(await readFile(join(folder.path, file))).metadata();
  return { format, width, height };
};

test('generate.ts saves the picture', async () => {
  const lines = await outputOf('generate.ts', 'An owl');
  expect(lines[0]).toMatch(/^task_\w+ pending$/);
  expect(await sizeOf(lines.find((line) => /\.(png|webp|jpeg)$/.test(line)) ?? '')).toMatchObject({
    width: 1024,
    height: 1792,
  });
});

test('change-a-picture.ts saves what became of the picture', async () => {
  const sketch = await sharp({ create: { width: 80, height: 60, channels: 3, background: 'teal' } })
    .png()
    .toBuffer();
  await writeFile(join(folder.path, 'sketch.png'), sketch);
  expect(await outputOf('change-a-picture.ts', 'sketch.png')).toEqual(['changed.webp 1024x1024']);
  expect(await sizeOf('changed.webp')).toMatchObject({ format: 'webp', width: 1024 });
});

test('many.ts tells of each picture, and of the one that failed', async () => {
  const lines = await outputOf('many.ts');
  expect(lines).toHaveLength(5);
  expect(lines.filter((line) => line.includes('/files/img_'))).toHaveLength(4);
  expect(lines.join('\n')).toContain('A unicorn: content_policy_violation');
});

test('receive-webhooks.ts takes a webhook of the server, and refuses one of somebody else', async () => {
  const { body } = await limner.api<{ secret: string }>('GET', '/v1/webhooks/signing-secret');
  const child = spawn(process.execPath, commandOf('receive-webhooks.ts', []), {
    ...surroundings({ LIMNER_WEBHOOK_SECRET: body.secret, PORT: '0' }),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    const port = await eventually(async () => /listening on (\d+)/.exec(output)?.[1], 'it listens');
    const address = `http://127.0.0.1:${port}`;
    expect((await fetch(address, { method: 'POST', body: '{}' })).status).toBe(400);
    const request = { model: 'jimeng', prompt: 'A newt', webhook_url: address };
    const { body: task } = await limner.api('POST', '/v1/images/generations', request);
    await eventually(
      async () => output.includes(`task.completed ${task.task_id} 1`) || undefined,
      'it heard',
    );
  } finally {
    child.kill();
    await once(child, 'close');
  }
});

test('every example is tried here', async () => {
  const tried = await readFile(import.meta.filename, 'utf8');
  const names = await readdir(examples);
  expect(names.filter((name) => name.endsWith('.ts') && !tried.includes(`'${name}'`))).toEqual([]);
});
