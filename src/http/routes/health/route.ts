import type { Server } from '../../server.ts';
import type { ServerParts } from '../../server-parts.ts';
import { healthSchema, readySchema } from './schema.ts';

/** `/healthz` and `/readyz`, for whoever starts, stops and balances processes. */
export const registerHealthRoutes = (app: Server, parts: Pick<ServerParts, 'isReady' | 'draining'>): void => {
  app.get('/healthz', { schema: healthSchema }, (_request, reply) => {
    void reply.header('cache-control', 'no-store').send({ status: 'ok' });
  });
  app.get('/readyz', { schema: readySchema }, (_request, reply) => {
    const status = parts.draining.aborted ? 'draining' : parts.isReady() ? 'ok' : 'starting';
    void reply
      .code(status === 'ok' ? 200 : 503)
      .header('cache-control', 'no-store')
      .send({ status });
  });
};
