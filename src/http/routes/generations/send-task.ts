import type { FastifyReply, FastifyRequest } from 'fastify';
import { LimnerError } from '../../../core/errors.ts';
import { isEnded, type Task } from '../../../core/task.ts';
import { sendHeaders } from '../../send-headers.ts';
import type { ServerParts } from '../../server-parts.ts';
import { createBase64Answer } from './base64-answer.ts';
import type { PresentTask } from './present.ts';

/** Answers with one task, its base64 included, and the headers that every such answer has. */
export const sendTask = async (
  parts: Pick<ServerParts, 'images'>,
  present: PresentTask,
  task: Task,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> => {
  reply.header('cache-control', 'no-store');
  if (!isEnded(task.status)) reply.header('retry-after', task.status === 'pending' ? 1 : 2);
  const { images } = task;
  if (task.request.responseFormat !== 'b64_json' || images === undefined) return reply.send(present(task));

  const answer = await createBase64Answer(parts.images, present(task), images);
  if (answer === undefined) {
    throw new LimnerError('internal_error', 'A picture of this task is missing from the store.');
  }
  reply.type('application/json; charset=utf-8').header('content-length', answer.bytes);
  return request.method === 'HEAD' ? sendHeaders(reply) : reply.send(answer.open());
};
