import { type Connection, pause } from './connection.ts';
import { isPassing, LimnerError } from './errors.ts';
import type { Task } from './schemas.ts';
import { readEvents } from './server-events.ts';

const TASKS = '/v1/images/generations';

/** Where a task is read. */
export const taskPath = (taskId: string): string => `${TASKS}/${encodeURIComponent(taskId)}`;

/** The server sends a sign of life every 15 seconds; a stream without any is held back somewhere on the way. */
const SILENCE_MS = 40_000;
const WAIT_SECONDS = 20;
/** Between two streams, or two questions that were answered at once, as by a server that is about to stop. */
const PAUSE_MS = 500;

/** Whether nothing more happens to the task. */
export const isEnded = ({ status }: Task): boolean => status === 'completed' || status === 'failed';

/**
 * The task in each state that it goes through, without base64, to the end. It listens to the task's events, and takes up a
 * stream that broke where it was; where none gets through, it asks. Throws `LimnerError`.
 */
export async function* followTask(
  connection: Connection,
  taskId: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<Task, void, undefined> {
  let last: Task['status'] | undefined;
  let lastEventId: string | undefined;
  let isHeldBack = false;
  for (;;) {
    const silence = createSilence(signal);
    let hasHeard = false;
    try {
      if (!isHeldBack) {
        const { body } = await connection.open(
          `${taskPath(taskId)}/events`,
          {
            accept: 'text/event-stream',
            ...(lastEventId !== undefined && { 'last-event-id': lastEventId }),
          },
          silence.signal,
        );
        const heard = (): void => {
          hasHeard = true;
          silence.isOver();
        };
        for await (const event of readEvents(body, heard)) {
          lastEventId = event.id;
          const task = JSON.parse(event.data) as Task;
          if (task.status !== last) yield task;
          last = task.status;
          if (isEnded(task)) return;
        }
      }
    } catch (fault) {
      signal?.throwIfAborted();
      if (fault instanceof LimnerError && !isPassing(fault)) throw fault;
      isHeldBack = silence.wasLong();
    } finally {
      silence.end();
    }
    if (!hasHeard || isHeldBack) {
      const task = await connection.ask<Task>(taskPath(taskId), {
        headers: { prefer: `wait=${WAIT_SECONDS}` },
        signal,
        isRepeatable: true,
      });
      if (task.status !== last) yield task;
      last = task.status;
      if (isEnded(task)) return;
    }
    await pause(PAUSE_MS, signal);
  }
}

/** Aborts when nothing was heard for too long, or when the signal does. */
const createSilence = (signal: AbortSignal | undefined) => {
  const long = new AbortController();
  let isLong = false;
  const abort = (): void => {
    isLong = true;
    long.abort();
  };
  let timer = setTimeout(abort, SILENCE_MS);
  return {
    signal: signal === undefined ? long.signal : AbortSignal.any([signal, long.signal]),
    isOver: (): void => {
      clearTimeout(timer);
      timer = setTimeout(abort, SILENCE_MS);
    },
    wasLong: (): boolean => isLong,
    /** Also closes the stream of whoever stopped listening. */
    end: (): void => {
      clearTimeout(timer);
      long.abort();
    },
  };
};
