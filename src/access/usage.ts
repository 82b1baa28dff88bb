/** What was used and what it cost, read from the ledger. */
import type { Micros } from '../core/money.ts';

/** What can be told apart in a report. */
export const usageDimensions = ['day', 'key', 'model', 'provider'] as const;
export type UsageDimension = (typeof usageDimensions)[number];

/** Counts of tasks that have ended. */
export interface UsageCounts {
  readonly tasks: number;
  readonly failedTasks: number;
  /** Delivered. */
  readonly images: number;
  readonly calls: number;
  readonly failedCalls: number;
  /** Nobody knows whether they were charged; what they may have cost is not in `costMicros`. */
  readonly unconfirmedCalls: number;
  readonly costMicros: Micros;
}

/** Counts for one combination of what was to be told apart, in one currency. */
export interface UsageLine extends UsageCounts {
  /** Such as `2026-11-22`, in UTC. */
  readonly day?: string;
  readonly keyId?: string;
  readonly model?: string;
  /** Empty when no call was planned. */
  readonly provider?: string;
  /** ISO 4217; empty when nothing had a price. */
  readonly currency: string;
}

/** Which tasks to count, by when they ended: whole days of UTC. */
export interface UsageQuery {
  /** When the first day begins. */
  readonly fromMs: number;
  /** When the last day ends. */
  readonly toMs: number;
  readonly by: readonly UsageDimension[];
  readonly keyId?: string;
  readonly model?: string;
  readonly provider?: string;
}

/** What a key has taken of its limits. */
export interface Standing {
  readonly openTasks: number;
  readonly imagesToday: number;
  /** Spent in the period of its budget, or reserved for open tasks. */
  readonly committedMicros: Micros;
}

export interface UsageStore {
  report(query: UsageQuery): Promise<readonly UsageLine[]>;
  /** @param periodStartMs when the period of its budget began. */
  standing(keyId: string, nowMs: number, periodStartMs: number): Promise<Standing>;
}
