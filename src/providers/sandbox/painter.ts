import type { Worker } from 'node:worker_threads';
import { moduleBeside, startThread } from '../../threads/start-thread.ts';
import type { PictureBrief } from './draw.ts';
import type { Drawn } from './draw-worker.ts';

/** Draws pictures beside the event loop. */
export interface Painter {
  /** Throws the signal's reason when it aborts first, and what the drawing throws. */
  paint(brief: PictureBrief, signal: AbortSignal): Promise<Uint8Array>;
  /** Ends the thread; pictures in the making are given up. */
  close(): Promise<void>;
}

interface Job {
  readonly brief: PictureBrief;
  readonly resolve: (picture: Uint8Array) => void;
  readonly reject: (error: Error) => void;
}

/**
 * A painter with one thread, started by the first picture; an idle one does not keep the process alive. It draws one
 * picture at a time, so that a crowd of large ones needs the memory of one.
 */
export const createPainter = (): Painter => {
  let queue: Job[] = [];
  let current: Job | undefined;
  let thread: Worker | undefined;

  const next = (): void => {
    current = queue.shift();
    if (current === undefined) {
      thread?.unref();
      return;
    }
    thread ??= start();
    thread.ref();
    thread.postMessage(current.brief);
  };

  const start = (): Worker => {
    const started = startThread(moduleBeside(import.meta.url, './draw-worker'));
    const crash = (error: Error): void => {
      if (thread !== started) return;
      // What it was drawing is lost; the next picture gets a new thread.
      thread = undefined;
      current?.reject(error);
      next();
    };
    started.on('message', (drawn: Drawn) => {
      if (thread !== started) return;
      if ('error' in drawn) current?.reject(drawn.error);
      else current?.resolve(drawn.picture);
      next();
    });
    started.on('error', crash);
    started.on('exit', (code) => crash(new Error(`The drawing thread ended with code ${code}`)));
    return started;
  };

  const paint = async (brief: PictureBrief, signal: AbortSignal): Promise<Uint8Array> => {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
    const job: Job = { brief, resolve, reject };
    const leave = (): void => {
      queue = queue.filter((waiting) => waiting !== job);
      reject(signal.reason);
    };
    signal.addEventListener('abort', leave, { once: true });
    queue.push(job);
    if (current === undefined) next();
    return promise.finally(() => signal.removeEventListener('abort', leave));
  };

  const close = async (): Promise<void> => {
    const [ending, lost] = [thread, [...(current ? [current] : []), ...queue]];
    [thread, current, queue] = [undefined, undefined, []];
    for (const job of lost) job.reject(new Error('The painter was closed'));
    await ending?.terminate();
  };

  return { paint, close };
};
