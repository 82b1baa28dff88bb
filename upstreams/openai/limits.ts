import { TokenBucket } from '../token-bucket.ts';
import { rateLimited } from './errors.ts';

/** What an account may do in a minute. */
export type PerMinute = {
  readonly requests: number;
  readonly images: number;
  readonly inputImages: number;
  readonly tokens: number;
};

/** The limits of an account; `images` is the only one that its headers do not tell (section 4.1). */
export class Limits {
  readonly #perMinute: PerMinute;
  readonly #requests: TokenBucket;
  readonly #images: TokenBucket;
  readonly #inputImages: TokenBucket;
  readonly #tokens: TokenBucket;

  constructor(perMinute: PerMinute, now: () => number) {
    this.#perMinute = perMinute;
    this.#requests = new TokenBucket(perMinute.requests, now);
    this.#images = new TokenBucket(perMinute.images, now);
    this.#inputImages = new TokenBucket(perMinute.inputImages, now);
    this.#tokens = new TokenBucket(perMinute.tokens, now);
  }

  /** Takes what a call needs. Throws `OpenAiRefusal` naming the first limit that does not have it. */
  take(model: string, images: number, inputImages: number, tokens: number): void {
    const wanted = [
      {
        bucket: this.#requests,
        units: 1,
        type: 'requests',
        unit: 'requests',
        limit: this.#perMinute.requests,
      },
      {
        bucket: this.#images,
        units: images,
        type: 'requests',
        unit: 'images',
        limit: this.#perMinute.images,
      },
      {
        bucket: this.#inputImages,
        units: inputImages,
        type: 'input-images',
        unit: 'input-images',
        limit: this.#perMinute.inputImages,
      },
      { bucket: this.#tokens, units: tokens, type: 'tokens', unit: 'tokens', limit: this.#perMinute.tokens },
    ];
    for (const { bucket, units, type, unit, limit } of wanted) {
      if (!bucket.take(units)) throw rateLimited(type, limit, model, unit, bucket.waitMs(units));
    }
  }

  /** Section 4.1: what is left, and when all of it is back. */
  headers(hasInputs: boolean): Record<string, string> {
    const told = [
      ['requests', this.#requests, this.#perMinute.requests],
      ['tokens', this.#tokens, this.#perMinute.tokens],
      ...(hasInputs ? ([['input-images', this.#inputImages, this.#perMinute.inputImages]] as const) : []),
    ] as const;
    return Object.fromEntries(
      told
        .filter(([, , limit]) => limit !== Infinity)
        .flatMap(([name, bucket, limit]) => [
          [`x-ratelimit-limit-${name}`, String(limit)],
          [`x-ratelimit-remaining-${name}`, String(bucket.remaining)],
          [`x-ratelimit-reset-${name}`, goDuration(bucket.waitMs())],
        ]),
    );
  }
}

/** As Go prints one: `120ms`, `1s`, `6m0s`. */
function goDuration(ms: number): string {
  if (ms < 1000) return `${ms}ms`;
  const seconds = `${(ms % 60_000) / 1000}s`;
  return ms < 60_000 ? seconds : `${Math.floor(ms / 60_000)}m${seconds}`;
}
