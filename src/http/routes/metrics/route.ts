import type { Server } from '../../server.ts';
import type { ServerParts } from '../../server-parts.ts';
import { metricsSchema } from './schema.ts';

/** `/metrics`, for Prometheus. */
export const registerMetricsRoute = (app: Server, parts: Pick<ServerParts, 'readMetrics'>): void => {
  app.get('/metrics', { schema: metricsSchema }, async (_request, reply) => {
    const { contentType, text } = await parts.readMetrics();
    return reply.header('cache-control', 'no-store').type(contentType).send(text);
  });
};
