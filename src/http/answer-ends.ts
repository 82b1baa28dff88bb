import type { FastifyReply } from 'fastify';

/** Aborts when the client has gone, when the answer is complete, or when the process is about to stop. */
export const answerEnds = (reply: FastifyReply, draining: AbortSignal): AbortSignal => {
  const closed = new AbortController();
  reply.raw.once('close', () => closed.abort());
  return AbortSignal.any([closed.signal, draining]);
};
