import type { EngineParts } from '../engine-parts.ts';

/** Limits of a download, and whom to trust although private. */
export interface DownloadOrder {
  readonly maxBytes: number;
  readonly trustedHost?: string;
  readonly signal: AbortSignal;
}

/** Fetches a file through the guard into the spool. @throws FetchRefused or FetchFailed. */
export const download = async (
  { fetcher, spool }: EngineParts,
  url: string,
  name: string,
  order: DownloadOrder,
): Promise<void> => {
  const file = await spool.create(name);
  try {
    await fetcher.fetchToSink(url, { ...order, sink: file });
    await file.finish();
  } finally {
    await file.discard();
  }
};

/** Copies a stored file back into the spool. @returns whether there was one. */
export const restore = async (
  { images, spool }: EngineParts,
  key: string,
  name: string,
): Promise<boolean> => {
  const stored = await images.open(key);
  if (stored === undefined) return false;
  const file = await spool.create(name);
  try {
    for await (const chunk of stored) await file.write(chunk as Uint8Array);
    await file.finish();
  } finally {
    await file.discard();
  }
  return true;
};
