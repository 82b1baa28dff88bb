import type { FastifyReply, FastifyRequest } from 'fastify';

/** What a page may read of an answer, beside its body. */
const exposed = [
  'x-request-id',
  'location',
  'etag',
  'retry-after',
  'preference-applied',
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

/** Where pages of any origin are let in: OpenAI lets them, and its SDK is used in pages. */
const OPEN_TO_ALL = '/openai/';

/** Tells browsers whose pages may read the answer. @returns whether the request was a preflight, and has its answer. */
export type AdmitOrigin = (request: FastifyRequest, reply: FastifyReply) => boolean;

/**
 * Lets pages of these origins read answers, `*` for all; of none by default, and of all under `/openai`. No cookie opens
 * anything here, only the key that the page itself sends, so credentials are never allowed.
 */
export const createCors = (origins: readonly string[]): AdmitOrigin => {
  const isOpen = origins.includes('*');
  const listed = new Set(origins);

  return (request, reply) => {
    const { origin, 'access-control-request-method': method } = request.headers;
    const isForAll = isOpen || request.url.startsWith(OPEN_TO_ALL);
    if (!isForAll && listed.size > 0) reply.header('vary', 'origin');
    if (!isForAll && (origin === undefined || !listed.has(origin))) return false;
    reply
      .header('access-control-allow-origin', isForAll ? '*' : origin)
      .header('access-control-expose-headers', exposed);
    if (request.method !== 'OPTIONS' || method === undefined) return false;
    answerPreflight(request, reply, isForAll);
    return true;
  };
};

/** Allows the headers that are asked for whatever they are, since SDKs send a dozen of their own. */
const answerPreflight = (request: FastifyRequest, reply: FastifyReply, isForAll: boolean): void => {
  const asked = request.headers['access-control-request-headers'];
  void reply
    .code(204)
    .header('access-control-allow-methods', 'GET, POST, PATCH, DELETE')
    .header('access-control-allow-headers', asked ?? 'authorization, api-key, content-type')
    .header('access-control-max-age', '86400')
    .header('vary', `${isForAll ? '' : 'origin, '}access-control-request-headers`)
    .send();
};
