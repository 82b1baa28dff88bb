/** Copies the pictures of a data folder into a bucket, and reads each back. */
import { createHash } from 'node:crypto';
import { createWriteStream, type WriteStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { inspectImage } from '../../images/inspect.ts';
import type { ImageStore, StoredFile } from '../../images/image-store.ts';
import { CannotMove } from './cannot-move.ts';
import type { OnMoved } from './move-tables.ts';

/** What came of moving the pictures. */
export interface PicturesMoved {
  readonly files: number;
  readonly bytes: number;
  /** Of these, how many were there already. */
  readonly thereBefore: number;
  /** A file with a line for each: SHA-256, bytes, key. */
  readonly list: string;
  readonly keys: ReadonlySet<string>;
}

/** Files on their way at once. */
const TOGETHER = 8;

const sha256Of = async (store: ImageStore, key: string): Promise<string | undefined> => {
  const hash = createHash('sha256');
  const stream = await store.open(key);
  if (stream === undefined) return undefined;
  for await (const chunk of stream) hash.update(chunk as Buffer);
  return hash.digest('hex');
};

const listOf = async (store: ImageStore): Promise<ReadonlyMap<string, StoredFile>> => {
  const files = new Map<string, StoredFile>();
  for await (const file of store.list()) files.set(file.key, file);
  return files;
};

/** A bucket with pictures of somebody else under this prefix: whoever has the database would sweep them up as orphans. */
const checkForeign = (
  target: ReadonlyMap<string, StoredFile>,
  source: ReadonlyMap<string, StoredFile>,
): void => {
  const foreign = [...target.keys()].filter((key) => !source.has(key));
  if (foreign.length === 0) return;
  throw new CannotMove(
    `The bucket already has ${foreign.length} files that this data folder has not, such as ${foreign[0]}. ` +
      'Give an empty bucket, or another storage.prefix.',
  );
};

/**
 * Copies what the target lacks and compares every file on both sides; what is in the source stays there.
 *
 * @param settings.folder for files on their way; it is removed at the end.
 * @param settings.list where the list is written.
 * @throws CannotMove when the target has other files, or a file is not the same there.
 */
export const movePictures = async (settings: {
  readonly source: ImageStore;
  readonly target: ImageStore;
  readonly folder: string;
  readonly list: string;
  readonly onMoved: OnMoved;
}): Promise<PicturesMoved> => {
  const { source, target, folder, onMoved } = settings;
  const [wanted, known] = [await listOf(source), await listOf(target)];
  checkForeign(known, wanted);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const list = createWriteStream(settings.list, { mode: 0o600 });

  let [done, bytes, thereBefore] = [0, 0, 0];
  const moveFile = async (file: StoredFile, worker: number): Promise<void> => {
    const { key } = file;
    if (known.get(key)?.bytes === file.bytes) thereBefore += 1;
    else await copyFile(source, target, key, join(folder, String(worker)));
    const [here, there] = [await sha256Of(source, key), await sha256Of(target, key)];
    if (here === undefined || here !== there) {
      throw new CannotMove(
        `The file ${key} is not the same in the bucket. Delete it there, and run this again.`,
      );
    }
    writeLine(list, `${here}  ${file.bytes}  ${key}\n`);
    done += 1;
    bytes += file.bytes;
    onMoved('pictures', done, wanted.size);
  };

  onMoved('pictures', 0, wanted.size);
  const waiting = wanted.values();
  let isBroken = false;
  const work = async (_: unknown, worker: number): Promise<void> => {
    for (const file of waiting) {
      if (isBroken) return;
      await moveFile(file, worker).catch((fault: unknown) => {
        isBroken = true;
        throw fault;
      });
    }
  };
  try {
    const turns = await Promise.allSettled(Array.from({ length: TOGETHER }, work));
    const broken = turns.find((turn) => turn.status === 'rejected');
    if (broken !== undefined) throw broken.reason;
  } finally {
    await new Promise<void>((resolve) => list.end(resolve));
    await rm(folder, { recursive: true, force: true });
  }
  return { files: done, bytes, thereBefore, list: settings.list, keys: new Set(wanted.keys()) };
};

const writeLine = (list: WriteStream, line: string): void => void list.write(line);

/** By way of a copy: a store takes the file that it is given. */
const copyFile = async (source: ImageStore, target: ImageStore, key: string, path: string): Promise<void> => {
  const stream = await source.open(key);
  if (stream === undefined) throw new CannotMove(`The file ${key} went away meanwhile. Run this again.`);
  await pipeline(stream, createWriteStream(path));
  const format = (await inspectImage(path))?.format;
  await target.put(key, path, format === undefined ? undefined : `image/${format}`);
};
