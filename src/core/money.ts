/** An amount in millionths of the currency's unit, so that sums stay exact integers. */
export type Micros = number;

/** An amount of one currency. */
export interface Cost {
  readonly micros: Micros;
  /** ISO 4217. */
  readonly currency: string;
}

/** The amount in the currency's unit, for an answer: 259000 becomes 0.259. */
export const fromMicros = (micros: Micros): number => micros / 1_000_000;

/** Micro-units from a price as people write it: 0.259 becomes 259000. */
export const toMicros = (amount: number): Micros => Math.round(amount * 1_000_000);
