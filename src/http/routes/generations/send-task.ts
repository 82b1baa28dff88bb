import type { FastifyReply, FastifyRequest } from 'fastify';
import { isEnded, type Task } from '../../../core/task.ts';
import { createBase64Answer } from '../../base64-answer.ts';
import { sendHeaders } from '../../send-headers.ts';
import type { ServerParts } from '../../server-parts.ts';
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

  const view = present(task);
  // A name in the metadata may look like a mark: it comes after the images, and is never reached.
  const marked = { ...view, images: view.images?.map((image) => ({ b64_json: '', ...image })) };
  const answer = await createBase64Answer(parts.images, JSON.stringify(marked), images);
  reply.type('application/json; charset=utf-8').header('content-length', answer.bytes);
  return request.method === 'HEAD' ? sendHeaders(reply) : reply.send(answer.open());
};
