import type { FastifyReply, FastifyRequest } from 'fastify';

/** What a page may read of an answer, beside its body. */
const EXPOSED = [
  'x-request-id',
  'retry-after',
  'x-should-retry',
  'x-limner-task-id',
  'x-limner-ignored',
  'idempotent-replayed',
  'ratelimit',
  'ratelimit-policy',
  'x-ratelimit-limit-requests',
  'x-ratelimit-remaining-requests',
  'x-ratelimit-reset-requests',
].join(', ');

/** Lets pages of any origin read the answer. No cookie opens anything here, only the key that the page itself sends. */
export const allowAnyOrigin = (_request: FastifyRequest, reply: FastifyReply, done: () => void): void => {
  reply.header('access-control-allow-origin', '*').header('access-control-expose-headers', EXPOSED);
  done();
};

/** Answers a preflight; the headers asked for are allowed whatever they are, since SDKs send a dozen of their own. */
export const answerPreflight = (request: FastifyRequest, reply: FastifyReply): void => {
  const asked = request.headers['access-control-request-headers'];
  void reply
    .code(204)
    .header('access-control-allow-methods', 'GET, POST')
    .header('access-control-allow-headers', asked ?? 'authorization, api-key, content-type')
    .header('access-control-max-age', '86400')
    .header('vary', 'access-control-request-headers')
    .send();
};
