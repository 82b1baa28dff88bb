/**
 * Where pictures that are ours lie. The engine puts, HTTP reads, clean-up deletes. A key is never written twice
 * with different bytes, so every operation may be repeated after a crash.
 */
import type { Readable } from 'node:stream';

/** A part of a file: both ends included, as in RFC 9110 `Range`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** What lies under a key. */
export interface StoredFile {
  readonly key: string;
  readonly bytes: number;
  readonly modifiedAtMs: number;
}

/** The store cannot work as it is configured; the message says what to correct. */
export class StoreMisconfigured extends Error {
  override readonly name = 'StoreMisconfigured';
}

/** How a link to a stored file should behave. */
export interface LinkOrder {
  /** When it stops working, in whole seconds; absent in a link that works as long as the file is there. */
  readonly expiresAtMs?: number;
  readonly contentType: string;
  /** Under which name a browser keeps the file. */
  readonly fileName: string;
}

export interface ImageStore {
  /**
   * Takes the file at `path`, which is complete and on the disk, and keeps it under `key`; on return it survives a
   * power cut there and `path` is gone. No reader ever sees a part of it. When `path` is already gone and `key` is there, an earlier attempt
   * had succeeded and nothing happens. When it fails, `path` is as it was.
   *
   * @param contentType for stores that hand files out themselves.
   */
  put(key: string, path: string, contentType?: string): Promise<void>;
  /** The bytes, or a range of them; `undefined` when there is no such key. */
  open(key: string, range?: ByteRange): Promise<Readable | undefined>;
  stat(key: string): Promise<StoredFile | undefined>;
  /** Deletes any number of files in as few requests as the store allows; deleting what is not there is fine. */
  delete(...keys: readonly string[]): Promise<void>;
  /** Everything there is, in no order; for the sweep of orphans. */
  list(): AsyncIterable<StoredFile>;
  /**
   * An address at which the store itself hands the file out to anyone. `undefined` when it cannot, or not for so long:
   * then Limner does, at `/files`. Whether the file is there is not looked at.
   */
  link(key: string, order: LinkOrder): string | undefined;
}
