import { PassThrough, type Readable } from 'node:stream';
import { followTask } from '../../../actions/follow-task.ts';
import type { TaskAddress } from '../../../actions/get-task.ts';
import { isEnded, type Task, type TaskStatus } from '../../../core/task.ts';
import type { ServerParts } from '../../server-parts.ts';
import type { PresentTask } from './present.ts';

const HEARTBEAT_MS = 15_000;

/** The id of the last event of any task. */
export const LAST_EVENT = 3;

/**
 * A task goes through at most three states, so an event's id says which: nothing has to be stored to replay them.
 */
const placeOf = (status: TaskStatus): 1 | 2 | 3 =>
  status === 'pending' ? 1 : status === 'processing' ? 2 : LAST_EVENT;

/** The task as it was in each state up to now, with the ids of those events. */
const historyOf = (task: Task): readonly (readonly [number, Task])[] => {
  const { id, keyId, request, createdAtMs, startedAtMs, adjustments } = task;
  const pending: Task = { id, keyId, request, createdAtMs, status: 'pending', adjustments: [] };
  const states: (readonly [number, Task])[] = [[placeOf('pending'), pending]];
  if (startedAtMs !== undefined) {
    states.push([placeOf('processing'), { ...pending, status: 'processing', startedAtMs, adjustments }]);
  }
  if (isEnded(task.status)) states.push([LAST_EVENT, task]);
  return states;
};

/** The last event that the client has, from `Last-Event-ID`; 0 when it has none. */
export const readLastEventId = (header: string | readonly string[] | undefined): number =>
  typeof header === 'string' && /^[1-3]$/.test(header) ? Number(header) : 0;

/** The events of a task as a `text/event-stream` that ends after the last, or when the signal aborts. */
export const openEvents = (
  parts: Pick<ServerParts, 'tasks' | 'events' | 'clock' | 'logger'>,
  present: PresentTask,
  address: TaskAddress,
  lastEventId: number,
  signal: AbortSignal,
): Readable => {
  const stream = new PassThrough();
  let stopHeartbeat = (): void => undefined;
  const beat = (): void => {
    stopHeartbeat = parts.clock.after(HEARTBEAT_MS, () => {
      // A client that reads nothing gets no more of them, so they never pile up.
      if (!stream.writableNeedDrain) stream.write(': still here\n\n');
      beat();
    });
  };
  const run = async (): Promise<void> => {
    let seen = lastEventId;
    for await (const task of followTask(parts, address, signal)) {
      for (const [place, state] of historyOf(task)) {
        if (place <= seen) continue;
        seen = place;
        const name = isEnded(state.status) ? `task.${state.status}` : 'task.updated';
        stream.write(`event: ${name}\nid: ${place}\ndata: ${JSON.stringify(present(state))}\n\n`);
      }
    }
  };
  stream.write(': the events of a task\n\n');
  beat();
  run()
    .catch((fault: unknown) =>
      parts.logger.error({ err: fault, taskId: address.taskId }, 'an event stream broke'),
    )
    .finally(() => {
      stopHeartbeat();
      stream.end();
    });
  return stream;
};
