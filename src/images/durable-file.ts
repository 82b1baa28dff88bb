import { open, unlink } from 'node:fs/promises';

/** Returns once the file's or folder's contents would survive a power cut; a folder's contents are its names. */
export const syncToDisk = async (path: string): Promise<void> => {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
};

/** The system's code of a file error, such as `ENOENT`. */
export const fileErrorCode = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;

/** The value, or `undefined` when there is no such file. */
export const orMissing = async <T>(work: Promise<T>): Promise<T | undefined> => {
  try {
    return await work;
  } catch (error) {
    if (fileErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
};

/** Removes a file; removing what is not there is fine. Half the cost of `rm`, which looks before it leaps. */
export const removeFile = async (path: string): Promise<void> => {
  await orMissing(unlink(path));
};
