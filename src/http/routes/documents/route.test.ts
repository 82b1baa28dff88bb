import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../../../../test/http/test-server.ts';
import { buildOpenApi } from '../../openapi.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

describe('/openapi.json', () => {
  test('is the committed document, and that is what the routes say', async () => {
    const root = new URL('../../../../', import.meta.url);
    const { version } = JSON.parse(await readFile(new URL('package.json', root), 'utf8')) as {
      version: string;
    };
    const built = await buildOpenApi(version);
    expect((await server.app.inject('/openapi.json')).json()).toEqual(built);
    expect(Object.keys(built.paths as object)).toEqual([
      '/v1/images/generations',
      '/v1/images/generations/{task_id}',
      '/v1/images/generations/{task_id}/cancel',
      '/v1/images/generations/{task_id}/events',
      '/v1/models',
      '/v1/models/{model}',
      '/v1/usage',
      '/v1/webhooks/endpoints',
      '/v1/webhooks/endpoints/{endpoint_id}',
      '/v1/webhooks/endpoints/{endpoint_id}/rotate-secret',
      '/v1/webhooks/endpoints/{endpoint_id}/enable',
      '/v1/webhooks/signing-secret',
      '/v1/webhooks/signing-secret/rotate',
      '/v1/webhooks/deliveries',
      '/v1/webhooks/deliveries/{delivery_id}/redeliver',
      '/admin/v1/keys',
      '/admin/v1/keys/{key_id}',
      '/admin/v1/keys/{key_id}/rotate',
      '/admin/v1/audit',
      '/admin/v1/usage',
      '/openai/v1/images/generations',
      '/openai/v1/images/edits',
      '/openai/v1/models',
      '/openai/v1/models/{model}',
      '/files/{image}',
      '/healthz',
      '/readyz',
      '/metrics',
    ]);
  });
});

describe('/docs', () => {
  test('loads nothing from elsewhere, and may not', async () => {
    const page = await server.app.inject('/docs');
    expect(page.statusCode).toBe(200);
    expect(page.body).not.toMatch(/https?:|\/\/[a-z]/);
    const policy = String(page.headers['content-security-policy']);
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toMatch(/https?:|\*|unsafe-eval/);
    const script = /<script type="text\/javascript">([\s\S]*?)<\/script>/.exec(page.body)?.[1] ?? '';
    expect(script).toContain('createApiReference');
    expect(policy).toContain(createHash('sha256').update(script).digest('base64'));
  });

  test('serves its script itself', async () => {
    const page = await server.app.inject('/docs');
    const address = /<script src="([^"]+)"/.exec(page.body)?.[1] ?? '';
    const script = await server.app.inject(address);
    expect(script.headers['content-encoding']).toBe('gzip');
    expect(gunzipSync(script.rawPayload).toString()).toContain('createApiReference');
  });
});
