import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import { waitTask } from '../../actions/wait-task.ts';
import type { Clock } from '../../core/clock.ts';
import { LimnerError } from '../../core/errors.ts';
import type { Task } from '../../core/task.ts';
import { answerEnds } from '../answer-ends.ts';
import { type Base64Answer, createBase64Answer } from '../base64-answer.ts';
import { errorBody, toLimnerError } from '../errors.ts';
import type { PresentTask } from '../routes/generations/present.ts';
import type { ServerParts } from '../server-parts.ts';
import { presentEvents, presentPictures } from './present.ts';
import type { Endpoint } from './read-order.ts';

/** Shorter than the 600 s after which OpenAI's SDKs give an attempt up. */
const LONGEST_WAIT_MS = 540_000;

/**
 * Until then the answer has the status that fits its outcome. Proxies that wait no longer than this for a first byte are
 * rare: common read timeouts are 30 s and 60 s.
 */
const FIRST_HEARTBEAT_MS = 25_000;
const HEARTBEAT_MS = 15_000;

type Parts = Pick<ServerParts, 'tasks' | 'events' | 'clock' | 'images' | 'draining' | 'logger'>;

/** A task whose pictures somebody waits for. */
export interface Awaited {
  readonly endpoint: Endpoint;
  readonly task: Task;
  /** Whether the same request, sent again by the client itself, finds this task instead of making another. */
  readonly isRecognised: boolean;
}

/**
 * Answers with the pictures of a task once it has ended, as one JSON. White space goes out in between when that takes
 * long, so that no proxy cuts the connection; the status is 200 from then on, and a failure follows as the body.
 */
export const sendPictures = async (
  parts: Parts,
  present: PresentTask,
  awaited: Awaited,
  reply: FastifyReply,
): Promise<FastifyReply> => {
  const render = (task: Task): Promise<Base64Answer> =>
    createBase64Answer(parts.images, JSON.stringify(presentPictures(present(task))), inlineImages(task));
  const waiting = settle(parts, awaited, reply, render);
  const early = await within(parts.clock, waiting, FIRST_HEARTBEAT_MS);
  reply.type('application/json; charset=utf-8');
  if (early instanceof LimnerError) {
    // Sent again, the request would find the failed task, or be paid once more.
    if (early.code !== 'shutting_down' || !awaited.isRecognised) reply.header('x-should-retry', 'false');
    throw early;
  }
  if (early !== undefined) return reply.header('content-length', early.bytes).send(early.open());
  const { id } = reply.request;
  async function* late(): AsyncGenerator<string, void, undefined> {
    const outcome = yield* beatUntil(parts.clock, waiting, ' ');
    if (outcome instanceof LimnerError) yield JSON.stringify(errorBody(outcome, id));
    else yield* outcome.open();
  }
  return reply.header('x-accel-buffering', 'no').send(Readable.from(late(), { highWaterMark: 1 }));
};

/** The same as server-sent events: one for each picture, or an `error`. */
export const sendEvents = (
  parts: Parts,
  present: PresentTask,
  awaited: Awaited,
  reply: FastifyReply,
): FastifyReply => {
  const render = (task: Task): Promise<Base64Answer> => {
    const text = presentEvents(awaited.endpoint, present(task), task.request.quality);
    return createBase64Answer(parts.images, text, inlineImages(task));
  };
  const waiting = settle(parts, awaited, reply, render);
  const { id } = reply.request;
  async function* events(): AsyncGenerator<string, void, undefined> {
    const outcome = yield* beatUntil(parts.clock, waiting, ': still here\n\n');
    if (outcome instanceof LimnerError) {
      const data = { type: 'error', ...errorBody(outcome, id), sequence_number: 0 };
      yield `event: error\ndata: ${JSON.stringify(data)}\n\n`;
    } else yield* outcome.open();
  }
  return reply
    .type('text/event-stream; charset=utf-8')
    .header('x-accel-buffering', 'no')
    .send(Readable.from(events(), { highWaterMark: 1 }));
};

/** The images that go into the answer itself. */
const inlineImages = (task: Task) => (task.request.responseFormat === 'b64_json' ? (task.images ?? []) : []);

/** What the caller gets, or what there is to complain about; never rejects. */
const settle = async (
  parts: Parts,
  { task, isRecognised }: Awaited,
  reply: FastifyReply,
  render: (task: Task) => Promise<Base64Answer>,
): Promise<Base64Answer | LimnerError> => {
  const { id: taskId, keyId } = task;
  try {
    const ended = await waitTask(
      parts,
      { taskId, keyId },
      LONGEST_WAIT_MS,
      answerEnds(reply, parts.draining),
    );
    if (ended.status === 'completed') return await render(ended);
    if (ended.error !== undefined) {
      const { code, message } = ended.error;
      return new LimnerError(code, message, {
        param: code.startsWith('reference_') ? 'image' : undefined,
      });
    }
    const whereabouts = `The task ${taskId} goes on, and \`GET /v1/images/generations/${taskId}\` has its pictures.`;
    return parts.draining.aborted
      ? new LimnerError('shutting_down', `The server is shutting down. ${whereabouts}`, {
          ...(isRecognised && { retryAfterMs: 2_000 }),
        })
      : new LimnerError('result_not_ready', `The pictures are not ready yet. ${whereabouts}`);
  } catch (fault) {
    if (!(fault instanceof LimnerError)) {
      parts.logger.error({ err: fault, taskId }, 'an answer with pictures broke');
    }
    return toLimnerError(fault);
  }
};

/** What the work comes to, if it does so in this time. */
const within = async <Outcome>(
  clock: Pick<Clock, 'after'>,
  work: Promise<Outcome>,
  ms: number,
): Promise<Outcome | undefined> => {
  const { promise: timeIsUp, resolve } = Promise.withResolvers<undefined>();
  const cancelTimer = clock.after(ms, () => resolve(undefined));
  try {
    return await Promise.race([work, timeIsUp]);
  } finally {
    cancelTimer();
  }
};

/** A beat now and then until the work is done; returns what it comes to. */
async function* beatUntil<Outcome>(
  clock: Pick<Clock, 'after'>,
  work: Promise<Outcome>,
  beat: string,
): AsyncGenerator<string, Outcome, undefined> {
  for (;;) {
    yield beat;
    const outcome = await within(clock, work, HEARTBEAT_MS);
    if (outcome !== undefined) return outcome;
  }
}
