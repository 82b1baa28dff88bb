/** Admits `perMinute` units a minute, all of them at once if nobody came before. */
export class TokenBucket {
  readonly #perMinute: number;
  readonly #now: () => number;
  #tokens: number;
  #at: number;

  constructor(perMinute: number, now: () => number) {
    this.#perMinute = perMinute;
    this.#now = now;
    this.#tokens = perMinute;
    this.#at = now();
  }

  /** Takes `units`, or nothing at all and answers false. */
  take(units: number): boolean {
    if (this.#perMinute === Infinity) return true;
    const now = this.#now();
    this.#tokens = Math.min(this.#perMinute, this.#tokens + ((now - this.#at) / 60_000) * this.#perMinute);
    this.#at = now;
    if (this.#tokens < units) return false;
    this.#tokens -= units;
    return true;
  }
}
