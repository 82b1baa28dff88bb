import { mkdir, open, readdir, rename, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { orMissing, removeFile, syncToDisk } from './durable-file.ts';

/** What a file in the making ends in until it is complete. */
const partSuffix = '.part';

/** How much is collected before the disk is asked: each request to it costs more than the bytes. */
const blockBytes = 256 * 1024;

/** A file in the making. */
export interface SpoolFile {
  readonly name: string;
  /** Copies a chunk; a promise means that the disk is behind and the writer should wait for it. */
  write(chunk: Uint8Array): Promise<void> | void;
  /** On return the file is complete, has its name and survives a power cut. */
  finish(): Promise<void>;
  /** Gives the file up; fine after `finish`, which it does not undo. */
  discard(): Promise<void>;
}

/** What lies complete in the spool. */
export interface SpooledFile {
  readonly name: string;
  readonly bytes: number;
  readonly modifiedAtMs: number;
}

/** A folder for files on their way to the image store. A file that has its name is always a whole file. */
export interface Spool {
  /** Starts a file; a complete file of this name stays until the new one is finished. */
  create(name: string): Promise<SpoolFile>;
  /** Writes a whole file; on return it survives a power cut. */
  writeAll(name: string, bytes: Uint8Array): Promise<void>;
  /** Where the complete file of this name is or will be. */
  path(name: string): string;
  exists(name: string): Promise<boolean>;
  /** Removes the file, complete or not; removing what is not there is fine. */
  remove(name: string): Promise<void>;
  /** The complete files. */
  list(): AsyncIterable<SpooledFile>;
  /** Removes what a crash left incomplete; only for a start, before anything writes. */
  sweep(): Promise<void>;
}

/** Opens the spool in this folder, making it when needed. Names are lower-case letters, digits and `_ . -`. */
export const createSpool = async ({ folder }: { readonly folder: string }): Promise<Spool> => {
  await mkdir(folder, { recursive: true });

  const pathOf = (name: string): string => {
    if (!/^[a-z0-9_-][a-z0-9_.-]{0,199}$/.test(name) || name.endsWith(partSuffix)) {
      throw new TypeError(`Not a name for the spool: ${JSON.stringify(name)}`);
    }
    return join(folder, name);
  };

  const create = async (name: string): Promise<SpoolFile> => {
    const path = pathOf(name);
    const part = `${path}${partSuffix}`;
    return spoolFile(name, await open(part, 'w'), {
      keep: async () => {
        await rename(part, path);
        await syncToDisk(folder);
      },
      drop: () => removeFile(part),
    });
  };

  return {
    create,
    writeAll: async (name, bytes) => {
      const file = await create(name);
      try {
        await file.write(bytes);
        await file.finish();
      } finally {
        await file.discard();
      }
    },
    path: pathOf,
    exists: async (name) => (await orMissing(stat(pathOf(name)))) !== undefined,
    remove: async (name) => {
      await removeFile(pathOf(name));
      await removeFile(`${pathOf(name)}${partSuffix}`);
    },
    async *list() {
      for (const name of await readdir(folder)) {
        const found = name.endsWith(partSuffix) ? undefined : await orMissing(stat(join(folder, name)));
        if (found?.isFile() === true) {
          yield { name, bytes: found.size, modifiedAtMs: Math.floor(found.mtimeMs) };
        }
      }
    },
    sweep: async () => {
      const parts = (await readdir(folder)).filter((name) => name.endsWith(partSuffix));
      await Promise.all(parts.map((name) => removeFile(join(folder, name))));
    },
  };
};

interface Ending {
  readonly keep: () => Promise<void>;
  readonly drop: () => Promise<void>;
}

/** Blocks that no file is using: taking one again is cheaper than the garbage of a new one. */
const freeBlocks: Buffer[] = [];
const mostFreeBlocks = 32;

const spoolFile = (name: string, handle: FileHandle, { keep, drop }: Ending): SpoolFile => {
  let block: Buffer | undefined;
  let filled = 0;
  let writing: Promise<void> | undefined;
  let isOver = false;

  const writeBlock = async (full: Buffer, length: number): Promise<void> => {
    for (let written = 0; written < length;) {
      // A disk that is almost full takes a part; asking again for the rest brings its error.
      written += (await handle.write(full, written, length - written)).bytesWritten;
    }
    if (freeBlocks.length < mostFreeBlocks) freeBlocks.push(full);
  };

  /** Starts writing what was collected; at most one block is being written at a time. */
  const flush = (): void => {
    if (block === undefined) return;
    const [full, length] = [block, filled];
    block = undefined;
    filled = 0;
    writing = (writing ?? Promise.resolve()).then(() => writeBlock(full, length));
    // Whoever writes next or finishes hears of the error.
    writing.catch(() => {});
  };

  return {
    name,
    write: (chunk) => {
      const earlier = writing;
      let isFull = false;
      for (let taken = 0; taken < chunk.byteLength;) {
        block ??= freeBlocks.pop() ?? Buffer.allocUnsafeSlow(blockBytes);
        const part = chunk.subarray(taken, taken + blockBytes - filled);
        block.set(part, filled);
        filled += part.byteLength;
        taken += part.byteLength;
        if (filled < blockBytes) continue;
        flush();
        isFull = true;
      }
      return isFull ? earlier : undefined;
    },
    finish: async () => {
      flush();
      await writing;
      await handle.datasync();
      await handle.close();
      await keep();
      isOver = true;
    },
    discard: async () => {
      if (isOver) return;
      isOver = true;
      await Promise.allSettled([writing]);
      await handle.close();
      await drop();
    },
  };
};
