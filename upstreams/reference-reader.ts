import { createInspector } from './inspect-picture.ts';
import type { ReceivedPicture } from './inspect-picture.ts';

/** Fetches a reference's address; answers `undefined` when the emulated vendor cannot reach it. */
export type FetchReference = (url: URL) => Promise<Buffer | undefined>;

/** What it takes to look at the pictures that callers send. */
export type ReferenceReader = {
  readonly inspect: (bytes: Buffer) => Promise<ReceivedPicture | undefined>;
  readonly fetchReference: FetchReference;
};

/** Without `fetchReference` no address can be reached. */
export function createReferenceReader(
  fetchReference: FetchReference = async () => undefined,
): ReferenceReader {
  return { inspect: createInspector(), fetchReference };
}
