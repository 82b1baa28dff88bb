import { checked, createApiClient } from './api-client.ts';
import type { ApiClient } from './api-client.ts';
import { CommandError } from './command-error.ts';

/** A client of the server at this address. Throws a `CommandError` that names the address when nobody answers. */
export const createRemoteClient = (options: {
  readonly url: string;
  readonly apiKey: string | undefined;
}): ApiClient => {
  const base = options.url.replace(/\/+$/, '');
  const reach = async (url: string, init: RequestInit): Promise<Response> => {
    try {
      return await fetch(url, init);
    } catch (error) {
      if (init.signal?.aborted) throw error;
      throw new CommandError(`${new URL(url).origin} does not answer: ${reasonOf(error)}.`, { cause: error });
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
