import { type UsageDimension, usageDimensions } from '../../../access/usage.ts';
import { presentLine, presentRange, readRange, type UsageLineView } from '../../routes/usage/fields.ts';
import { usageReportSchema } from '../../routes/usage/schema.ts';
import type { Server } from '../../server.ts';
import type { ServerParts } from '../../server-parts.ts';
import { toCsv } from './csv.ts';

const countColumns = [
  'tasks',
  'failed_tasks',
  'images',
  'calls',
  'failed_calls',
  'unconfirmed_calls',
  'cost',
  'currency',
] as const satisfies readonly (keyof UsageLineView)[];

const columnsOf = (by: readonly UsageDimension[]): readonly (keyof UsageLineView)[] => [
  ...(by.includes('day') ? (['day'] as const) : []),
  ...(by.includes('key') ? (['key_id', 'key_name'] as const) : []),
  ...(by.includes('model') ? (['model'] as const) : []),
  ...(by.includes('provider') ? (['provider'] as const) : []),
  ...countColumns,
];

/** `/admin/v1/usage`. */
export const registerUsageReportRoute = (
  app: Server,
  parts: Pick<ServerParts, 'usage' | 'keys' | 'clock'>,
): void => {
  app.get('/admin/v1/usage', { schema: usageReportSchema }, async (request, reply) => {
    const { group_by = 'day', key_id, model, provider, format } = request.query;
    const names = group_by.split(',');
    const by = usageDimensions.filter((dimension) => names.includes(dimension));
    const range = readRange(request.query, parts.clock.nowMs());
    const lines = await parts.usage.report({
      ...range,
      by,
      ...(key_id !== undefined && { keyId: key_id }),
      ...(model !== undefined && { model }),
      ...(provider !== undefined && { provider }),
    });
    const keyNames = by.includes('key')
      ? new Map((await parts.keys.list()).map((key) => [key.id, key.name]))
      : new Map<string, string>();
    const data = lines.map((line) => presentLine(line, keyNames.get(line.keyId ?? '')));
    const { from, to } = presentRange(range);
    reply.header('cache-control', 'no-store');
    if (format !== 'csv') return reply.send({ object: 'list', from, to, data });
    return reply
      .type('text/csv; charset=utf-8')
      .header('content-disposition', `attachment; filename="limner-usage-${from}-${to}.csv"`)
      .send(toCsv(columnsOf(by), data) as never);
  });
};
