/** Routes of the operator's own: several accounts behind one name, servers of one's own, results that cannot be had. */
import { writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, it } from 'vitest';
import type { TaskView } from '../src/http/routes/generations/schema.ts';
import { startArkEmulator } from '../upstreams/ark/index.ts';
import { createDataFolder } from './support/data-folder.ts';
import { type LimnerProcess, startLimner } from './support/limner-process.ts';
import { bytesOfImages, drawReference, measure } from './support/pictures.ts';
import { startVendors } from './support/vendors.ts';

const path = '/v1/images/generations';

/** The program with this `limner.yaml` on an empty folder; the folder goes with it. */
const start = async (yaml: string, env: Readonly<Record<string, string>> = {}) => {
  const folder = await createDataFolder();
  const config = join(folder.path, 'limner.yaml');
  await writeFile(config, yaml);
  const limner = await startLimner({ dataDir: folder.path, env: { ...env, LIMNER_CONFIG: config } });
  return {
    limner,
    [Symbol.asyncDispose]: async () => {
      await limner.stop();
      await folder[Symbol.asyncDispose]();
    },
  };
};

const generate = async (limner: LimnerProcess, body: object): Promise<TaskView> =>
  (await limner.api('POST', path, { prompt: 'A lighthouse', ...body }, { prefer: 'wait=60' })).body;

describe.concurrent('several accounts of one vendor behind one model', { timeout: 60_000 }, () => {
  const startArks = async () => {
    const beijing = await startArkEmulator({ apiKey: 'the-key-for-beijing' });
    const backup = await startArkEmulator({ apiKey: 'the-key-for-the-backup' });
    return {
      beijing,
      backup,
      /** A `limner.yaml` with these words on the two routes. */
      config: (first: string, second: string) => `
providers:
  ark-beijing: { adapter: ark, base_url: "${beijing.baseUrl}", api_key: "\${BEIJING_KEY}", concurrency: 20 }
  ark-backup: { adapter: ark, base_url: "${backup.baseUrl}", api_key: "${backup.apiKey}", concurrency: 20 }
models:
  seedream-3.0:
    routes:
      - { provider: ark-beijing, upstream_model: doubao-seedream-5-0-pro-260628, ${first} }
      - { provider: ark-backup, upstream_model: doubao-seedream-4-0-20260415, ${second} }
`,
      environment: { BEIJING_KEY: beijing.apiKey },
      [Symbol.asyncDispose]: async () => {
        await Promise.all([beijing.close(), backup.close()]);
      },
    };
  };

  it('share the requests by weight, each with its own key and its own model', async ({ expect }) => {
    await using arks = await startArks();
    await using program = await start(arks.config('weight: 3', 'weight: 1'), arks.environment);
    const tasks = await Promise.all(
      Array.from({ length: 80 }, () => generate(program.limner, { model: 'seedream-3.0' })),
    );
    expect(tasks.filter(({ status }) => status !== 'completed')).toEqual([]);
    const { beijing, backup } = arks;
    expect(beijing.ledger.images + backup.ledger.images).toBe(80);
    // One in four: outside of these bounds once in two million runs.
    expect(backup.ledger.images).toBeGreaterThan(3);
    expect(backup.ledger.images).toBeLessThan(42);
    expect(new Set(beijing.ledger.charges.map(({ model }) => model))).toEqual(
      new Set(['doubao-seedream-5-0-pro-260628']),
    );
    expect(new Set(backup.ledger.charges.map(({ model }) => model))).toEqual(
      new Set(['doubao-seedream-4-0-20260415']),
    );
  });

  it('keep the second for what the first one refuses, by priority', async ({ expect }) => {
    await using arks = await startArks();
    await using program = await start(arks.config('priority: 1', 'priority: 2'), arks.environment);
    for (let made = 1; made <= 5; made += 1) {
      expect(await generate(program.limner, { model: 'seedream-3.0' })).toMatchObject({
        status: 'completed',
      });
      expect([arks.beijing.ledger.images, arks.backup.ledger.images]).toEqual([made, 0]);
    }
    arks.beijing.account.overdue = true;
    expect(await generate(program.limner, { model: 'seedream-3.0', n: 2 })).toMatchObject({
      status: 'completed',
      usage: { images: 2 },
    });
    expect([arks.beijing.ledger.images, arks.backup.ledger.images]).toEqual([5, 2]);
  });
});

