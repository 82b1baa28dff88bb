/** One generation that the vendor would bill. */
export type Charge = {
  /** The vendor's own id of it: a request id or a task id. */
  readonly id: string;
  /** The id that the caller gave the call, where it gave one. */
  readonly callerId?: string;
  /** Unix milliseconds. */
  readonly at: number;
  /** The upstream model that ran. */
  readonly model: string;
  /** Billed pictures. */
  readonly images: number;
  readonly prompt: string;
  readonly seed?: number;
};

/** Everything charged since the start or the last reset: the judge of "never pay twice". */
export class Ledger {
  #charges: Charge[] = [];

  record(charge: Charge): void {
    this.#charges.push(charge);
  }

  /** Oldest first. */
  get charges(): readonly Charge[] {
    return this.#charges;
  }

  /** All billed pictures. */
  get images(): number {
    return this.#charges.reduce((sum, charge) => sum + charge.images, 0);
  }

  reset(): void {
    this.#charges = [];
  }
}
