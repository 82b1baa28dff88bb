import sharp from 'sharp';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ERROR_FAULTS, refusalNamed } from './errors.ts';
import { startArkEmulator } from './index.ts';
import type { ArkEmulator } from './index.ts';

const PRO = 'doubao-seedream-5-0-pro-260628';
const FLASH = 'dola-seedream-5-0-flash-260915';
const LITE = 'doubao-seedream-5-0-260128';
const V45 = 'doubao-seedream-4-5-251128';
const V40 = 'doubao-seedream-4-0-20260415';
const V3 = 'doubao-seedream-3-0-t2i-250415';
const EDIT = 'doubao-seededit-3-0-i2i-250628';
const HOUR_MS = 3_600_000;

type Item = {
  url?: string;
  b64_json?: string;
  size?: string;
  output_format?: string;
  error?: { code: string };
};
type Answer = {
  model: string;
  created: number;
  data: Item[];
  usage: Record<string, number>;
  error?: { code: string; message: string; param: string; type: string };
};

let ark: ArkEmulator;
let now = Date.now();

beforeAll(async () => {
  ark = await startArkEmulator({
    endpoints: { 'ep-20260101-abcde': PRO },
    imagesPerMinute: 100_000,
    now: () => now,
    fetchReference: async (url) => (url.host === 'reachable.test' ? await png(64, 64) : undefined),
  });
});
afterAll(() => ark.close());
beforeEach(() => {
  ark.ledger.reset();
  ark.faults.clear();
  ark.account.retired.clear();
});

