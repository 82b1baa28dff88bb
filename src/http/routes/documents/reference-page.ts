import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { fastify } from 'fastify';

/** The API reference as a page and its script. */
export interface ReferencePage {
  readonly html: string;
  /** Allows what the page needs from this origin, and nothing from anywhere else. */
  readonly contentSecurityPolicy: string;
  /** Compressed with gzip. */
  readonly script: Buffer;
}

/**
 * Renders Scalar's API reference of `/openapi.json`. Its package holds 5 MB of script, so it is loaded when somebody
 * first opens the page, and not at every start.
 */
export const renderReferencePage = async (): Promise<ReferencePage> => {
  const { default: scalar } = await import('@scalar/fastify-api-reference');
  const app = fastify();
  await app.register(scalar, {
    routePrefix: '/docs',
    configuration: {
      url: '/openapi.json',
      pageTitle: 'Limner API',
      // Nothing leaves the machine: no fonts, no proxy, no telemetry, no services of the vendor.
      withDefaultFonts: false,
      telemetry: false,
      hideClientButton: true,
      // The tag `Models` is about models that draw.
      modelsSectionLabel: 'Schemas',
      authentication: { preferredSecurityScheme: 'bearerAuth' },
      showDeveloperTools: 'never',
      agent: { disabled: true },
      mcp: { disabled: true },
    },
  });
  const [page, script] = await Promise.all([app.inject('/docs/'), app.inject('/docs/js/scalar.js')]);
  await app.close();
  // Relative to `/docs` as well as to `/docs/`.
  const html = page.body
    .replace('src="js/scalar.js"', 'src="/docs/js/scalar.js"')
    // Browsers ask for /favicon.ico otherwise.
    .replace('</head>', '<link rel="icon" href="data:," /></head>');
  const inline = [...html.matchAll(/<script(?: type="text\/javascript")?>([\s\S]*?)<\/script>/g)].map(
    ([, code = '']) => `'sha256-${createHash('sha256').update(code).digest('base64')}'`,
  );
  return {
    html,
    contentSecurityPolicy:
      `default-src 'none'; script-src 'self' ${inline.join(' ')}; style-src 'unsafe-inline'; ` +
      `img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    script: await promisify(gzip)(script.rawPayload),
  };
};
