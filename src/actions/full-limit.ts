import type { FullLimit } from '../access/budgets.ts';
import type { Caller } from '../access/keys.ts';
import { type Budget, dayMs, dayStartOf, periodEndOf, periodStartOf } from '../access/limits.ts';
import type { UsageStore } from '../access/usage.ts';
import type { Clock } from '../core/clock.ts';
import { LimnerError } from '../core/errors.ts';
import { fromMicros } from '../core/money.ts';

const periods = { day: 'a day', month: 'a month', total: 'in all' } as const;

const written = ({ micros, currency, period }: Budget): string =>
  `${fromMicros(micros)} ${currency} ${periods[period]}`;

/** What a caller is told whose limit leaves no room for a task, and when there will be room, if that is known. */
export const fullLimitError = (
  { limits }: Pick<Caller, 'limits'>,
  full: FullLimit,
  nowMs: number,
): LimnerError => {
  switch (full) {
    case 'concurrent-tasks':
      return new LimnerError(
        'concurrency_limit_exceeded',
        `This key may have ${limits.concurrentTasks} open tasks at once. Wait until one has ended.`,
      );
    case 'images-per-day': {
      const retryAfterMs = dayStartOf(nowMs) + dayMs - nowMs;
      return new LimnerError(
        'rate_limit_exceeded',
        `This key may ask for ${limits.imagesPerDay} pictures a day, and too few are left. The next day begins at 00:00 UTC.`,
        { retryAfterMs },
      );
    }
    case 'budget': {
      const { budget } = limits;
      const endsMs = budget && periodEndOf(budget.period, nowMs);
      return new LimnerError(
        'insufficient_quota',
        `What is left of this key's budget${budget === undefined ? '' : `, ${written(budget)},`} does not pay for this request. ` +
          '`GET /v1/usage` tells what is left.',
        endsMs === undefined ? {} : { retryAfterMs: endsMs - nowMs },
      );
    }
  }
};

/**
 * Throws when a limit of the key is full, so that no task would be accepted now. A task that is accepted is counted
 * later, exactly; this only spares the work for one that cannot be.
 */
export const checkRoom = async (
  parts: { readonly usage: Pick<UsageStore, 'standing'>; readonly clock: Pick<Clock, 'nowMs'> },
  caller: Caller,
): Promise<void> => {
  const { concurrentTasks = Infinity, imagesPerDay = Infinity, budget } = caller.limits;
  const nowMs = parts.clock.nowMs();
  const periodStartMs = budget === undefined ? 0 : periodStartOf(budget.period, nowMs);
  const taken = await parts.usage.standing(caller.id, nowMs, periodStartMs);
  if (taken.openTasks >= concurrentTasks) throw fullLimitError(caller, 'concurrent-tasks', nowMs);
  if (taken.imagesToday >= imagesPerDay) throw fullLimitError(caller, 'images-per-day', nowMs);
  if (budget !== undefined && taken.committedMicros >= budget.micros) {
    throw fullLimitError(caller, 'budget', nowMs);
  }
};

/** Whether tasks of the key count against anything. */
export const hasTaskLimits = ({ limits }: Pick<Caller, 'limits'>): boolean =>
  limits.concurrentTasks !== undefined || limits.imagesPerDay !== undefined || limits.budget !== undefined;
