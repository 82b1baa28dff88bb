import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../../../../test/http/test-server.ts';
import type { ModelView } from './schema.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

describe('/v1/models', () => {
  test('lists every public model in the shape of OpenAI, with what it can do', async () => {
    const list = (await server.send('GET', '/v1/models')).json<{ object: string; data: ModelView[] }>();
    expect(list.object).toBe('list');
    expect(list.data.map((model) => [model.id, model.available])).toEqual([
      ['seedream-3.0', true],
      ['jimeng', true],
      ['keling', true],
      ['dall-e-3', true],
      ['nobody', false],
    ]);
    expect(list.data[0]).toEqual({
      id: 'seedream-3.0',
      object: 'model',
      created: 0,
      owned_by: 'limner',
      available: true,
      max_images: 4,
      sizes: {
        always: ['1024x1024', '1024x1792', '1792x1024', '1328x1328'],
        min_side: 64,
        max_side: 4096,
        max_pixels: 4194304,
      },
      image_to_image: true,
      parameters: {
        negative_prompt: true,
        seed: true,
        guidance_scale: false,
        quality: false,
        style: false,
        watermark: false,
      },
      price: { currency: 'CNY', tiers: [{ per_image: 0.259 }] },
      notice: 'Drawn by hand.',
    });
  });

  test('shows one model, and knows what was probably meant', async () => {
    expect((await server.send('GET', '/v1/models/seedream-3.0')).json()).toMatchObject({
      id: 'seedream-3.0',
    });
    const answer = await server.send('GET', '/v1/models/kling');
    expect(answer.statusCode).toBe(404);
    expect(answer.json<{ error: { message: string } }>().error.message).toContain('Did you mean `keling`?');
  });
});
