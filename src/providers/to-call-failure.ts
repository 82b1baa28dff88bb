import type { CallFailure } from '../core/failure.ts';
import type { Secret } from '../core/secret.ts';
import type { Meaning } from './refusals.ts';

/** What an upstream said when it refused. */
interface Refusal {
  readonly status: number;
  /** Its own code; empty when it named none. */
  readonly code: string;
  readonly requestId: string | undefined;
  /** Its own hint when to try again; it goes before that of the meaning. */
  readonly retryAfterMs?: number | undefined;
  /** Its own words, fit to be shown: see `quote`. */
  readonly words: string;
}

/** The failure that a refusal is. Upstreams charge for what they deliver, so that it cost nothing. */
export const toCallFailure = (
  { quoted, ...meaning }: Meaning,
  { status, code, requestId, retryAfterMs, words }: Refusal,
): CallFailure => ({
  ...meaning,
  ...(quoted && words !== '' && { message: `${meaning.message} It said: “${words}”` }),
  charged: 'no',
  ...(retryAfterMs !== undefined && { retryAfterMs }),
  upstream: { status, ...(code !== '' && { code }), ...(requestId !== undefined && { requestId }) },
});

/** An upstream's own words cut to a line, without our secrets and without what matches `ids`. */
export const quote = (words: string, secrets: readonly Secret[], ids: RegExp): string =>
  secrets
    .reduce((text, secret) => text.replaceAll(secret.reveal(), '…'), words)
    .replaceAll(ids, '…')
    .replaceAll(/\s+/g, ' ')
    .trim()
    .slice(0, 240);
