/** What a key may take: the words for it, and the days and months that it is counted by. All of them are UTC's. */
import type { Micros } from '../core/money.ts';

/** How long a budget lasts before it begins anew; `total` never does. */
export const budgetPeriods = ['day', 'month', 'total'] as const;
export type BudgetPeriod = (typeof budgetPeriods)[number];

/** What may be spent in a period. */
export interface Budget {
  readonly micros: Micros;
  /** ISO 4217. */
  readonly currency: string;
  readonly period: BudgetPeriod;
}

/** The limits of a key; what is absent is not limited. */
export interface KeyLimits {
  /** Requests of any kind. */
  readonly requestsPerMinute?: number;
  /** Tasks that have not ended. */
  readonly concurrentTasks?: number;
  /** Pictures asked for, less those that were not delivered. */
  readonly imagesPerDay?: number;
  readonly budget?: Budget;
}

/** How many milliseconds a day has. */
export const dayMs = 24 * 60 * 60 * 1000;

/** When the day of this time began. */
export const dayStartOf = (timeMs: number): number => timeMs - (timeMs % dayMs);

/** When the period of this time began; 0 for the one that never begins anew. */
export const periodStartOf = (period: BudgetPeriod, timeMs: number): number => {
  switch (period) {
    case 'day':
      return dayStartOf(timeMs);
    case 'month': {
      const date = new Date(timeMs);
      return Date.UTC(date.getUTCFullYear(), date.getUTCMonth());
    }
    case 'total':
      return 0;
  }
};

/** When the period of this time ends; `undefined` for the one that does not. */
export const periodEndOf = (period: BudgetPeriod, timeMs: number): number | undefined => {
  switch (period) {
    case 'day':
      return dayStartOf(timeMs) + dayMs;
    case 'month': {
      const date = new Date(timeMs);
      return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1);
    }
    case 'total':
      return undefined;
  }
};
