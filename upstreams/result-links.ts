import type { Exchange } from './emulator.ts';
import { linkDelayMs } from './faults.ts';
import type { Fault } from './faults.ts';
import type { Picture } from './picture.ts';
import { emptyReply, textReply } from './reply.ts';
import type { Reply } from './reply.ts';

/** Faults of a call whose result links go wrong. */
export const LINK_FAULTS = [
  'link_404',
  'link_500_once',
  'link_slow',
  'link_truncated',
  'not_an_image',
  'expired',
] as const;

type Published = {
  readonly picture: Picture;
  readonly query: string;
  readonly expiresAt: number;
  readonly fault: Fault | undefined;
  reads: number;
};

export type ResultLinksOptions = {
  readonly now: () => number;
  /** How the vendor's store says no. */
  readonly deny: (status: number, code: string, message: string) => Reply;
};

/** The object store behind a vendor's presigned links: only GET, only with the issued query, only in time. */
export class ResultLinks {
  readonly #options: ResultLinksOptions;
  readonly #published = new Map<string, Published>();

  constructor(options: ResultLinksOptions) {
    this.#options = options;
  }

  /** Makes the picture readable at `path?query` until `expiresAt` (Unix milliseconds). */
  publish(path: string, query: string, expiresAt: number, picture: Picture, fault: Fault | undefined): void {
    this.#published.set(path, { picture, query, expiresAt, fault, reads: 0 });
    // Long runs forget the oldest links; nobody reads one that old.
    const oldest = this.#published.size > 200_000 ? this.#published.keys().next().value : undefined;
    if (oldest !== undefined) this.#published.delete(oldest);
  }

  async answer(exchange: Exchange): Promise<Reply> {
    const { now, deny } = this.#options;
    const found = this.#published.get(exchange.path);
    if (found === undefined) return deny(404, 'NoSuchKey', 'The specified key does not exist.');
    if (exchange.headers.authorization !== undefined) {
      // Stores refuse two ways of signing at once. It also betrays a client that sends its key off-origin.
      return deny(400, 'InvalidArgument', 'Only one auth mechanism allowed.');
    }
    // The signature covers the method.
    const signed = exchange.method === 'GET' && exchange.target === `${exchange.path}?${found.query}`;
    if (!signed)
      return deny(403, 'SignatureDoesNotMatch', 'The request signature we calculated does not match.');
    if (now() >= found.expiresAt || found.fault?.fault === 'expired') {
      return deny(403, 'AccessDenied', 'Request has expired');
    }
    found.reads += 1;
    return this.#file(found, exchange);
  }

  async #file(found: Published, exchange: Exchange): Promise<Reply> {
    const { picture, fault } = found;
    const reply = {
      kind: 'whole',
      status: 200,
      headers: { 'content-type': picture.contentType, 'cache-control': 'no-store' },
      body: [picture.bytes],
    } as const;
    if (fault === undefined) return reply;
    switch (fault.fault) {
      case 'link_404':
        return this.#options.deny(404, 'NoSuchKey', 'The specified key does not exist.');
      case 'link_500_once':
        return found.reads === 1 ? emptyReply(500) : reply;
      case 'link_slow':
        await exchange.sleep(linkDelayMs(fault));
        return reply;
      case 'link_truncated':
        return { ...reply, kind: 'cut', sentBytes: picture.bytes.length >> 1 };
      case 'not_an_image':
        return textReply(200, 'text/html', '<html><body>Please sign in to continue.</body></html>');
      default:
        return reply;
    }
  }
}
