import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { lockFolder } from '../database/sqlite/folder-lock.ts';

/** A folder that one node of a fleet has to itself until it ends. */
export interface NodeFolder {
  readonly path: string;
  /** Stays the folder's, whichever process has it: who takes it over has the files that wait in it. */
  readonly id: string;
  release(): void;
}

/** Nodes on one data folder, at most. */
const MOST_NODES = 64;

const idOf = async (path: string): Promise<string> => {
  const file = join(path, 'node-id');
  const known = await readFile(file, 'utf8').catch((fault: NodeJS.ErrnoException) => {
    if (fault.code === 'ENOENT') return undefined;
    throw fault;
  });
  if (known !== undefined && known !== '') return known;
  const id = `node_${randomBytes(10).toString('hex')}`;
  await writeFile(file, id, { mode: 0o600 });
  return id;
};

/**
 * Takes the first folder of `nodes/` that no process has, so that several nodes may share a data folder and a new process
 * takes over what an earlier one left.
 *
 * @throws FolderHeld when all of them are taken.
 */
export const takeNodeFolder = async (dataDir: string, nowMs: number): Promise<NodeFolder> => {
  for (let number = 1; ; number += 1) {
    const path = join(dataDir, 'nodes', String(number));
    await mkdir(path, { recursive: true, mode: 0o700 });
    try {
      const lock = lockFolder(path, nowMs);
      return { path, id: await idOf(path), release: () => lock.release() };
    } catch (fault) {
      if (!(fault instanceof Error) || fault.name !== 'FolderHeld' || number === MOST_NODES) throw fault;
    }
  }
};
