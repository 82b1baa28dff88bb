/** Reports of usage as requests and answers have them. */
import Type, { type Static } from 'typebox';
import { dayMs, dayStartOf } from '../../../access/limits.ts';
import type { UsageLine } from '../../../access/usage.ts';
import { LimnerError } from '../../../core/errors.ts';
import { fromMicros } from '../../../core/money.ts';

const day = (description: string) =>
  Type.Refine(
    Type.String({ pattern: String.raw`^\d{4}-\d{2}-\d{2}$`, description, examples: ['2026-11-01'] }),
    (text) => !Number.isNaN(Date.parse(text)),
    () => 'a day such as 2026-11-01',
  );

/** Days of UTC. */
export const rangeFields = {
  from: Type.Optional(day('First day, in UTC; 30 days ago unless told.')),
  to: Type.Optional(day('Last day, in UTC; today unless told.')),
} as const;

const MOST_DAYS = 366;
const USUAL_DAYS = 30;

/** The days that were asked for. Throws `invalid_parameter` when the last comes before the first, or they are too many. */
export const readRange = (
  { from, to }: { readonly from?: string; readonly to?: string },
  nowMs: number,
): { readonly fromMs: number; readonly toMs: number } => {
  const toMs = (to === undefined ? dayStartOf(nowMs) : Date.parse(to)) + dayMs;
  const fromMs = from === undefined ? toMs - USUAL_DAYS * dayMs : Date.parse(from);
  if (fromMs >= toMs || toMs - fromMs > MOST_DAYS * dayMs) {
    throw new LimnerError(
      'invalid_parameter',
      `\`from\` must not be after \`to\`, and at most ${MOST_DAYS} days are counted at once.`,
      { param: 'from' },
    );
  }
  return { fromMs, toMs };
};

/** The first and the last day, as they are written. */
export const presentRange = ({ fromMs, toMs }: { readonly fromMs: number; readonly toMs: number }) => ({
  from: new Date(fromMs).toISOString().slice(0, 10),
  to: new Date(toMs - dayMs).toISOString().slice(0, 10),
});

export const UsageLineSchema = Type.Object(
  {
    day: Type.Optional(Type.String({ description: 'In UTC, by when tasks ended.' })),
    key_id: Type.Optional(Type.String()),
    key_name: Type.Optional(Type.String()),
    model: Type.Optional(Type.String()),
    provider: Type.Optional(Type.String({ description: 'Empty for tasks that ended before any call.' })),
    tasks: Type.Integer({ description: 'Tasks that have ended.' }),
    failed_tasks: Type.Integer(),
    images: Type.Integer({ description: 'Pictures delivered.' }),
    calls: Type.Integer({ description: 'Requests to providers, retries included.' }),
    failed_calls: Type.Integer(),
    unconfirmed_calls: Type.Integer({
      description: 'Calls of which nobody knows whether they were charged; `cost` does not have them.',
    }),
    cost: Type.Number(),
    currency: Type.Optional(Type.String({ description: 'ISO 4217; absent when nothing had a price.' })),
  },
  { title: 'UsageLine' },
);

/** A line of a report as it is shown. */
export type UsageLineView = Static<typeof UsageLineSchema>;

/** Shows a line of a report; a provider is shown to administrators only, who ask for it. */
export const presentLine = (line: UsageLine, keyName?: string): UsageLineView => ({
  ...(line.day !== undefined && { day: line.day }),
  ...(line.keyId !== undefined && { key_id: line.keyId }),
  ...(keyName !== undefined && { key_name: keyName }),
  ...(line.model !== undefined && { model: line.model }),
  ...(line.provider !== undefined && { provider: line.provider }),
  tasks: line.tasks,
  failed_tasks: line.failedTasks,
  images: line.images,
  calls: line.calls,
  failed_calls: line.failedCalls,
  unconfirmed_calls: line.unconfirmedCalls,
  cost: fromMicros(line.costMicros),
  ...(line.currency !== '' && { currency: line.currency }),
});
