import type { FastifyReply, FastifyRequest } from 'fastify';
import { answerEnds } from '../answer-ends.ts';
import { requireKey } from '../auth.ts';
import { lazily } from '../lazily.ts';
import type { Links } from '../links.ts';
import { refuseEarly } from '../refuse-early.ts';
import { createPresenter } from '../routes/generations/present.ts';
import type { Server } from '../server.ts';
import type { ServerParts } from '../server-parts.ts';

/** Any address will do: only the way of the request is looked at. */
const ADDRESS = 'http://limner.internal/mcp';

/** `/mcp`: the Model Context Protocol over streamable HTTP, for agents and the programs that run them. */
export const registerMcpRoute = (app: Server, parts: ServerParts, links: Links): void => {
  const mcp = lazily(async () => {
    const { authInfoOf, createMcp } = await import('./serve.ts');
    const handler = createMcp({ parts, present: createPresenter(parts, links) });
    return (request: FastifyRequest, signal: AbortSignal): Promise<Response> =>
      handler.fetch(toWebRequest(request, signal), {
        authInfo: authInfoOf(request.caller),
        ...(request.body !== undefined && { parsedBody: request.body }),
      });
  });

  app.addHook('onRequest', requireKey(parts));
  app.addHook('onRequest', refuseEarly(parts));
  app.route({
    method: ['GET', 'POST', 'DELETE'],
    url: '/mcp',
    schema: { hide: true },
    handler: async (request, reply: FastifyReply) => {
      const serve = await mcp();
      const response = await serve(request, answerEnds(reply, parts.draining));
      // Proxies such as nginx hold back what is not marked so.
      return reply.header('x-accel-buffering', 'no').send(response);
    },
  });
};

const toWebRequest = ({ method, headers }: FastifyRequest, signal: AbortSignal): Request => {
  const carried = new Headers();
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) carried.set(name, String(value));
  }
  return new Request(ADDRESS, { method, headers: carried, signal });
};
