import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { createTask } from '../../actions/create-task.ts';
import { findModel } from '../../actions/find-model.ts';
import { listModels } from '../../actions/list-models.ts';
import type { LimnerError } from '../../core/errors.ts';
import { bearerOf, requireKey } from '../auth.ts';
import { answerError, toLimnerError } from '../errors.ts';
import type { Links } from '../links.ts';
import { createPresenter } from '../routes/generations/present.ts';
import { readRequest, readRequestMark } from '../routes/generations/read-request.ts';
import { createModelPresenter } from '../routes/models/present.ts';
import { refuseEarly } from '../refuse-early.ts';
import type { Server } from '../server.ts';
import type { ServerParts } from '../server-parts.ts';
import { readForm } from './read-form.ts';
import { type Content, type Endpoint, readOrder } from './read-order.ts';
import { editSchema, generateSchema, hidden, readModelSchema, readModelsSchema } from './schema.ts';
import { type Awaited, sendEvents, sendPictures } from './send-pictures.ts';

/** OpenAI's SDKs send a request up to three times, and give each attempt ten minutes. */
const SDK_RETRIES_WITHIN_MS = 30 * 60_000;

/** Refusals that stand until an operator does something; OpenAI's SDKs would send the request twice more. */
const lasting: ReadonlySet<LimnerError['code']> = new Set(['insufficient_quota', 'model_unavailable']);

/** Azure's clients send the key in a header of its own. */
const secretOf = (request: FastifyRequest): string | LimnerError => {
  const key = request.headers['api-key'];
  return typeof key === 'string' && key !== '' ? key : bearerOf(request);
};

/** Everything under `/openai`: OpenAI's Images API for clients that were written for it, and Azure's addresses of it. */
export const registerOpenAiRoutes = (app: Server, parts: ServerParts, links: Links): void => {
  app.register((scope: Server, _options, done) => {
    scope.addHook('onRequest', requireKey(parts, secretOf));
    scope.addContentTypeParser('multipart/form-data', (_request, payload, parsed) => parsed(null, payload));
    // `readOrder` checks the body: what it does not know is no fault here.
    scope.setValidatorCompiler(() => () => true);
    scope.setErrorHandler((fault, request, reply) => {
      const error = toLimnerError(fault);
      if (lasting.has(error.code)) reply.header('x-should-retry', 'false');
      answerError(parts.logger, fault, request, reply);
    });
    registerPictures(scope, parts, links);
    registerModels(scope, parts);
    done();
  });
};

const registerPictures = (app: Server, parts: ServerParts, links: Links): void => {
  const present = createPresenter(parts, links);

  /** Makes the task, and says so in the headers. */
  const accept = async (
    endpoint: Endpoint,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<Awaited & { readonly isStream: boolean }> => {
    const { body, headers, params, caller, id } = request;
    const { deployment } = params as { readonly deployment?: string };
    const content: Content =
      body instanceof Readable
        ? await readForm(body, headers, () => parts.spool.create(`${id}-upload`))
        : { fields: body, ignored: [] };
    const file = content.upload?.file;
    try {
      const order = readOrder(endpoint, content, deployment);
      const mark = readRequestMark(headers, SDK_RETRIES_WITHIN_MS);
      const { task, isReplay } = await createTask(parts, {
        caller,
        ...readRequest(order.body),
        ...(file !== undefined && { carriedPicture: file }),
        ...(mark !== undefined && { idempotency: { by: mark, body: order.essence } }),
      });
      reply.header('x-limner-task-id', task.id).header('cache-control', 'no-store');
      if (isReplay) reply.header('idempotent-replayed', 'true');
      if (order.ignored.length > 0) reply.header('x-limner-ignored', namesOf(order.ignored));
      return { endpoint, task, isStream: order.isStream, isRecognised: mark !== undefined };
    } finally {
      await file?.discard();
    }
  };

  const handle = async (
    endpoint: Endpoint,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<FastifyReply> => {
    const awaited = await accept(endpoint, request, reply);
    return awaited.isStream
      ? sendEvents(parts, present, awaited, reply)
      : sendPictures(parts, present, awaited, reply);
  };

  for (const [endpoint, schema] of [
    ['generations', generateSchema],
    ['edits', editSchema],
  ] as const) {
    const onRequest = refuseEarly(parts);
    app.post(`/openai/v1/images/${endpoint}`, { schema, onRequest }, async (request, reply) =>
      handle(endpoint, request, reply),
    );
    // The second is where version 6 of Azure's client sends forms.
    for (const path of ['/openai/deployments/:deployment/images', '/openai/images']) {
      app.post(`${path}/${endpoint}`, { schema: hidden, onRequest }, async (request, reply) =>
        handle(endpoint, request, reply),
      );
    }
  }
};

const registerModels = (app: Server, parts: ServerParts): void => {
  const present = createModelPresenter(parts);
  const list = (request: FastifyRequest, reply: FastifyReply): void =>
    void reply.send({ object: 'list', data: listModels(parts, request.caller).map(present) });

  app.get('/openai/v1/models', { schema: readModelsSchema }, list);
  app.get('/openai/models', { schema: hidden }, list);
  app.get('/openai/v1/models/:model', { schema: readModelSchema }, (request, reply) => {
    void reply.send(present(findModel(parts.models, request.params.model)));
  });
};

/** Names of fields as a header holds them: whatever they were, no header breaks of it. */
const namesOf = (names: readonly string[]): string =>
  names
    .slice(0, 20)
    .map((name) => encodeURIComponent(name.slice(0, 64).toWellFormed()))
    .join(', ');
