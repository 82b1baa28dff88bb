import type { Server } from '../../server.ts';
import type { ServerParts } from '../../server-parts.ts';
import { healthSchema, readySchema } from './schema.ts';

/** `/healthz` and `/readyz`, for whoever starts, stops and balances processes. */
export const registerHealthRoutes = (
  app: Server,
  parts: Pick<ServerParts, 'isReady' | 'draining' | 'providers'>,
): void => {
  app.get('/healthz', { schema: healthSchema }, (_request, reply) => {
    void reply.header('cache-control', 'no-store').send({ status: 'ok' });
  });
  app.get('/readyz', { schema: readySchema }, (_request, reply) => {
    const providers = parts.providers().map((provider) =>
      provider.state === 'ok'
        ? provider
        : {
            name: provider.name,
            state: provider.state,
            reason: provider.reason,
            since: Math.floor(provider.sinceMs / 1000),
          },
    );
    const isTaking = !parts.draining.aborted && parts.isReady();
    const health = providers.every(({ state }) => state === 'ok') ? 'ok' : 'degraded';
    const status = isTaking ? health : parts.draining.aborted ? 'draining' : 'starting';
    void reply
      .code(isTaking ? 200 : 503)
      .header('cache-control', 'no-store')
      .send({ status, providers });
  });
};