function send(body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${ark.baseUrl}/images/generations`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ark.apiKey}`, 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

async function generate(fields: Record<string, unknown>): Promise<Answer & { status: number }> {
  const response = await send({ model: PRO, prompt: 'a cat', size: '1024x1024', ...fields });
  return { ...((await response.json()) as Answer), status: response.status };
}

async function png(width: number, height: number, alpha = false): Promise<Buffer> {
  const background = alpha ? { r: 1, g: 2, b: 3, alpha: 0.5 } : { r: 1, g: 2, b: 3 };
  return sharp({ create: { width, height, channels: alpha ? 4 : 3, background } })
    .png()
    .toBuffer();
}

const dataUri = (bytes: Buffer, format = 'png'): string =>
  `data:image/${format};base64,${bytes.toString('base64')}`;

async function bytesOf(item: Item | undefined): Promise<Buffer> {
  if (item?.b64_json !== undefined) return Buffer.from(item.b64_json, 'base64');
  return Buffer.from(await (await fetch(String(item?.url))).arrayBuffer());
}

describe('the edge', () => {
  test('anything but the two paths is 404 with an empty body', async () => {
    for (const path of ['/images/edits', '/images/generations/', '']) {
      const response = await fetch(ark.baseUrl + path, { method: 'POST' });
      expect([response.status, await response.text()]).toEqual([404, '']);
    }
  });

  test.each([
    ['no key', '', 'the API key or AK/SK in the request is missing or invalid.'],
    [
      'an unknown key',
      'Bearer 01234567-89ab-cdef-0123-456789abcdef',
      'the API key or AK/SK in the request is missing',
    ],
    ['a malformed key', 'Bearer not a key', 'The API key format is incorrect.'],
    [
      'a signed request',
      'HMAC-SHA256 Credential=AK/x',
      'the API key or AK/SK in the request is missing or invalid.',
    ],
  ])('%s is 401', async (_name, authorization, message) => {
    const response = await send('not even JSON', { authorization });
    const { error } = (await response.json()) as Answer;
    expect(response.status).toBe(401);
    expect(error).toMatchObject({ code: 'AuthenticationError', param: '', type: 'Unauthorized' });
    expect(error?.message.startsWith(message)).toBe(true);
  });

  test('every answer carries a request id of 53 characters, and an error repeats it at the end', async () => {
    const good = await send({ model: PRO, prompt: 'a cat' });
    expect(good.headers.get('x-request-id')).toMatch(/^02\d{13}[0-9a-f]{38}$/);
    const bad = await send({ model: PRO });
    const { error } = (await bad.json()) as Answer;
    expect(error?.message.endsWith(` Request id: ${bad.headers.get('x-request-id')}`)).toBe(true);
  });

  test('checks come in the order account, JSON, model, parameters, prompt', async () => {
    const body = '{"model": "no-such", "prompt": "__mod_in__", "size": 1}';
    ark.account.overdue = true;
    ark.account.blocked = true;
    expect((await send(body)).status).toBe(401);
    ark.account.blocked = false;
    expect((await send('{')).status).toBe(403);
    ark.account.overdue = false;
    expect(((await (await send('{')).json()) as Answer).error?.code).toBe('InvalidParameter');
    expect(((await (await send(body)).json()) as Answer).error?.code).toBe('InvalidEndpointOrModel.NotFound');
    const known = await generate({ prompt: '__mod_in__', size: 1 });
    expect(known.error?.code).toBe('InvalidParameter');
    expect((await generate({ prompt: '__mod_in__' })).error?.code).toBe('InputTextSensitiveContentDetected');
    expect(ark.ledger.charges).toEqual([]);
  });
});

describe('models', () => {
  test('the catalogue lists both platforms with their states', async () => {
    const fresh = await startArkEmulator();
    const response = await fetch(`${fresh.baseUrl}/models`, {
      headers: { authorization: `Bearer ${fresh.apiKey}` },
    });
    const { data } = (await response.json()) as { data: { id: string; status?: string }[] };
    const states = Object.fromEntries(data.map(({ id, status }) => [id, status]));
    expect(states).toMatchObject({
      [V3]: 'Shutdown',
      [EDIT]: 'Shutdown',
      [V45]: 'Retiring',
      [PRO]: undefined,
    });
    expect(states).toHaveProperty(FLASH);
    await fresh.close();
  });

  test('a model that was shut down answers like one that never was', async () => {
    const fresh = await startArkEmulator();
    const response = await fetch(`${fresh.baseUrl}/images/generations`, {
      method: 'POST',
      headers: { authorization: `Bearer ${fresh.apiKey}` },
      body: JSON.stringify({ model: V3, prompt: 'a cat' }),
    });
    expect(response.status).toBe(404);
    expect(((await response.json()) as Answer).error).toMatchObject({
      code: 'InvalidEndpointOrModel.NotFound',
      type: 'NotFound',
      message: expect.stringContaining(`${V3} does not exist or you do not have access to it.`),
    });
    await fresh.close();
  });

  test.each([
    [PRO, PRO],
    ['dola-seedream-5-0-pro-260628', 'dola-seedream-5-0-pro-260628'],
    ['ep-20260101-abcde', PRO],
  ])('%s is accepted and answered as %s', async (asked, answered) => {
    expect(await generate({ model: asked })).toMatchObject({ status: 200, model: answered });
  });

  test('a longer spelling is echoed as the shorter id', async () => {
    const answer = await generate({ model: 'doubao-seedream-5-0-lite-260128', size: '2048x2048' });
    expect(answer.model).toBe(LITE);
  });

  test.each(['doubao-seedream-5-0-pro', 'seedream-3.0', 'ep-unknown'])('%s is 404', async (model) => {
    expect(await generate({ model })).toMatchObject({
      status: 404,
      error: { code: 'InvalidEndpointOrModel.NotFound' },
    });
  });

  test('the account may be limited to endpoint ids, or lack a model', async () => {
    ark.account.needsEndpointId = true;
    expect((await generate({})).error?.code).toBe('InvalidEndpointOrModel.ModelIDAccessDisabled');
    expect((await generate({ model: 'ep-20260101-abcde' })).status).toBe(200);
    ark.account.needsEndpointId = false;
    ark.account.notActivated.add(V40);
    expect((await generate({ model: V40 })).error?.message).toContain(
      `Your account 2100000000 has not activated the model ${V40}.`,
    );
    ark.account.notActivated.clear();
  });
});

describe('parameters', () => {
  test('unknown fields are ignored and still one picture comes and is billed', async () => {
    const answer = await generate({
      n: 4,
      negative_prompt: 'dogs',
      mask: 'x',
      aspect_ratio: '1:1',
      nonsense: {},
    });
    expect(answer.status).toBe(200);
    expect(answer.data).toHaveLength(1);
    expect(ark.ledger.images).toBe(1);
  });

  test.each([
    [PRO, 'seed', 1],
    [PRO, 'guidance_scale', 2.5],
    [PRO, 'sequential_image_generation', 'auto'],
    [PRO, 'tools', [{ type: 'web_search' }]],
    [V40, 'output_format', 'png'],
    [V40, 'background', 'opaque'],
    [V45, 'layer_decomposition', true],
    [LITE, 'seed', 1],
    [V3, 'image', 'data:image/png;base64,AAAA'],
    [V3, 'stream', true],
    [V3, 'output_format', 'png'],
    [EDIT, 'optimize_prompt_options', {}],
  ])('%s does not know %s: 400 with an empty type', async (model, name, value) => {
    const answer = await generate({ model, [name]: value });
    expect(answer).toMatchObject({ status: 400, error: { code: 'InvalidParameter', type: '', param: '' } });
    expect(answer.error?.message).toContain(
      `The parameter \`${name}\` specified in the request is not valid:`,
    );
    expect(ark.ledger.charges).toEqual([]);
  });

  test.each([
    [PRO, { prompt: undefined }, 'MissingParameter'],
    [PRO, { prompt: '' }, 'MissingParameter'],
    [PRO, { model: undefined }, 'MissingParameter'],
    [PRO, { prompt: 7 }, 'InvalidParameter'],
    [PRO, { response_format: 'b64' }, 'InvalidParameter'],
    [PRO, { watermark: 'false' }, 'InvalidParameter'],
    [PRO, { output_format: 'webp' }, 'InvalidParameter'],
    [PRO, { background: 'transparent' }, 'InvalidParameter'],
    [FLASH, { optimize_prompt_options: { mode: 'fast' } }, 'InvalidParameter'],
    [V3, { seed: -2 }, 'InvalidParameter'],
    [V3, { seed: 2_147_483_648 }, 'InvalidParameter'],
    [V3, { seed: 1.5 }, 'InvalidParameter'],
    [V3, { guidance_scale: 0.5 }, 'InvalidParameter'],
    [V3, { guidance_scale: 10.5 }, 'InvalidParameter'],
    [EDIT, { size: 'adaptive' }, 'MissingParameter'],
    [
      V40,
      { sequential_image_generation: 'auto', sequential_image_generation_options: { max_images: 16 } },
      'InvalidParameter',
    ],
  ])('%s with %j is %s', async (model, fields, code) => {
    expect(await generate({ model, ...fields })).toMatchObject({ status: 400, error: { code } });
  });

  test('a null is an absent field, and the edges of the ranges are inside', async () => {
    expect((await generate({ seed: null })).status).toBe(200);
    expect((await generate({ model: V3, seed: -1, guidance_scale: 1 })).status).toBe(200);
    expect((await generate({ model: V3, seed: 2_147_483_647, guidance_scale: 10 })).status).toBe(200);
    expect(ark.ledger.charges.map(({ seed }) => seed)).toEqual([undefined, -1, 2_147_483_647]);
  });
});

describe('sizes', () => {
  const prefix = 'The parameter `size` specified in the request is not valid: ';
  test.each([
    [V3, '511x512', 'size must be between [512x512, 2048x2048].'],
    [V3, '2049x512', 'size must be between [512x512, 2048x2048].'],
    [V3, '1K', "size must be 'WIDTHxHEIGHT'."],
    [V3, '1024X1024', "size must be 'WIDTHxHEIGHT'."],
    [EDIT, '1024x1024', "size must be 'adaptive'."],
    [V40, '960x959', 'image size must be at least 921600 pixels.'],
    [V40, '4097x4096', 'image size must be at most 16777216 pixels.'],
    [V45, '1024x1024', 'image size must be at least 3686400 pixels.'],
    [V45, '1K', "size must be one of 'WIDTHxHEIGHT', '2k', or '4k'."],
    [LITE, '1024x1024', 'image size must be at least 3686400 pixels.'],
    [LITE, '1K', "size must be one of 'WIDTHxHEIGHT', '2k', '3k', or '4k'."],
    [PRO, '2160x2160', 'image area must be at most 4624220 pixels'],
    [PRO, '512x512', 'image area must be at least 921600 pixels'],
    [PRO, '4K', "size must be one of 'WIDTHxHEIGHT', '1k', '1.5k', or '2k'."],
    [PRO, '8000x400', 'aspect ratio must be between 1/16 and 16.'],
  ])('%s refuses %s: %s', async (model, size, problem) => {
    const image = model === EDIT ? { image: dataUri(await png(64, 64)) } : {};
    const { status, error } = await generate({ model, size, ...image });
    expect(status).toBe(400);
    expect(error).toMatchObject({ code: 'InvalidParameter', type: '' });
    expect(error?.message.startsWith(`${prefix}${problem} Request id: `)).toBe(true);
  });

  test.each([
    [V3, {}, '1024x1024', 4096],
    [V3, { size: '1512x648' }, '1512x648', 3827],
    [V3, { size: '512x2048' }, '512x2048', 4096],
    [PRO, { size: '1K' }, '1024x1024', 4096],
    [PRO, { size: '1K', prompt: 'a cat, 16:9' }, '1424x800', 4450],
    [PRO, { size: '1K', prompt: 'a cat, 9:16' }, '800x1424', 4450],
    [V40, { size: '1280x720' }, '1280x720', 3600],
  ])('%s with %j draws %s', async (model, fields, wanted, tokens) => {
    const answer = await generate({ model, size: undefined, ...fields });
    const { width, height, format } = await sharp(await bytesOf(answer.data[0])).metadata();
    expect([`${width}x${height}`, format]).toEqual([wanted, 'jpeg']);
    expect(answer.usage).toMatchObject({ generated_images: 1, output_tokens: tokens, total_tokens: tokens });
    expect(answer.data[0]?.size).toBe(model === V3 ? undefined : wanted);
  });

  test('SeedEdit takes the preset nearest to the shape of its input', async () => {
    const answer = await generate({ model: EDIT, size: 'adaptive', image: dataUri(await png(360, 200)) });
    const { width, height } = await sharp(await bytesOf(answer.data[0])).metadata();
    expect([width, height]).toEqual([1312, 736]);
    expect(answer.usage).toEqual({ generated_images: 1, output_tokens: 3772, total_tokens: 3772 });
  });
});

describe('references', () => {
  const huge = (width: number, height: number): Promise<Buffer> => png(width, height);

  test('data URIs and reachable addresses are accepted and counted by the newest models', async () => {
    const images = [dataUri(await png(64, 64)), 'https://reachable.test/a.png'];
    expect((await generate({ image: images })).usage).toMatchObject({ input_images: 2 });
    expect((await generate({ image: images[0] })).usage).toMatchObject({ input_images: 1 });
    const jpeg = await sharp(await png(64, 64))
      .jpeg()
      .toBuffer();
    expect((await generate({ image: dataUri(jpeg, 'jpg') })).status).toBe(200);
    expect((await generate({ model: V40, image: images[0] })).usage['input_images']).toBeUndefined();
  });

  test.each<[string, string, () => unknown, string, string]>([
    ['an empty string', PRO, () => '', 'InvalidImageURL.EmptyURL', ''],
    ['an empty payload', PRO, () => 'data:image/png;base64,', 'InvalidImageURL.EmptyURL', ''],
    [
      'bare base64',
      PRO,
      async () => (await png(64, 64)).toString('base64'),
      'InvalidImageURL.InvalidFormat',
      '',
    ],
    [
      'an upper-case format',
      PRO,
      async () => dataUri(await png(64, 64), 'PNG'),
      'InvalidImageURL.InvalidFormat',
      '',
    ],
    [
      'a wrong format',
      PRO,
      async () => dataUri(await png(64, 64), 'jpeg'),
      'InvalidImageURL.InvalidFormat',
      '',
    ],
    ['broken base64', PRO, () => 'data:image/png;base64,@@@@', 'InvalidImageURL.InvalidFormat', ''],
    ['no picture', PRO, () => dataUri(Buffer.alloc(400)), 'InvalidImageURL.InvalidFormat', ''],
    [
      'half a picture',
      PRO,
      async () =>
        dataUri(
          (
            await sharp(await png(640, 640))
              .png({ compressionLevel: 0 })
              .toBuffer()
          ).subarray(0, 9000),
        ),
      'InvalidImageURL.InvalidFormat',
      '',
    ],
    [
      'an unreachable address',
      PRO,
      () => 'https://elsewhere.test/a.png',
      'InvalidParameter',
      'cannot be downloaded',
    ],
    ['a number', PRO, () => [1], 'InvalidParameter', 'a string'],
    [
      'one pixel',
      PRO,
      async () => dataUri(await png(1, 1)),
      'InvalidParameter',
      'expected the width to be at least 14px, but received a 1x1px image',
    ],
    [
      'a 14 px side',
      PRO,
      async () => dataUri(await png(20, 14)),
      'InvalidParameter',
      'expected the height to be at least 14px',
    ],
    [
      'too many pixels',
      PRO,
      async () => dataUri(await huge(6001, 6000)),
      'InvalidParameter',
      'at most 36000000 pixels',
    ],
    ['too long a shape', PRO, async () => dataUri(await png(500, 30)), 'InvalidParameter', '[1/16, 16]'],
    [
      'too long a shape for SeedEdit',
      EDIT,
      async () => dataUri(await png(310, 100)),
      'InvalidParameter',
      '[1/3, 3]',
    ],
    [
      'webp for SeedEdit',
      EDIT,
      async () =>
        dataUri(
          await sharp(await png(64, 64))
            .webp()
            .toBuffer(),
          'webp',
        ),
      'InvalidParameter',
      'webp',
    ],
    [
      'a list for SeedEdit',
      EDIT,
      async () => [dataUri(await png(64, 64))],
      'InvalidParameter',
      'exactly one',
    ],
    [
      '15 references for 4.x',
      V40,
      async () => Array(15).fill(dataUri(await png(64, 64))),
      'InvalidParameter',
      'cannot exceed 14',
    ],
    [
      '11 references for pro',
      PRO,
      async () => Array(11).fill(dataUri(await png(64, 64))),
      'InvalidParameter',
      'cannot exceed 10',
    ],
    [
      'more than 10 MB for 4.x',
      V40,
      async () =>
        dataUri(
          await sharp({ create: { width: 2000, height: 1800, channels: 3, background: 'red' } })
            .png({ compressionLevel: 0 })
            .toBuffer(),
        ),
      'InvalidParameter',
      'cannot exceed 10 MB',
    ],
  ])('%s is refused', async (_name, model, image, code, message) => {
    const answer = await generate({
      model,
      image: await image(),
      ...(model === EDIT && { size: 'adaptive' }),
    });
    expect(answer).toMatchObject({ status: 400, error: { code } });
    expect(answer.error?.message).toContain(message);
  });

  test('a transparent picture needs one PNG with alpha', async () => {
    const fields = { background: 'transparent', output_format: 'png' };
    expect((await generate({ ...fields, image: dataUri(await png(64, 64)) })).status).toBe(400);
    const answer = await generate({ ...fields, image: dataUri(await png(64, 64, true)) });
    expect((await sharp(await bytesOf(answer.data[0])).stats()).isOpaque).toBe(false);
  });
});

describe('pictures', () => {
  test('b64_json is bare base64 of the same kind of file', async () => {
    const { data } = await generate({ response_format: 'b64_json', output_format: 'png' });
    expect(data[0]).not.toHaveProperty('url');
    expect(data[0]?.output_format).toBe('png');
    expect(await sharp(await bytesOf(data[0])).metadata()).toMatchObject({
      format: 'png',
      width: 1024,
      height: 1024,
    });
  });

  test('the mark is drawn at the bottom right unless watermark is false', async () => {
    const corner = async (fields: Record<string, unknown>): Promise<number[]> => {
      const { data } = await generate({ output_format: 'png', response_format: 'b64_json', ...fields });
      const image = sharp(await bytesOf(data[0])).extract({ left: 700, top: 900, width: 324, height: 124 });
      return (await sharp(await image.png().toBuffer()).stats()).channels.map(({ max }) => max);
    };
    expect(await corner({ prompt: 'aaa' })).toEqual([255, 255, 255]);
    expect(await corner({ prompt: 'aaa', watermark: true })).toEqual([255, 255, 255]);
    expect(await corner({ prompt: 'aaa', watermark: false })).not.toEqual([255, 255, 255]);
  });

  test('the same seed gives the same picture, another seed another one', async () => {
    const draw = async (seed: number): Promise<string | undefined> =>
      (await generate({ model: V3, seed, response_format: 'b64_json' })).data[0]?.b64_json;
    expect(await draw(5)).toBe(await draw(5));
    expect(await draw(5)).not.toBe(await draw(6));
  });

  test.each(['jpeg', 'png'])(
    'a padded %s stays a valid picture of about the wanted length',
    async (format) => {
      const padded = await startArkEmulator({ pictureBytes: 1024 * 1024 });
      const response = await fetch(`${padded.baseUrl}/images/generations`, {
        method: 'POST',
        headers: { authorization: `Bearer ${padded.apiKey}` },
        body: JSON.stringify({
          model: PRO,
          prompt: 'a',
          size: '1K',
          response_format: 'b64_json',
          output_format: format,
        }),
      });
      const bytes = await bytesOf(((await response.json()) as Answer).data[0]);
      expect(Math.abs(bytes.length - 1024 * 1024)).toBeLessThan(16);
      expect((await sharp(bytes, { failOn: 'warning' }).raw().toBuffer()).length).toBe(1024 * 1024 * 3);
      await padded.close();
    },
  );

  test('layers are billed one by one', async () => {
    const answer = await generate({ layer_decomposition: true });
    expect(answer.data.map((item) => (item as { z_index?: number }).z_index)).toEqual([0, 1, 2]);
    expect(ark.ledger.images).toBe(3);
  });
});

describe('result links', () => {
  const link = async (fields: Record<string, unknown> = {}): Promise<string> =>
    String((await generate(fields)).data[0]?.url);

  test('a link looks presigned and answers GET alone', async () => {
    const url = await link();
    expect(url).toMatch(
      /\?X-Tos-Algorithm=TOS4-HMAC-SHA256&.*X-Tos-Expires=86400&X-Tos-Signature=[0-9a-f]{64}/,
    );
    expect((await fetch(url, { method: 'HEAD' })).status).toBe(403);
    expect((await fetch(url)).headers.get('content-type')).toBe('image/jpeg');
    expect((await fetch(url.replace(/Signature=./, 'Signature=x'))).status).toBe(403);
    expect((await fetch(url.split('?')[0] ?? '')).status).toBe(403);
    expect((await fetch(url.replace('_0.jpeg', '_9.jpeg'))).status).toBe(404);
  });

  test('a link refuses an Authorization header', async () => {
    expect((await fetch(await link(), { headers: { authorization: `Bearer ${ark.apiKey}` } })).status).toBe(
      400,
    );
  });

  test('a link works for 24 hours', async () => {
    const url = await link();
    now += 24 * HOUR_MS - 1;
    expect((await fetch(url)).status).toBe(200);
    now += 1;
    const late = await fetch(url);
    expect([late.status, ((await late.json()) as { Message: string }).Message]).toEqual([
      403,
      'Request has expired',
    ]);
  });

  test.each([
    ['link_404', [404, 404]],
    ['link_500_once', [500, 200]],
    ['expired', [403, 403]],
    ['not_an_image', [200, 200]],
  ])('%s: the first two reads are %j', async (word, statuses) => {
    const url = await link({ prompt: `a __${word}__ cat` });
    const first = await fetch(url);
    const isPicture = first.headers.get('content-type') === 'image/jpeg';
    expect([first.status, (await fetch(url)).status]).toEqual(statuses);
    expect(isPicture).toBe(false);
  });

  test('link_truncated announces the whole file and sends half of it', async () => {
    const response = await fetch(await link({ prompt: '__link_truncated__' }));
    expect(Number(response.headers.get('content-length'))).toBeGreaterThan(1000);
    await expect(response.arrayBuffer()).rejects.toThrow('terminated');
  });

  test('link_slow waits', async () => {
    ark.faults.set([{ fault: 'link_slow', delayMs: 60 }]);
    const url = await link();
    const start = performance.now();
    expect((await fetch(url)).status).toBe(200);
    expect(performance.now() - start).toBeGreaterThanOrEqual(55);
  });

  test('a scripted fault may also meet the file itself', async () => {
    ark.faults.set([{ match: 'file', fault: 'html_502' }]);
    const url = await link();
    expect([(await fetch(url)).status, (await fetch(url)).status]).toEqual([502, 200]);
  });
});

describe('groups and streams', () => {
  const group = (max: number): Record<string, unknown> => ({
    model: V40,
    sequential_image_generation: 'auto',
    sequential_image_generation_options: { max_images: max },
  });

  test('a group makes several pictures in one call, and all of them are billed', async () => {
    const answer = await generate(group(3));
    expect(answer.data).toHaveLength(3);
    expect(answer.usage).toEqual({ generated_images: 3, output_tokens: 12_288, total_tokens: 12_288 });
    expect(ark.ledger.charges).toMatchObject([{ images: 3, model: V40 }]);
  });

  test('max_images is read only when the group is on', async () => {
    expect((await generate({ ...group(3), sequential_image_generation: 'disabled' })).data).toHaveLength(1);
  });

  test('references and outputs are at most 15 together', async () => {
    const image = Array(10).fill(dataUri(await png(64, 64)));
    expect((await generate({ ...group(6), image })).status).toBe(400);
    expect((await generate({ ...group(5), image })).data).toHaveLength(5);
  });

  test.each([
    ['partial', ['url', 'error', 'url'], 2],
    ['partial_500', ['url', 'error'], 1],
    ['fewer_images', ['url', 'url'], 2],
  ])('__%s__ in a group of three gives %j', async (word, kinds, billed) => {
    const answer = await generate({ ...group(3), prompt: `__${word}__` });
    expect(answer.data.map((item) => (item.error === undefined ? 'url' : 'error'))).toEqual(kinds);
    expect(answer.usage['generated_images']).toBe(billed);
    expect(ark.ledger.images).toBe(billed);
  });

  const events = async (fields: Record<string, unknown>): Promise<[string, unknown][]> => {
    const response = await send({ prompt: 'a cat', size: '1024x1024', stream: true, ...group(2), ...fields });
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    const text = await response.text();
    return [...text.matchAll(/(?:event: (.*)\n)?data: (.*)\n\n/g)].map(([, name = '', data = '']) => [
      name,
      data === '[DONE]' ? data : JSON.parse(data),
    ]);
  };

  test('a stream tells each finished picture, then the usage, then the end', async () => {
    const seen = await events({});
    expect(seen).toMatchObject([
      ['image_generation.partial_succeeded', { type: 'image_generation.partial_succeeded', image_index: 0 }],
      ['image_generation.partial_succeeded', { image_index: 1, size: '1024x1024', url: expect.any(String) }],
      ['image_generation.completed', { model: V40, usage: { generated_images: 2 } }],
      ['', '[DONE]'],
    ]);
    expect(ark.ledger.images).toBe(2);
  });

  test('a stream carries base64, failed items, and may lack the completed event', async () => {
    const inline = await events({
      model: PRO,
      response_format: 'b64_json',
      sequential_image_generation: undefined,
      sequential_image_generation_options: undefined,
    });
    expect(inline[0]?.[1]).toMatchObject({ b64_json: expect.stringMatching(/^\/9j\//) });
    const names = async (prompt: string): Promise<string[]> =>
      (await events({ prompt })).map(([name]) => name);
    expect(await names('__partial__')).toContain('image_generation.partial_failed');
    expect(await names('__no_completed__')).not.toContain('image_generation.completed');
  });

  test('a cut stream is paid for in full', async () => {
    const response = await send({ prompt: '__stream_cut__', size: '1024x1024', stream: true, ...group(2) });
    await expect(response.text()).rejects.toThrow('terminated');
    expect(ark.ledger.images).toBe(2);
  });
});

describe('limits and faults', () => {
  test('images per minute are counted by picture and by model, and refilled with time', async () => {
    let clock = 0;
    const limited = await startArkEmulator({ imagesPerMinute: 3, now: () => clock });
    const call = async (fields: object): Promise<string> => {
      const response = await fetch(`${limited.baseUrl}/images/generations`, {
        method: 'POST',
        headers: { authorization: `Bearer ${limited.apiKey}` },
        body: JSON.stringify({ prompt: 'a', size: '1024x1024', ...fields }),
      });
      return ((await response.json()) as Answer).error?.code ?? 'ok';
    };
    const three = {
      sequential_image_generation: 'auto',
      sequential_image_generation_options: { max_images: 3 },
    };
    expect(await call({ model: V40, ...three })).toBe('ok');
    expect(await call({ model: V40 })).toBe('ModelAccountIpmRateLimitExceeded');
    expect(await call({ model: PRO })).toBe('ok');
    expect(await call({ model: PRO, layer_decomposition: true })).toBe('ModelAccountIpmRateLimitExceeded');
    clock = 20_000;
    expect(await call({ model: V40 })).toBe('ok');
    expect(limited.ledger.images).toBe(5);
    await limited.close();
  });

  test('more calls in flight than allowed are 429', async () => {
    const limited = await startArkEmulator({ maxInflight: 1, latencyMs: [30, 60] });
    const call = (): Promise<number> =>
      fetch(`${limited.baseUrl}/images/generations`, {
        method: 'POST',
        headers: { authorization: `Bearer ${limited.apiKey}` },
        body: JSON.stringify({ model: PRO, prompt: 'a', size: '1K' }),
      }).then((response) => response.status);
    expect((await Promise.all([call(), call()])).toSorted()).toEqual([200, 429]);
    await limited.close();
  });

  test.each(ERROR_FAULTS)('%s is scripted and triggered by a prompt', async (name) => {
    const { status, code, type } = refusalNamed(name);
    const expected = { status, error: { code, type, param: '' } };
    ark.faults.set([{ match: 'generate', fault: name }]);
    expect(await generate({})).toMatchObject(expected);
    expect((await generate({})).status).toBe(200);
    expect(await generate({ prompt: `a __${name}__ cat` })).toMatchObject(expected);
    expect(ark.ledger.images).toBe(1);
  });

  test.each([
    ['__ipm__', 'ModelAccountIpmRateLimitExceeded'],
    ['__overload__', 'ServerOverloaded'],
    ['__500__', 'InternalServiceError'],
    ['__overdue__', 'AccountOverdueError'],
    ['__mod_out__', 'OutputImageSensitiveContentDetected'],
  ])('%s in a prompt is %s', async (word, code) => {
    expect((await generate({ prompt: `a cat ${word}` })).error?.code).toBe(code);
  });

  test('any error can be scripted in full', async () => {
    ark.faults.set([
      { fault: 'error', status: 418, code: 'Teapot', message: 'short', type: 'T', retryAfter: 7 },
    ]);
    const response = await send({ model: PRO, prompt: 'a' });
    expect([response.status, response.headers.get('retry-after')]).toEqual([418, '7']);
    expect(((await response.json()) as Answer).error).toMatchObject({
      code: 'Teapot',
      type: 'T',
      message: expect.stringMatching(/^short Request id: /),
    });
  });

  test('__200error__ is a 200 with nothing but an error, unbilled', async () => {
    const answer = await generate({ prompt: '__200error__' });
    expect(answer).toMatchObject({ status: 200, error: { code: 'InternalServiceError' } });
    expect(answer).not.toHaveProperty('data');
    expect(ark.ledger.charges).toEqual([]);
  });

  test('fewer_images of a single call is an empty list, unbilled', async () => {
    const answer = await generate({ prompt: '__fewer_images__' });
    expect([answer.status, answer.data, answer.usage['generated_images']]).toEqual([200, [], 0]);
    expect(ark.ledger.charges).toEqual([]);
  });

  test('b64_always answers inline, other_size draws and tells other pixels', async () => {
    expect((await generate({ prompt: '__b64_always__' })).data[0]).toHaveProperty('b64_json');
    const odd = await generate({ prompt: '__other_size__' });
    const { width, height } = await sharp(await bytesOf(odd.data[0])).metadata();
    expect([odd.data[0]?.size, `${width}x${height}`]).toEqual(['1008x1016', '1008x1016']);
  });

  test.each([
    ['__drop_before__', 0],
    ['__drop_after__', 1],
  ])('%s loses the answer with %i charges', async (prompt, charges) => {
    await expect(generate({ prompt })).rejects.toThrow('fetch failed');
    expect(ark.ledger.charges).toHaveLength(charges);
  });

  test('a caller who leaves is charged all the same', async () => {
    const slow = await startArkEmulator({ latencyMs: 40 });
    const leaving = new AbortController();
    const call = fetch(`${slow.baseUrl}/images/generations`, {
      method: 'POST',
      headers: { authorization: `Bearer ${slow.apiKey}` },
      body: JSON.stringify({ model: PRO, prompt: 'a', size: '1K' }),
      signal: leaving.signal,
    });
    await expect.poll(() => slow.requests.all.length).toBe(1);
    leaving.abort();
    await expect(call).rejects.toThrow('aborted');
    await expect.poll(() => slow.ledger.images).toBe(1);
    await slow.close();
  });
});
