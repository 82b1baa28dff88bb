import { checked, createApiClient } from './api-client.ts';
import type { ApiClient } from './api-client.ts';
import type { EmbeddedApp } from './context.ts';

/** Any host will do: the request never leaves the process. */
const ORIGIN = 'http://limner.internal';

/** A client of Limner inside this process. */
export const createEmbeddedClient = (app: EmbeddedApp): ApiClient =>
  createApiClient(
    (path, init) => {
      const headers = new Headers(init.headers);
      headers.set('authorization', `Bearer ${app.apiKey}`);
      return app.fetch(new Request(ORIGIN + path, { ...init, headers }));
    },
    async (image) => {
      const { pathname, search } = new URL(image.url, ORIGIN);
      return (await checked(await app.fetch(new Request(ORIGIN + pathname + search)))).bytes();
    },
  );
