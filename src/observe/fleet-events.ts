import type { Bulletin } from '../core/bulletin.ts';
import type { Clock } from '../core/clock.ts';
import { createTaskEvents, type TaskEvents } from './events.ts';

const TOPIC = 'task';

/** A message between nodes may be lost: whoever waits on a task looks again after this. */
const LOOK_EVERY_MS = 5_000;

/** Events of all nodes; those who wait are told now and then although nothing was heard. */
export interface FleetEvents extends TaskEvents {
  close(): void;
}

/** Events that reach every node. */
export const createFleetEvents = (bulletin: Bulletin, clock: Clock): FleetEvents => {
  const local = createTaskEvents();
  const waiting = new Map<string, number>();
  let cancel = (): void => {};
  const look = (): void => {
    for (const taskId of waiting.keys()) local.changed(taskId);
    cancel = clock.after(LOOK_EVERY_MS, look);
  };
  const unsubscribe = bulletin.subscribe(TOPIC, (taskId) => local.changed(taskId));
  look();
  return {
    changed: (taskId) => bulletin.publish(TOPIC, taskId),
    subscribe: (taskId, listener) => {
      waiting.set(taskId, (waiting.get(taskId) ?? 0) + 1);
      const leave = local.subscribe(taskId, listener);
      return () => {
        leave();
        const left = (waiting.get(taskId) ?? 1) - 1;
        if (left > 0) waiting.set(taskId, left);
        else waiting.delete(taskId);
      };
    },
    subscribeAll: (listener) => local.subscribeAll(listener),
    close: () => {
      cancel();
      unsubscribe();
    },
  };
};
