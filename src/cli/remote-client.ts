import { setTimeout } from 'node:timers/promises';
import { checked, createApiClient } from './api-client.ts';
import type { ApiClient } from './api-client.ts';
import { CommandError } from './command-error.ts';

/** For how long a server is waited for that has answered before. */
const PATIENCE_MS = 60_000;
const PAUSE_MS = 1_000;

/** A client of the server at this address. Throws a `CommandError` that names the address when nobody answers. */
export const createRemoteClient = (options: {
  readonly url: string;
  readonly apiKey: string | undefined;
}): ApiClient => {
  const base = options.url.replace(/\/+$/, '');
  let hasAnswered = false;
  const reach = async (url: string, init: RequestInit): Promise<Response> => {
    const startedAtMs = performance.now();
    // A server that has answered before is restarting, or the way to it broke: what only asks is asked again.
    const mayAskAgain = (): boolean =>
      hasAnswered && (init.method ?? 'GET') === 'GET' && performance.now() - startedAtMs < PATIENCE_MS;
    for (;;) {
      try {
        const response = await fetch(url, init);
        if (response.status !== 503 || !mayAskAgain()) {
          hasAnswered = true;
          return response;
        }
        await response.body?.cancel();
      } catch (error) {
        if (init.signal?.aborted) throw error;
        if (!mayAskAgain()) {
          const { origin } = new URL(url);
          throw new CommandError(`${origin} does not answer: ${reasonOf(error)}.`, { cause: error });
        }
      }
      await setTimeout(PAUSE_MS, undefined, init.signal ? { signal: init.signal } : {});
    }
  };
  return createApiClient(
    (path, init) => {
      const headers = new Headers(init.headers);
      if (options.apiKey !== undefined) headers.set('authorization', `Bearer ${options.apiKey}`);
      return reach(base + path, { ...init, headers });
    },
    // The link is signed: the key does not go with it.
    async (image, signal) => (await checked(await reach(image.url, { signal }))).bytes(),
  );
};

const reasonOf = (error: unknown): string => {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  if (!(cause instanceof Error)) return 'unknown reason';
  return (cause as NodeJS.ErrnoException).code ?? cause.message;
};
