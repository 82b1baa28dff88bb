import { EventEmitter } from 'node:events';

/** Tells those who wait on a task, in this process, that it changed; what it is now they read from the store. */
export interface TaskEvents {
  changed(taskId: string): void;
  /** Calls back at each change until the returned function is called. */
  subscribe(taskId: string, listener: () => void): () => void;
  /** The same for the changes of all tasks. */
  subscribeAll(listener: () => void): () => void;
}

/** The name under which every change is told; no task has it. */
const ALL = '*';

/** Events within one process. */
export const createTaskEvents = (): TaskEvents => {
  const emitter = new EventEmitter().setMaxListeners(0);
  const subscribe: TaskEvents['subscribe'] = (taskId, listener) => {
    emitter.on(taskId, listener);
    return () => void emitter.off(taskId, listener);
  };
  return {
    changed: (taskId) => {
      emitter.emit(taskId);
      emitter.emit(ALL);
    },
    subscribe,
    subscribeAll: (listener) => subscribe(ALL, listener),
  };
};
