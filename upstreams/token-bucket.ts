/** Admits `perMinute` units a minute; `burst` of them at once if nobody came before, by default all. */
export class TokenBucket {
  readonly #perMinute: number;
  readonly #burst: number;
  readonly #now: () => number;
  #tokens: number;
  #at: number;

  constructor(perMinute: number, now: () => number, burst: number = perMinute) {
    this.#perMinute = perMinute;
    this.#burst = burst;
    this.#now = now;
    this.#tokens = burst;
    this.#at = now();
  }

  /** Takes `units`, or nothing at all and answers false. */
  take(units: number): boolean {
    if (this.#perMinute === Infinity) return true;
    this.#refill();
    if (this.#tokens < units) return false;
    this.#tokens -= units;
    return true;
  }

  /** Whole units that may be taken now. */
  get remaining(): number {
    this.#refill();
    return Math.floor(this.#tokens);
  }

  /** How long until `units` may be taken, milliseconds; without an argument, until the bucket is full again. */
  waitMs(units = this.#burst): number {
    if (this.#perMinute === Infinity) return 0;
    this.#refill();
    return Math.max(0, Math.ceil(((units - this.#tokens) / this.#perMinute) * 60_000));
  }

  #refill(): void {
    if (this.#perMinute === Infinity) return;
    const now = this.#now();
    // A clock that is set back takes nothing away.
    const elapsed = Math.max(0, now - this.#at);
    this.#tokens = Math.min(this.#burst, this.#tokens + (elapsed / 60_000) * this.#perMinute);
    this.#at = now;
  }
}
