import { getCompileCacheDir } from 'node:module';
import { Worker } from 'node:worker_threads';

/** Address of a module beside the one that asks: `.ts` in the clone, `.js` after the build. */
export const moduleBeside = (askingModuleUrl: string, path: string): URL =>
  new URL(path + askingModuleUrl.slice(askingModuleUrl.lastIndexOf('.')), askingModuleUrl);

/**
 * Starts the module on a thread of its own.
 *
 * @param data what the thread finds as its `workerData`.
 */
export const startThread = (module: URL, data?: unknown): Worker => {
  const cache = getCompileCacheDir();
  // NOTE: a thread finds the main thread's compile cache by its environment only; without it each thread loads
  // a TypeScript parser of its own, which costs 17 MB.
  return new Worker(module, {
    workerData: data,
    ...(cache !== undefined && { env: { NODE_COMPILE_CACHE: cache } }),
  });
};
