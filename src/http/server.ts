import {
  fastify,
  type FastifyBaseLogger,
  type FastifyInstance,
  type RawReplyDefaultExpression,
} from 'fastify';
import type { RawRequestDefaultExpression, RawServerDefault } from 'fastify';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import { LimnerError } from '../core/errors.ts';
import { newId } from '../core/ids.ts';
import type { NodeRole } from '../core/node-role.ts';
import { requestLimits } from '../core/request.ts';
import { registerAuditRoute } from './admin/audit/route.ts';
import { registerKeyRoutes } from './admin/keys/route.ts';
import { registerUsageReportRoute } from './admin/usage/route.ts';
import { requireAdmin, requireKey } from './auth.ts';
import { createCors } from './cors.ts';
import { answerError, answerFrameworkError, answerClientError } from './errors.ts';
import { parseJsonBody } from './json-body.ts';
import { createLinks } from './links.ts';
import { registerMcpRoute } from './mcp/route.ts';
import { publicUrlOf } from './public-url.ts';
import { registerOpenAiRoutes } from './openai/route.ts';
import { createRouteTable } from './route-table.ts';
import { registerDocumentRoutes } from './routes/documents/route.ts';
import { registerFileRoutes } from './routes/files/route.ts';
import { registerGenerationRoutes } from './routes/generations/route.ts';
import { registerHealthRoutes } from './routes/health/route.ts';
import { registerMetricsRoute } from './routes/metrics/route.ts';
import { registerModelRoutes } from './routes/models/route.ts';
import { registerUsageRoute } from './routes/usage/route.ts';
import { registerWebhookRoutes } from './routes/webhooks/route.ts';
import { securityHeaders } from './security-headers.ts';
import type { ServerParts } from './server-parts.ts';
import { compileValidator } from './validation.ts';

/** The HTTP server with its schemas' types. */
export type Server = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

/** Longer than any id, so that a malformed one is `task_not_found` and not a wrong address. */
const MAX_PARAM_CHARACTERS = 1_000;

/** The server, ready for `listen` or `inject`: with every route, or for a worker with those that tell how it is. */
export const createServer = async (parts: ServerParts, role: NodeRole = 'all'): Promise<Server> => {
  const { clock, logger, meter, draining, sockets } = parts;
  const safety = securityHeaders(parts.publicUrl);
  const app: Server = fastify({
    // Fastify's own logger makes a child for each request; this one is called where there is something to tell.
    logger: false,
    bodyLimit: requestLimits.bodyBytes,
    connectionTimeout: sockets.silenceMs,
    requestTimeout: sockets.requestTimeoutMs,
    keepAliveTimeout: sockets.keepAliveMs,
    http: {
      headersTimeout: sockets.headersTimeoutMs,
      connectionsCheckingInterval: sockets.checkEveryMs,
      maxHeaderSize: sockets.headerBytes,
    },
    routerOptions: { maxParamLength: MAX_PARAM_CHARACTERS },
    // Its answer would be in Fastify's shape; `connection: close` and `shutting_down` say it in ours.
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    trustProxy: parts.trustedProxies.length === 0 ? false : [...parts.trustedProxies],
    genReqId: () => newId('req', clock.nowMs(), parts.randomBytes),
    frameworkErrors: (error, request, reply) => answerFrameworkError(error, request, reply.headers(safety)),
    clientErrorHandler: answerClientError,
  }).withTypeProvider<TypeBoxTypeProvider>();
  app.server.maxConnections = sockets.connections;

  app.setValidatorCompiler(compileValidator);
  app.setSerializerCompiler(() => JSON.stringify);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, parseJsonBody);
  app.setErrorHandler((error, request, reply) => answerError(logger, error, request, reply));

  const admitOrigin = createCors(parts.corsOrigins);
  const routes = createRouteTable();
  app.addHook('onRoute', (route) => routes.add(route.url, route.method));
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id).headers(safety);
    if (draining.aborted) reply.header('connection', 'close');
    if (request.raw.rawHeaders.length > sockets.headers * 2) done(tooManyHeaders(sockets.headers));
    else if (admitOrigin(request, reply)) return;
    else if (request.is404) routes.answerMissing(request, reply, done);
    else done();
  });
  app.setNotFoundHandler(() => undefined);
  app.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'none';
    meter.answered({ method: request.method, route, status: reply.statusCode, ms: reply.elapsedTime });
    done();
  });
  if (logger.isLevelEnabled('debug')) {
    app.addHook('onResponse', (request, reply, done) => {
      const { method, url, id } = request;
      // The query of a file link holds its signature.
      logger.debug(
        {
          requestId: id,
          method,
          path: url.split('?', 1)[0],
          status: reply.statusCode,
          ms: reply.elapsedTime,
        },
        'answered a request',
      );
      done();
    });
  }

  if (role === 'worker') registerOperationRoutes(app, parts);
  else registerRoutes(app, parts);
  await app.ready();
  return app;
};

const tooManyHeaders = (most: number): LimnerError =>
  new LimnerError('payload_too_large', `The request has more than ${most} headers.`);

/** Adds every route; nothing of `parts` is called before a request comes. */
export const registerRoutes = (app: Server, parts: ServerParts): void => {
  const links = createLinks({
    keys: parts.linkKeys,
    origin: publicUrlOf(app.server, parts.publicUrl),
    images: parts.images,
  });
  app.decorateRequest('caller');
  app.register((scope: Server, _options, done) => {
    scope.addHook('onRequest', requireKey(parts));
    registerGenerationRoutes(scope, parts, links);
    registerModelRoutes(scope, parts);
    registerUsageRoute(scope, parts);
    registerWebhookRoutes(scope, parts);
    done();
  });
  app.register((scope: Server, _options, done) => {
    scope.addHook('onRequest', requireKey(parts));
    scope.addHook('onRequest', requireAdmin);
    registerKeyRoutes(scope, parts);
    registerAuditRoute(scope, parts);
    registerUsageReportRoute(scope, parts);
    done();
  });
  app.register((scope: Server, _options, done) => {
    registerOpenAiRoutes(scope, parts, links);
    done();
  });
  app.register((scope: Server, _options, done) => {
    registerMcpRoute(scope, parts, links);
    done();
  });
  app.register((scope: Server, _options, done) => {
    registerFileRoutes(scope, parts, links);
    registerOperationRoutes(scope, parts);
    registerDocumentRoutes(scope);
    done();
  });
};

const registerOperationRoutes = (app: Server, parts: ServerParts): void => {
  registerHealthRoutes(app, parts);
  registerMetricsRoute(app, parts);
};
