import type { Painter } from './picture.ts';
import type { ResultLinks } from './result-links.ts';

/** What it takes to make pictures and show them. */
export type Workshop = {
  readonly paint: Painter;
  readonly links: ResultLinks;
  /** Where the links lead: known once the emulator has a port. */
  readonly origin: () => string;
  /** Unix milliseconds. */
  readonly now: () => number;
  /** How long a link works. */
  readonly ttlMs: number;
  /** Every picture is padded to this size. */
  readonly paddedBytes: number | undefined;
};
