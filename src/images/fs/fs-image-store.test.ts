import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import { describeImageStore } from '../contract/image-store.contract.ts';
import { createFsImageStore } from './fs-image-store.ts';

const folders: string[] = [];
const newFolder = async (parent = tmpdir()): Promise<string> => {
  const folder = await mkdtemp(join(parent, 'limner-images-'));
  folders.push(folder);
  return folder;
};
const removeFolders = async (): Promise<void> => {
  await Promise.all(folders.splice(0).map((folder) => rm(folder, { recursive: true })));
};

describeImageStore('a folder', async () => {
  const folder = await newFolder();
  let files = 0;
  return {
    store: createFsImageStore({ folder: join(folder, 'images') }),
    newFile: async (bytes) => {
      files += 1;
      const path = join(folder, `file-${files}`);
      await writeFile(path, bytes);
      return path;
    },
    close: removeFolders,
  };
});

/** A place on another file system than the temporary folder, where the machine has one. */
const memory = '/dev/shm';
const isElsewhere = await Promise.all([stat(memory), stat(tmpdir())]).then(
  ([one, other]) => one.dev !== other.dev,
  () => false,
);

describe('a folder of pictures', () => {
  afterEach(removeFolders);

  it.skipIf(!isElsewhere)('takes a file from another file system', async () => {
    const folder = await newFolder();
    const source = join(await newFolder(memory), 'picture');
    await writeFile(source, 'bytes');
    const store = createFsImageStore({ folder });
    await store.put('img_1.png', source);
    await store.put('img_1.png', source);
    const stream = await store.open('img_1.png');
    expect(stream && (await buffer(stream)).toString()).toBe('bytes');
    await expect(stat(source)).rejects.toThrow('ENOENT');
    const names = await readdir(folder, { recursive: true });
    expect(names.filter((name) => name.includes('.copy'))).toEqual([]);
  });

  it('spreads pictures over 256 folders', async () => {
    const folder = await newFolder();
    const store = createFsImageStore({ folder });
    await writeFile(join(folder, '..', 'limner-spread'), 'bytes');
    await store.put('img_1.png', join(folder, '..', 'limner-spread'));
    const names = await readdir(folder, { recursive: true });
    expect(names.filter((name) => /^[0-9a-f]{2}\/img_1\.png$/.test(name))).toHaveLength(1);
  });

  it('does not list what is no picture of it: a copy that a crash left behind, a foreign file', async () => {
    const folder = await newFolder();
    await mkdir(join(folder, '00'), { recursive: true });
    await writeFile(join(folder, '00', '.copy-1'), 'half');
    await writeFile(join(folder, '00', 'Thumbs.db'), '');
    await writeFile(join(folder, 'README'), '');
    expect(await Array.fromAsync(createFsImageStore({ folder }).list())).toEqual([]);
  });
});
