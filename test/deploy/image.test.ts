/** The image, made by following the Dockerfile step by step, and started as a container would: on files that nobody may change. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type BuiltImage, buildImage } from '../support/image-build.ts';
import { scrape } from '../support/scrape.ts';

/** Another user where this one may do everything. */
const asUser = process.getuid?.() === 0 ? { uid: 1000, gid: 1000 } : {};

let folder: string;
let image: BuiltImage;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'limner-image-'));
  await chmod(folder, 0o755);
  image = buildImage(folder);
  execFileSync('chmod', ['-R', 'a-w,a+rX', image.folder]);
  const data = join(image.folder, image.env['LIMNER_DATA_DIR'] ?? '');
  await chmod(data, 0o700);
  if (asUser.uid !== undefined) await chown(data, asUser.uid, asUser.gid);
}, 180_000);

afterAll(async () => {
  execFileSync('chmod', ['-R', 'u+w', folder]);
  await rm(folder, { recursive: true });
});

const environment = (): Record<string, string> => ({
  ...image.env,
  PATH: process.env['PATH'] ?? '',
  LIMNER_DATA_DIR: join(image.folder, image.env['LIMNER_DATA_DIR'] ?? ''),
  LIMNER_HOST: '127.0.0.1',
  LIMNER_PORT: '0',
  LIMNER_API_KEY: 'a-key-for-the-test-of-the-image',
});

const filesOf = async (path: string): Promise<readonly string[]> =>
  (await readdir(path, { recursive: true })).toSorted();

test(
  'serves, draws, tells its health and drains, and writes nothing outside its data',
  { timeout: 60_000 },
  async () => {
    const cwd = join(image.folder, image.workdir);
    const before = await filesOf(cwd);
    const env = environment();
    const [node = '', ...flags] = image.entrypoint;
    expect(node).toBe('node');
    const child = spawn(process.execPath, [...flags, ...image.command], { cwd, env, ...asUser });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += String(text)));
    const ended = once(child, 'close');
    const checkHealth = (port: string): number | null => {
      const [, ...flagsOfCheck] = image.healthcheck;
      return spawnSync(process.execPath, flagsOfCheck, { env: { ...env, LIMNER_PORT: port } }).status;
    };
    try {
      const url = await eventually(async () => {
        if (child.exitCode !== null) throw new Error(`It ended at its start:\n${output}`);
        return /"url":"(http:[^"]+)"/.exec(output)?.[1];
      }, 'the image listens');
      expect((await fetch(`${url}/readyz`)).status).toBe(200);
      expect((await fetch(`${url}/openapi.json`)).status).toBe(200);
      const answer = await fetch(`${url}/v1/images/generations`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${env['LIMNER_API_KEY']}`,
          'content-type': 'application/json',
          prefer: 'wait=30',
        },
        body: JSON.stringify({ model: 'seedream-3.0', prompt: '一艘纸船' }),
      });
      expect(await answer.json()).toMatchObject({ status: 'completed' });
      const told = await scrape(url);
      expect(told.value('limner_tasks_ended_total{model="seedream-3.0",outcome="completed"}')).toBe(1);
      const { port } = new URL(url);
      expect(checkHealth(port)).toBe(0);
      child.kill('SIGTERM');
      expect(await ended).toEqual([0, null]);
      expect(checkHealth(port)).toBe(1);
      expect(await filesOf(cwd)).toEqual(before);
    } finally {
      child.kill('SIGKILL');
      await ended;
    }
  },
);

test('holds what it runs on and nothing that is for development', () => {
  const app = join(image.folder, image.workdir);
  expect(existsSync(join(app, 'dist/src/main.js'))).toBe(true);
  const forDevelopment = [
    'src',
    'test',
    'node_modules/typescript',
    'node_modules/vitest',
    'node_modules/node',
  ];
  expect(forDevelopment.filter((path) => existsSync(join(app, path)))).toEqual([]);
});

test('cannot change its own files', () => {
  const write = "require('node:fs').writeFileSync('written', '')";
  const cwd = join(image.folder, image.workdir);
  expect(spawnSync(process.execPath, ['-e', write], { cwd, ...asUser }).stderr.toString()).toMatch(/EACCES/);
});
