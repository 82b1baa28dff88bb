import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';

/** Answers a HEAD request with the headers set so far. Fastify writes `content-length: 0` unless it is given a stream. */
export const sendHeaders = (reply: FastifyReply): FastifyReply => reply.send(Readable.from([]));
