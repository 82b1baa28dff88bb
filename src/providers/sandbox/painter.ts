import type { Worker } from 'node:worker_threads';
import { moduleBeside, startThread } from '../../threads/start-thread.ts';
import type { PictureBrief } from './draw.ts';
import type { Drawn, DrawOrder } from './draw-worker.ts';

/** Draws pictures beside the event loop. */
export interface Painter {
  /** Throws the signal's reason when it aborts first. */
  paint(brief: PictureBrief, signal: AbortSignal): Promise<Uint8Array>;
  /** Ends the thread; pictures in the making are given up. */
  close(): Promise<void>;
}

interface Waiting {
  readonly resolve: (picture: Uint8Array) => void;
  readonly reject: (error: Error) => void;
}

/** A painter with one thread, started by the first picture; it never keeps the process alive. */
export const createPainter = (): Painter => {
  const waiting = new Map<number, Waiting>();
  let thread: Worker | undefined;
  let lastId = 0;

  const settle = (id: number): Waiting | undefined => {
    const found = waiting.get(id);
    waiting.delete(id);
    if (waiting.size === 0) thread?.unref();
    return found;
  };

  const start = (): Worker => {
    const started = startThread(moduleBeside(import.meta.url, './draw-worker'));
    started.on('message', (drawn: Drawn) => {
      const { resolve, reject } = settle(drawn.id) ?? {};
      if ('error' in drawn) reject?.(drawn.error);
      else resolve?.(drawn.picture);
    });
    started.on('error', (error: Error) => {
      // What it was drawing is lost; the next picture gets a new thread.
      thread = undefined;
      for (const id of [...waiting.keys()]) settle(id)?.reject(error);
    });
    return started;
  };

  return {
    paint: (brief, signal) =>
      new Promise((resolve, reject) => {
        signal.throwIfAborted();
        thread ??= start();
        thread.ref();
        const id = (lastId += 1);
        const leave = (): void => settle(id)?.reject(signal.reason as Error);
        signal.addEventListener('abort', leave, { once: true });
        const done = (): void => signal.removeEventListener('abort', leave);
        waiting.set(id, {
          resolve: (picture) => {
            done();
            resolve(picture);
          },
          reject: (error) => {
            done();
            reject(error);
          },
        });
        thread.postMessage({ id, brief } satisfies DrawOrder);
      }),
    close: async () => {
      const ending = thread;
      thread = undefined;
      for (const id of [...waiting.keys()]) settle(id)?.reject(new Error('The painter was closed'));
      await ending?.terminate();
    },
  };
};