/** A server that speaks like OpenAI and asks for no key, such as one that runs Stable Diffusion at home. */
const startHomeServer = async () => {
  const asked: { readonly request: IncomingMessage; readonly body: Record<string, unknown> }[] = [];
  const server = createServer((request, response) => {
    void json(request).then(async (parsed) => {
      const body = parsed as Record<string, unknown>;
      asked.push({ request, body });
      const [width = 0, height = 0] = String(body['size']).split('x').map(Number);
      const picture = sharp({ create: { width, height, channels: 3, background: '#8f4a2a' } });
      const b64_json = (await picture.png().toBuffer()).toString('base64');
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ created: 1_790_000_000, data: [{ b64_json }] }));
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    asked,
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};

describe.concurrent('a server of one’s own that speaks like OpenAI', { timeout: 60_000 }, () => {
  it('serves a model under a name of the operator, without any key', async ({ expect }) => {
    await using home = await startHomeServer();
    await using program = await start(`
providers:
  home: { adapter: openai, base_url: "${home.baseUrl}" }
models:
  house-style:
    routes: [{ provider: home, upstream_model: sdxl-turbo }]
    price: { currency: EUR, per_image: 0.001 }
`);
    const list = await program.limner.api<{ data: readonly object[] }>('GET', '/v1/models');
    expect(list.body.data).toContainEqual(
      expect.objectContaining({
        id: 'house-style',
        available: true,
        price: { currency: 'EUR', tiers: [{ per_image: 0.001 }] },
      }),
    );

    const task = await generate(program.limner, {
      model: 'house-style',
      n: 2,
      size: '1328x1328',
      style: 'oil',
    });
    expect(task).toMatchObject({
      status: 'completed',
      usage: { images: 2, cost: 0.002, currency: 'EUR' },
      adjustments: [{ parameter: 'size', asked: '1328x1328', used: '1344x1344' }],
    });
    for (const bytes of await bytesOfImages(task)) {
      expect(await measure(bytes)).toEqual({ size: '1328x1328', format: 'png' });
    }
    expect(home.asked).toHaveLength(2);
    for (const { request, body } of home.asked) {
      expect(request.url).toBe('/v1/images/generations');
      expect(request.headers).not.toHaveProperty('authorization');
      expect(body).toEqual({
        model: 'sdxl-turbo',
        prompt: 'A lighthouse',
        n: 1,
        size: '1344x1344',
        style: 'oil',
        response_format: 'b64_json',
      });
    }
    const other = await program.limner.api('POST', path, {
      model: 'seedream-3.0',
      prompt: 'Nobody serves it',
    });
    expect(other).toMatchObject({ status: 503, body: { error: { code: 'model_unavailable' } } });
  });
});

describe('a picture that was made and paid for', { timeout: 60_000 }, () => {
  it('is output_lost when its link has expired or is gone, and is not made again', async ({ expect }) => {
    await using vendors = await startVendors();
    await using program = await start(vendors.config, vendors.environment);
    const words = [
      ['seedream-3.0', '__expired__'],
      ['seedream-3.0', '__link_404__'],
      ['jimeng', '__link_expired__'],
      ['jimeng', '__link_404__'],
      ['keling', '__expired__'],
      ['keling', '__link_404__'],
    ] as const;
    const endings = await Promise.all(
      words.map(async ([model, word]) => {
        const { status, error, usage } = await generate(program.limner, {
          model,
          prompt: `A lighthouse ${word}`,
        });
        return { model, word, status, code: error?.code, images: usage?.images };
      }),
    );
    expect(endings).toEqual(
      words.map(([model, word]) => ({ model, word, status: 'failed', code: 'output_lost', images: 0 })),
    );
    const { ark, jimeng, kling } = vendors;
    expect([ark, jimeng, kling].map(({ ledger }) => ledger.charges.length)).toEqual([2, 2, 2]);
  });

  it('is refused when it is cut short or no picture at all, and is not made again', async ({ expect }) => {
    await using vendors = await startVendors();
    await using program = await start(vendors.config, vendors.environment);
    const words = [
      // A picture inside an answer has no link: what is cut short is gone with the answer.
      ['dall-e-3', '__truncated_base64__', 'submission_unconfirmed'],
      ['seedream-3.0', '__not_an_image__', 'provider_bad_response'],
      ['jimeng', '__not_an_image__', 'provider_bad_response'],
      ['keling', '__not_an_image__', 'provider_bad_response'],
    ] as const;
    for (const [model, word, code] of words) {
      const task = await generate(program.limner, { model, prompt: `A lighthouse ${word}` });
      expect([model, task.status, task.error?.code, task.images]).toEqual([model, 'failed', code, undefined]);
    }
    const { ark, jimeng, kling, openai } = vendors;
    expect([ark, jimeng, kling, openai].map(({ ledger }) => ledger.charges.length)).toEqual([1, 1, 1, 1]);
  });

  it('is fetched again after a hiccup of the store, and never made again', async ({ expect }) => {
    await using vendors = await startVendors();
    await using program = await start(vendors.config, vendors.environment);
    const reference = `data:image/png;base64,${(await drawReference()).toString('base64')}`;
    const tasks = await Promise.all(
      ['seedream-3.0', 'jimeng', 'keling'].map((model) =>
        generate(program.limner, { model, prompt: 'A lighthouse __link_500_once__', url: reference }),
      ),
    );
    expect(tasks.map(({ status, images }) => [status, images?.length])).toEqual([
      ['completed', 1],
      ['completed', 1],
      ['completed', 1],
    ]);
    const { ark, jimeng, kling } = vendors;
    expect([ark, jimeng, kling].map(({ ledger }) => ledger.charges.length)).toEqual([1, 1, 1]);
  });
});

describe('an upstream model whose end is known', () => {
  it('is warned about at the start and shown to callers; the default routes have none', async ({
    expect,
  }) => {
    const env = { OPENAI_API_KEY: 'a-key', ARK_API_KEY: 'another-key' };
    await using program = await start(
      'models: { dall-e-3: { routes: [{ provider: openai, upstream_model: gpt-image-1 }] } }',
      env,
    );
    const warnings = program.limner
      .output()
      .split('\n')
      .filter((line) => line.includes('"level":"warn"'));
    expect(warnings).toEqual([
      expect.stringContaining(
        'the model dall-e-3 is served by gpt-image-1 of the provider openai, which its vendor ends on 2026-10-23: name another upstream_model in models.dall-e-3.routes',
      ),
    ]);
    const { body } = await program.limner.api<object>('GET', '/v1/models/dall-e-3');
    expect(body).toMatchObject({
      retires_at: Date.UTC(2026, 9, 23) / 1000,
      notice: expect.stringContaining('2026-10-23'),
    });
  });
});
