import { readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** Another process works on this data folder. */
class FolderHeld extends Error {
  override readonly name = 'FolderHeld';
}

const holderOf = (file: string): string => {
  try {
    const holder = JSON.parse(readFileSync(file, 'utf8')) as { pid: number; host: string; since: string };
    return `process ${holder.pid} on ${holder.host}, since ${holder.since}`;
  } catch {
    return 'another process';
  }
};

/**
 * Takes the data folder for this process. The lock is the operating system's own, by way of SQLite, so it ends with
 * the process however that ends; a file beside it says who holds it.
 *
 * @throws FolderHeld with a sentence that says who has it.
 */
export const lockFolder = (folder: string, nowMs: number): { release(): void } => {
  const holderFile = join(folder, 'holder.json');
  const lock = new DatabaseSync(join(folder, 'lock.db'), { timeout: 0 });
  try {
    lock.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
  } catch (fault) {
    lock.close();
    if ((fault as { errcode?: number }).errcode !== 5) throw fault;
    throw new FolderHeld(
      `The data folder ${folder} is held by ${holderOf(holderFile)}. ` +
        'Stop it first, give this one another LIMNER_DATA_DIR, or set LIMNER_URL to use the running server.',
    );
  }
  const holder = { pid: process.pid, host: hostname(), since: new Date(nowMs).toISOString() };
  writeFileSync(holderFile, `${JSON.stringify(holder)}\n`);
  return { release: () => lock.close() };
};
