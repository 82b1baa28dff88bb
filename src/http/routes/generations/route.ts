import type { JsonValue } from '../../../core/json.ts';
import { cancelTask } from '../../../actions/cancel-task.ts';
import { createTask } from '../../../actions/create-task.ts';
import { deleteTask } from '../../../actions/delete-task.ts';
import { getTask } from '../../../actions/get-task.ts';
import { listTasks } from '../../../actions/list-tasks.ts';
import { waitTask } from '../../../actions/wait-task.ts';
import { isEnded, type Task } from '../../../core/task.ts';
import { answerEnds } from '../../answer-ends.ts';
import { isNotModified } from '../../etag.ts';
import type { Links } from '../../links.ts';
import { readWaitSeconds } from '../../prefer.ts';
import { refuseEarly } from '../../refuse-early.ts';
import { sendHeaders } from '../../send-headers.ts';
import type { Server } from '../../server.ts';
import type { ServerParts } from '../../server-parts.ts';
import { LAST_EVENT, openEvents, readLastEventId } from './events.ts';
import { createPresenter } from './present.ts';
import { readRequest, readRequestMark } from './read-request.ts';
import { cancelSchema, createSchema, deleteSchema, eventsSchema, getSchema, listSchema } from './schema.ts';
import { sendTask } from './send-task.ts';

const PATH = '/v1/images/generations';

/** Tasks in a page unless the caller says otherwise. */
const DEFAULT_PAGE = 20;

/** Follows the state of the task: what may change in its answer besides the links. */
const etagOf = (task: Task): string => `W/"${task.id}-${task.status}-${task.adjustments.length}"`;

/** Everything under `/v1/images/generations`. */
export const registerGenerationRoutes = (app: Server, parts: ServerParts, links: Links): void => {
  const present = createPresenter(parts, links);

  app.post(PATH, { schema: createSchema, onRequest: refuseEarly(parts) }, async (request, reply) => {
    const mark = readRequestMark(request.headers);
    const keyId = request.caller.id;
    const created = await createTask(parts, {
      caller: request.caller,
      ...readRequest(request.body),
      ...(mark !== undefined && { idempotency: { by: mark, body: request.body as JsonValue } }),
    });
    let { task } = created;
    if (created.isReplay) reply.header('idempotent-replayed', 'true');
    reply.header('location', `${PATH}/${task.id}`);
    const waitSeconds = readWaitSeconds(request.headers.prefer);
    if (waitSeconds !== undefined) {
      reply.header('preference-applied', `wait=${waitSeconds}`);
      if (!isEnded(task.status)) {
        task = await waitTask(
          parts,
          { taskId: task.id, keyId },
          waitSeconds * 1000,
          answerEnds(reply, parts.draining),
        );
      }
    }
    return sendTask(parts, present, task, request, reply);
  });

  app.get(PATH, { schema: listSchema }, async (request, reply) => {
    const { limit = DEFAULT_PAGE, after, status, model, created_after, created_before } = request.query;
    const page = await listTasks(parts, {
      keyId: request.caller.id,
      limit,
      ...(after !== undefined && { afterTaskId: after }),
      ...(status !== undefined && { status }),
      ...(model !== undefined && { model }),
      ...(created_after !== undefined && { createdAfterMs: created_after * 1000 }),
      ...(created_before !== undefined && { createdBeforeMs: created_before * 1000 }),
    });
    const lastId = page.tasks.at(-1)?.id;
    return reply.header('cache-control', 'no-store').send({
      object: 'list',
      data: page.tasks.map(present),
      has_more: page.hasMore,
      ...(lastId !== undefined && { last_id: lastId }),
    });
  });

  app.get(`${PATH}/:task_id`, { schema: getSchema }, async (request, reply) => {
    const address = { taskId: request.params.task_id, keyId: request.caller.id };
    let task = await getTask(parts, address);
    const waitSeconds = readWaitSeconds(request.headers.prefer);
    if (waitSeconds !== undefined) {
      reply.header('preference-applied', `wait=${waitSeconds}`);
      if (!isEnded(task.status)) {
        task = await waitTask(parts, address, waitSeconds * 1000, answerEnds(reply, parts.draining));
      }
    }
    const etag = etagOf(task);
    reply.header('etag', etag);
    if (isNotModified(request.headers['if-none-match'], etag)) {
      return reply.code(304).header('cache-control', 'no-store').send();
    }
    return sendTask(parts, present, task, request, reply);
  });

  app.post(`${PATH}/:task_id/cancel`, { schema: cancelSchema }, async (request, reply) => {
    const task = await cancelTask(parts, { taskId: request.params.task_id, keyId: request.caller.id });
    return reply.header('cache-control', 'no-store').send(present(task));
  });

  app.delete(`${PATH}/:task_id`, { schema: deleteSchema }, async (request, reply) => {
    await deleteTask(parts, { taskId: request.params.task_id, keyId: request.caller.id });
    return reply.code(204).send();
  });

  app.get(`${PATH}/:task_id/events`, { schema: eventsSchema }, async (request, reply) => {
    const address = { taskId: request.params.task_id, keyId: request.caller.id };
    const task = await getTask(parts, address);
    const lastEventId = readLastEventId(request.headers['last-event-id']);
    reply.header('cache-control', 'no-store');
    // 204 is what makes an `EventSource` stop reconnecting.
    if (isEnded(task.status) && lastEventId === LAST_EVENT) return reply.code(204).send();
    // Proxies such as nginx hold back what is not marked so.
    reply.type('text/event-stream; charset=utf-8').header('x-accel-buffering', 'no');
    if (request.method === 'HEAD') return sendHeaders(reply);
    return reply.send(openEvents(parts, present, address, lastEventId, answerEnds(reply, parts.draining)));
  });
};
