import { createHash } from 'node:crypto';
import { copyFile, mkdir, open, readdir, rename, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileErrorCode, orMissing, removeFile, syncToDisk } from '../durable-file.ts';
import { assertImageKey, isImageKey } from '../image-key.ts';
import type { ByteRange, ImageStore, StoredFile } from '../image-store.ts';

/** Whole groups of three bytes, so that base64 needs no seams, and strings that stay out of the space for large objects. */
const readChunkBytes = 90_000;

/** Stands for a slash in file names; it is no character of a key. */
const slash = '+';

/**
 * Keeps pictures as files below one folder, in 256 folders picked by a hash of the key: a million
 * pictures are 4,000 in each, and the folders soon exist. Bad keys throw a `TypeError`; a full or broken disk throws the system's error.
 */
export const createFsImageStore = ({ folder }: { readonly folder: string }): ImageStore => {
  /** Folders that this process has made sure of, so that their names are flushed once and not with every file. */
  const ready = new Map<string, Promise<void>>();
  let copies = 0;

  const pathOf = (key: string): string => {
    assertImageKey(key);
    const hash = createHash('sha256').update(key).digest('hex');
    return join(folder, hash.slice(0, 2), key.replaceAll('/', slash));
  };

  const makeFolder = async (path: string): Promise<void> => {
    if (path !== folder) await ensureFolder(dirname(path));
    await mkdir(path, { recursive: true });
    await syncToDisk(dirname(path));
  };

  const ensureFolder = async (path: string): Promise<void> => {
    const known = ready.get(path) ?? makeFolder(path);
    ready.set(path, known);
    try {
      await known;
    } catch (error) {
      ready.delete(path);
      throw error;
    }
  };

  const moveAcrossDevices = async (from: string, to: string): Promise<void> => {
    copies += 1;
    const copy = join(dirname(to), `.copy-${copies}`);
    try {
      await copyFile(from, copy);
      await syncToDisk(copy);
      await rename(copy, to);
    } finally {
      await removeFile(copy);
    }
  };

  const move = async (from: string, to: string): Promise<'moved' | 'copied'> => {
    try {
      await rename(from, to);
      return 'moved';
    } catch (error) {
      if (fileErrorCode(error) !== 'EXDEV') throw error;
      await moveAcrossDevices(from, to);
      return 'copied';
    }
  };

  const statFile = async (key: string): Promise<StoredFile | undefined> => {
    const found = await orMissing(stat(pathOf(key)));
    return found && { key, bytes: found.size, modifiedAtMs: Math.floor(found.mtimeMs) };
  };

  return {
    put: async (key, path) => {
      const target = pathOf(key);
      await ensureFolder(dirname(target));
      const how = await orMissing(move(path, target));
      if (how === undefined && (await statFile(key)) === undefined) {
        throw new Error(`There is neither ${path} nor ${key}`);
      }
      // Also when an earlier attempt was cut off right after its rename.
      await syncToDisk(dirname(target));
      if (how === 'copied') await removeFile(path);
    },

    open: async (key, range?: ByteRange) => {
      const handle = await orMissing(open(pathOf(key)));
      return handle?.createReadStream({ highWaterMark: readChunkBytes, ...range });
    },

    stat: statFile,

    delete: async (...keys) => {
      // All keys are looked at before the first file goes.
      await Promise.all(keys.map(pathOf).map(removeFile));
    },

    async *list() {
      for (const fan of await fansIn(folder)) {
        for (const name of await namesIn(join(folder, fan))) {
          const key = name.replaceAll(slash, '/');
          // Somebody else's file in our folder is none of our business.
          const file = isImageKey(key) ? await statFile(key) : undefined;
          if (file !== undefined) yield file;
        }
      }
    },

    link: () => undefined,
  };
};

/** Names in a folder without the hidden ones, which are copies in the making; none when there is no folder. */
const namesIn = async (folder: string): Promise<readonly string[]> => {
  const names = await orMissing(readdir(folder));
  return (names ?? []).filter((name) => !name.startsWith('.'));
};

/** The folders that pictures are spread over. */
const fansIn = async (folder: string): Promise<readonly string[]> =>
  (await namesIn(folder)).filter((name) => /^[0-9a-f]{2}$/.test(name));
