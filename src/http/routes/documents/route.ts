import { lazily } from '../../lazily.ts';
import type { Server } from '../../server.ts';
import { type ReferencePage, renderReferencePage } from './reference-page.ts';

/** `/openapi.json`, and `/docs` to read it in a browser. */
export const registerDocumentRoutes = (app: Server): void => {
  const openApi = lazily(async () => {
    const { default: document } = await import('../../../../openapi.json', { with: { type: 'json' } });
    return JSON.stringify(document);
  });
  const reference = lazily<ReferencePage>(renderReferencePage);
  const schema = { hide: true };

  app.get('/openapi.json', { schema }, async (_request, reply) =>
    reply
      .type('application/json; charset=utf-8')
      .header('cache-control', 'no-cache')
      .send(await openApi()),
  );

  for (const path of ['/docs', '/docs/']) {
    app.get(path, { schema }, async (_request, reply) => {
      const { html, contentSecurityPolicy } = await reference();
      return reply
        .type('text/html; charset=utf-8')
        .header('cache-control', 'no-cache')
        .header('content-security-policy', contentSecurityPolicy)
        .header('referrer-policy', 'no-referrer')
        .send(html);
    });
  }

  app.get('/docs/js/scalar.js', { schema }, async (_request, reply) => {
    const { script } = await reference();
    return reply
      .type('text/javascript; charset=utf-8')
      .header('cache-control', 'max-age=86400')
      .header('content-encoding', 'gzip')
      .send(script);
  });
};
