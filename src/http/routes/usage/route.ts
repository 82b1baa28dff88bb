import { presentLimits } from '../../../access/key-json.ts';
import type { KeyLimits } from '../../../access/limits.ts';
import { periodEndOf, periodStartOf } from '../../../access/limits.ts';
import type { Standing } from '../../../access/usage.ts';
import { fromMicros } from '../../../core/money.ts';
import type { Server } from '../../server.ts';
import type { ServerParts } from '../../server-parts.ts';
import { presentLine, presentRange, readRange } from './fields.ts';
import { usageSchema } from './schema.ts';

const left = (limit: number, taken: number): number => Math.max(0, limit - taken);

const remainingOf = (
  { concurrentTasks, imagesPerDay, budget }: KeyLimits,
  taken: Standing,
  nowMs: number,
) => {
  const endMs = budget && periodEndOf(budget.period, nowMs);
  return {
    ...(concurrentTasks !== undefined && { concurrent_tasks: left(concurrentTasks, taken.openTasks) }),
    ...(imagesPerDay !== undefined && { images_today: left(imagesPerDay, taken.imagesToday) }),
    ...(budget !== undefined && {
      budget: {
        amount: fromMicros(left(budget.micros, taken.committedMicros)),
        currency: budget.currency,
        ...(endMs !== undefined && { resets_at: endMs / 1000 }),
      },
    }),
  };
};

/** `/v1/usage`. */
export const registerUsageRoute = (app: Server, parts: Pick<ServerParts, 'usage' | 'clock'>): void => {
  app.get('/v1/usage', { schema: usageSchema }, async (request, reply) => {
    const { id, limits } = request.caller;
    const nowMs = parts.clock.nowMs();
    const range = readRange(request.query, nowMs);
    const { budget } = limits;
    const periodStartMs = budget === undefined ? 0 : periodStartOf(budget.period, nowMs);
    const lines = await parts.usage.report({ ...range, by: ['model'], keyId: id });
    const taken = await parts.usage.standing(id, nowMs, periodStartMs);
    return reply.header('cache-control', 'no-store').send({
      object: 'usage',
      key_id: id,
      ...presentRange(range),
      data: lines.map((line) => presentLine(line)),
      limits: presentLimits(limits),
      remaining: remainingOf(limits, taken, nowMs),
      open_tasks: taken.openTasks,
    });
  });
};
