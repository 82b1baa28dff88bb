import type { FastifyReply, FastifyRequest } from 'fastify';
import { checkRoom, hasTaskLimits } from '../actions/full-limit.ts';
import type { ServerParts } from './server-parts.ts';
import { readRequestMark } from './routes/generations/read-request.ts';

/** A body that is larger costs more to take in than a question to the database does. */
const LARGE_BYTES = 64 * 1024;

/**
 * Turns a large request away before its body is read when a limit of its key is full. One that may repeat an earlier
 * request is read all the same: it is answered with that request's task.
 */
export const refuseEarly =
  (parts: Pick<ServerParts, 'usage' | 'clock'>) =>
  async ({ caller, headers }: FastifyRequest, _reply: FastifyReply): Promise<void> => {
    if (!hasTaskLimits(caller)) return;
    if (Number(headers['content-length'] ?? Infinity) <= LARGE_BYTES) return;
    if (readRequestMark(headers) === undefined) await checkRoom(parts, caller);
  };
