import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ERROR_FAULTS, OUTPUT_REFUSALS, refusalNamed } from './errors.ts';
import { startOpenAiEmulator } from './index.ts';
import type { OpenAiEmulator, OpenAiEmulatorOptions } from './index.ts';

const FLARE = 'gpt-image-2.6-flare';
const V25 = 'gpt-image-2.5-flare';
const V2 = 'gpt-image-2';
const V15 = 'gpt-image-1.5';
const MINI = 'gpt-image-1-mini';
const HOUR_MS = 3_600_000;
const NOVEMBER = Date.parse('2026-11-22T12:00:00Z');

type Item = { url?: string; b64_json?: string; revised_prompt?: string };
type ErrorBody = { message: string; type?: string; param?: string | null; code?: string | null };
type Answer = {
  status: number;
  created: number;
  data: Item[];
  size?: string;
  quality?: string;
  background?: string;
  usage?: { input_tokens: number; output_tokens: number; total_tokens: number };
  error?: ErrorBody & Record<string, unknown>;
};

let openai: OpenAiEmulator;
let now = NOVEMBER;
const others: OpenAiEmulator[] = [];

beforeAll(async () => {
  openai = await startOpenAiEmulator({
    imagesPerMinute: 100_000,
    now: () => now,
    fetchReference: async (url) => (url.host === 'reachable.test' ? await picture('png') : undefined),
  });
});
afterAll(() => openai.close());
beforeEach(() => {
  now = NOVEMBER;
  openai.ledger.reset();
  openai.faults.clear();
});
afterEach(async () => {
  await Promise.all(others.splice(0).map((emulator) => emulator.close()));
});

async function start(options: OpenAiEmulatorOptions): Promise<OpenAiEmulator> {
  const emulator = await startOpenAiEmulator({ now: () => now, ...options });
  others.push(emulator);
  return emulator;
}

function post(emulator: OpenAiEmulator, path: string, body: unknown, headers: Record<string, string> = {}) {
  return fetch(emulator.baseUrl + path, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${emulator.apiKey}`,
      'content-type': 'application/json',
      ...headers,
    },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

async function read(response: Response): Promise<Answer> {
  return { ...((await response.json()) as Omit<Answer, 'status'>), status: response.status };
}

const generate = async (fields: Record<string, unknown> = {}, emulator = openai): Promise<Answer> =>
  read(await post(emulator, '/images/generations', { model: FLARE, prompt: 'a cat', ...fields }));

type FormFile = { name: string; bytes: Buffer; type?: string; filename?: string };

/** Written by hand, so that a part can lack what a well-behaved client always sends. */
function form(
  fields: Record<string, string>,
  files: readonly FormFile[],
): { body: Uint8Array; type: string } {
  const boundary = 'a-boundary-of-our-own';
  const parts = [
    ...Object.entries(fields).map(([name, value]) =>
      Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`),
    ),
    ...files.flatMap(({ name, bytes, type, filename = 'a.png' }) => [
      Buffer.from(
        `--${boundary}\r\nContent-Disposition: form-data; name="${name}"; filename="${filename}"\r\n${type === undefined ? '' : `Content-Type: ${type}\r\n`}\r\n`,
      ),
      bytes,
      Buffer.from('\r\n'),
    ]),
    Buffer.from(`--${boundary}--\r\n`),
  ];
  return { body: Buffer.concat(parts), type: `multipart/form-data; boundary=${boundary}` };
}

async function edit(
  fields: Record<string, string>,
  files: readonly FormFile[],
  emulator = openai,
): Promise<Answer> {
  const { body, type } = form({ model: FLARE, prompt: 'a cat', ...fields }, files);
  return read(
    await fetch(`${emulator.baseUrl}/images/edits`, {
      method: 'POST',
      headers: { authorization: `Bearer ${emulator.apiKey}`, 'content-type': type },
      body: body as Uint8Array<ArrayBuffer>,
    }),
  );
}

function picture(
  format: 'png' | 'jpeg' | 'webp' | 'gif',
  width = 64,
  height = 64,
  alpha = false,
): Promise<Buffer> {
  const background = alpha ? { r: 1, g: 2, b: 3, alpha: 0.5 } : { r: 1, g: 2, b: 3 };
  return sharp({ create: { width, height, channels: alpha ? 4 : 3, background } })
    .toFormat(format)
    .toBuffer();
}

const file = async (name = 'image', type = 'image/png'): Promise<FormFile> => ({
  name,
  type,
  bytes: await picture('png'),
});

async function bytesOf(item: Item | undefined): Promise<Buffer> {
  if (item?.b64_json !== undefined) return Buffer.from(item.b64_json, 'base64');
  return Buffer.from(await (await fetch(String(item?.url))).arrayBuffer());
}

async function shapeOf(item: Item | undefined): Promise<string> {
  const { width, height, format } = await sharp(await bytesOf(item)).metadata();
  return `${width}x${height} ${format}`;
}

describe('the edge', () => {
  test('an unknown path is 404 in the usual envelope, and variations are gone', async () => {
    for (const path of ['/images/variations', '/images/generations/', '/nowhere']) {
      const answer = await read(await post(openai, path, {}));
      expect([answer.status, answer.error]).toMatchObject([
        404,
        { type: 'invalid_request_error', code: null },
      ]);
    }
  });

  test.each([
    ['no key', '', null],
    ['another scheme', 'Basic abc', null],
    ['a wrong key', 'Bearer sk-wrong-key-1234567', 'invalid_api_key'],
  ])('%s is 401', async (_name, authorization, code) => {
    const answer = await read(await post(openai, '/images/generations', 'not even JSON', { authorization }));
    expect([answer.status, answer.error?.code]).toEqual([401, code]);
    expect(answer.error?.message).not.toContain('sk-wrong-key-1234567');
  });

  test('every answer tells request id, version, organization and limits', async () => {
    const before = await post(openai, '/images/generations', { model: FLARE, prompt: 'a' });
    const after = await post(openai, '/images/generations', { model: 'no-such', prompt: 'a' });
    for (const response of [before, after]) {
      expect(response.headers.get('x-request-id')).toMatch(/^req_[0-9a-f]{32}$/);
      expect(response.headers.get('openai-version')).toBe('2020-10-01');
      expect(response.headers.get('openai-organization')).toBe('org-emulator');
      expect(response.headers.get('openai-processing-ms')).toMatch(/^\d+$/);
      expect(response.headers.get('x-ratelimit-reset-requests')).toMatch(/^\d+(ms|s)$/);
    }
  });

  test('what is left counts down; input images are told on edits alone', async () => {
    const emulator = await start({});
    const left = async (response: Promise<Response>): Promise<(string | null)[]> => {
      const { headers } = await response;
      return ['requests', 'input-images'].map((name) => headers.get(`x-ratelimit-remaining-${name}`));
    };
    const call = { model: FLARE, prompt: 'a' };
    expect(await left(post(emulator, '/images/generations', call))).toEqual(['499', null]);
    expect(await left(post(emulator, '/images/generations', call))).toEqual(['498', null]);
    const images = [{ image_url: `data:image/png;base64,${(await picture('png')).toString('base64')}` }];
    expect(await left(post(emulator, '/images/edits', { ...call, images }))).toEqual(['497', '49999']);
  });

  test.each([
    ['no JSON', '{', 'application/json', null],
    ['a list', '[]', 'application/json', null],
    ['a form', 'prompt=a', 'application/x-www-form-urlencoded', 'unsupported_content_type'],
  ])('%s is 400', async (_name, body, type, code) => {
    const answer = await read(await post(openai, '/images/generations', body, { 'content-type': type }));
    expect([answer.status, answer.error?.code]).toEqual([400, code]);
  });
});

describe('models', () => {
  const served = async (): Promise<Record<string, string | null>> => {
    const response = await fetch(`${openai.baseUrl}/models`, {
      headers: { authorization: `Bearer ${openai.apiKey}` },
    });
    const { data } = (await response.json()) as { data: { id: string; shutdown_date: string | null }[] };
    return Object.fromEntries(data.map(({ id, shutdown_date }) => [id, shutdown_date]));
  };

  test('the list follows the calendar', async () => {
    const november = await served();
    expect(november).toMatchObject({ [FLARE]: null, [MINI]: '2026-12-01' });
    expect(Object.keys(november)).not.toContain('gpt-image-1');
    now = Date.parse('2026-12-01T00:00:00Z');
    expect(Object.keys(await served())).not.toContain(MINI);
  });

  test.each(['dall-e-3', 'dall-e-2', 'gpt-image-1', 'no-such-model'])(
    '%s answers as the retired ones do',
    async (model) => {
      expect(await generate({ model })).toMatchObject({
        status: 400,
        error: {
          message: `The model '${model}' does not exist.`,
          type: 'image_generation_user_error',
          param: 'model',
          code: 'invalid_value',
        },
      });
    },
  );

  test('without a model one of the vendor is taken', async () => {
    await generate({ model: undefined });
    expect(openai.ledger.charges[0]?.model).toBe('gpt-image-2.5-sunburst');
  });
});

describe('parameters of GPT models', () => {
  test.each([
    [FLARE, { prompt: undefined }, 'missing_required_parameter', 'prompt'],
    [FLARE, { prompt: 7 }, 'invalid_type', 'prompt'],
    [FLARE, { prompt: 'x'.repeat(32_001) }, 'string_above_max_length', 'prompt'],
    [FLARE, { model: 5 }, 'invalid_type', 'model'],
    [FLARE, { response_format: 'b64_json' }, 'unknown_parameter', 'response_format'],
    [FLARE, { style: 'vivid' }, 'unknown_parameter', 'style'],
    [FLARE, { negative_prompt: 'x' }, 'unknown_parameter', 'negative_prompt'],
    [FLARE, { seed: 0 }, 'unknown_parameter', 'seed'],
    [FLARE, { image: 'x' }, 'unknown_parameter', 'image'],
    [FLARE, { input_fidelity: 'high' }, 'unknown_parameter', 'input_fidelity'],
    [FLARE, { n: '1' }, 'invalid_type', 'n'],
    [FLARE, { n: 1.5 }, 'invalid_type', 'n'],
    [FLARE, { n: 0 }, 'invalid_value', 'n'],
    [FLARE, { n: 11 }, 'invalid_value', 'n'],
    [FLARE, { quality: 'hd' }, 'invalid_value', 'quality'],
    [V2, { quality: 'max' }, 'invalid_value', 'quality'],
    [V15, { quality: 'xhigh' }, 'invalid_value', 'quality'],
    [FLARE, { background: 'none' }, 'invalid_value', 'background'],
    [FLARE, { background: 'transparent', output_format: 'jpeg' }, 'invalid_value', 'background'],
    [V2, { background: 'transparent' }, 'invalid_value', 'background'],
    [FLARE, { output_format: 'bmp' }, 'invalid_value', 'output_format'],
    [FLARE, { output_format: 'gif' }, 'invalid_value', 'output_format'],
    [FLARE, { output_compression: 50 }, 'invalid_png_output_compression', 'output_compression'],
    [FLARE, { output_compression: 101, output_format: 'webp' }, 'invalid_value', 'output_compression'],
    [FLARE, { moderation: 'none' }, 'invalid_value', 'moderation'],
    [FLARE, { stream: 'true' }, 'invalid_type', 'stream'],
    [FLARE, { partial_images: 4 }, 'invalid_value', 'partial_images'],
    [V25, { complexity: 'low' }, 'unknown_parameter', 'complexity'],
    [FLARE, { frame_count: 4 }, 'invalid_value', 'frame_count'],
  ])('%s with %j is %s', async (model, fields, code, param) => {
    expect(await generate({ model, ...fields })).toMatchObject({ status: 400, error: { code, param } });
    expect(openai.ledger.charges).toEqual([]);
  });

  test('nulls are absent fields, and the edges of the ranges are inside', async () => {
    expect((await generate({ size: null, quality: null, response_format: null })).status).toBe(200);
    expect((await generate({ prompt: 'é'.repeat(32_000), n: 10, size: '1024x640' })).data).toHaveLength(10);
    const words = { complexity: 'high', moderation: 'low', user: 'u', quality: 'max' };
    expect((await generate(words)).status).toBe(200);
    expect((await generate({ output_format: 'webp', output_compression: 0 })).status).toBe(200);
  });

  test.each([
    [FLARE, '1792x1024'],
    [FLARE, '1024x1792'],
    [FLARE, '3840x2160'],
    [FLARE, '1024x640'],
    [FLARE, '1536x512'],
    [V15, '1536x1024'],
  ])('%s makes %s', async (model, size) => {
    const answer = await generate({ model, size });
    expect([answer.size, await shapeOf(answer.data[0])]).toEqual([size, `${size} png`]);
  });

  test.each([
    [V15, '1792x1024', "Supported values are: 'auto', '1024x1024', '1536x1024', '1024x1536'"],
    [FLARE, '1000x1000', 'multiples of 16'],
    [FLARE, '3856x2048', '3840'],
    [FLARE, '1552x512', '1:3'],
    [FLARE, '800x800', '655360'],
    [FLARE, '3840x2176', '8294400'],
    [FLARE, '1K', 'Supported values'],
    [FLARE, '1024X1024', 'Supported values'],
  ])('%s refuses %s and says why', async (model, size, why) => {
    const { status, error } = await generate({ model, size });
    expect(status).toBe(400);
    expect(error).toMatchObject({
      type: 'image_generation_user_error',
      param: 'size',
      code: 'invalid_value',
    });
    expect(error?.message).toContain(why);
  });
});

describe('answers of GPT models', () => {
  test('a call is answered with base64, what was used, and its tokens', async () => {
    const answer = await generate({ n: 2, size: '1024x1024', quality: 'low', safety_identifier: 'someone' });
    expect(answer).toMatchObject({
      created: NOVEMBER / 1000,
      background: 'opaque',
      output_format: 'png',
      quality: 'low',
      size: '1024x1024',
      safety_identifier: 'someone',
      usage: { output_tokens: 400, input_tokens: 2, total_tokens: 402 },
    });
    expect(answer.data.map((item) => Object.keys(item))).toEqual([['b64_json'], ['b64_json']]);
    expect(answer.data[0]).not.toEqual(answer.data[1]);
  });

  test.each(['png', 'jpeg', 'webp'])('output_format %s is what comes', async (format) => {
    expect(await shapeOf((await generate({ output_format: format })).data[0])).toBe(`1024x1024 ${format}`);
  });

  test('a transparent background is transparent', async () => {
    const answer = await generate({ background: 'transparent' });
    expect(answer.background).toBe('transparent');
    expect((await sharp(await bytesOf(answer.data[0])).stats()).isOpaque).toBe(false);
  });

  test('the ledger knows what was charged and the id that the caller gave', async () => {
    await post(
      openai,
      '/images/generations',
      { model: FLARE, prompt: 'a cat', n: 3 },
      { 'x-client-request-id': 'call_1' },
    );
    expect(openai.ledger.charges).toEqual([
      {
        id: expect.stringMatching(/^req_/),
        callerId: 'call_1',
        at: NOVEMBER,
        model: FLARE,
        images: 3,
        prompt: 'a cat',
      },
    ]);
  });

  test('the same id twice is charged twice: the vendor knows no idempotency', async () => {
    const headers = { 'idempotency-key': 'once' };
    for (let sent = 0; sent < 2; sent += 1)
      await post(openai, '/images/generations', { model: FLARE, prompt: 'a' }, headers);
    expect(openai.ledger.charges.map(({ callerId }) => callerId)).toEqual(['once', 'once']);
  });

  test.each(['png', 'webp'])('a padded %s stays a picture', async (format) => {
    const padded = await start({ pictureBytes: 1024 * 1024 });
    const bytes = await bytesOf(
      (await generate({ output_format: format, size: '1024x640' }, padded)).data[0],
    );
    expect(Math.abs(bytes.length - 1024 * 1024)).toBeLessThan(16);
    expect((await sharp(bytes, { failOn: 'warning' }).raw().toBuffer()).length).toBe(1024 * 640 * 3);
  });
});

describe('edits', () => {
  test('one file as image, many as image[], in any order', async () => {
    expect((await edit({}, [await file()])).status).toBe(200);
    expect((await edit({}, [await file('image[]'), await file('image[]')])).usage?.input_tokens).toBe(2 + 8);
    const webp = { name: 'image', type: 'image/webp', bytes: await picture('webp') };
    expect((await edit({ n: '2', output_format: 'jpeg', stream: 'false' }, [webp])).data).toHaveLength(2);
    expect(openai.ledger.images).toBe(4);
  });

  test('size auto follows the first picture', async () => {
    const wide = { name: 'image', type: 'image/jpeg', bytes: await picture('jpeg', 300, 200) };
    expect((await edit({}, [wide])).size).toBe('1536x1024');
    expect((await edit({ size: '1792x1024' }, [wide])).size).toBe('1792x1024');
  });

  test('a form of the platform itself is read', async () => {
    const data = new FormData();
    data.append('image', new Blob([new Uint8Array(await picture('png'))], { type: 'image/png' }), 'a.png');
    data.append('prompt', 'ein Häuschen');
    data.append('model', FLARE);
    const response = await fetch(`${openai.baseUrl}/images/edits`, {
      method: 'POST',
      headers: { authorization: `Bearer ${openai.apiKey}` },
      body: data,
    });
    expect(response.status).toBe(200);
    expect(openai.ledger.charges[0]?.prompt).toBe('ein Häuschen');
  });

  test.each<[string, () => Promise<Answer>, string | null, string]>([
    ['no file', () => edit({}, []), 'missing_required_parameter', 'image'],
    [
      'octet-stream',
      async () => edit({}, [await file('image', 'application/octet-stream')]),
      'unsupported_file_mimetype',
      'image',
    ],
    [
      'a gif',
      async () => edit({}, [{ name: 'image[]', type: 'image/gif', bytes: await picture('gif') }]),
      'unsupported_file_mimetype',
      'image[0]',
    ],
    [
      'no mimetype',
      async () => edit({}, [{ name: 'image', bytes: await picture('png') }]),
      'missing_file_mimetype',
      'image',
    ],
    [
      'a second that is no picture',
      async () =>
        edit({}, [await file('image[]'), { name: 'image[]', type: 'image/png', bytes: Buffer.alloc(99) }]),
      null,
      'image[1]',
    ],
    [
      'a jpeg that says png',
      async () => edit({}, [{ ...(await file()), bytes: await picture('jpeg') }]),
      null,
      'image',
    ],
    ['image twice', async () => edit({}, [await file(), await file()]), 'invalid_value', 'image'],
    [
      '17 files',
      async () =>
        edit(
          {},
          Array.from({ length: 17 }, (): FormFile => ({ ...small, name: 'image[]' })),
        ),
      'invalid_value',
      'image',
    ],
    ['text for a file', () => edit({ image: 'x' }, []), 'invalid_type', 'image'],
    ['a number that is none', async () => edit({ n: 'two' }, [await file()]), 'invalid_type', 'n'],
    [
      'response_format',
      async () => edit({ response_format: 'url' }, [await file()]),
      'unknown_parameter',
      'response_format',
    ],
    [
      'input_fidelity on 2.6',
      async () => edit({ input_fidelity: 'high' }, [await file()]),
      'invalid_input_fidelity_model',
      'input_fidelity',
    ],
    [
      'input_fidelity high on mini',
      async () => edit({ model: MINI, input_fidelity: 'high' }, [await file()]),
      'invalid_input_fidelity_model',
      'input_fidelity',
    ],
    [
      'a mask without alpha',
      async () => edit({}, [await file(), await file('mask')]),
      'invalid_value',
      'mask',
    ],
    [
      'a mask of another size',
      async () =>
        edit({}, [await file(), { ...(await file('mask')), bytes: await picture('png', 32, 64, true) }]),
      'invalid_value',
      'mask',
    ],
    [
      'markup on an old model',
      async () => edit({ model: V2 }, [await file(), await file('markup')]),
      'invalid_value',
      'markup',
    ],
    ['a retired model', async () => edit({ model: 'dall-e-2' }, [await file()]), 'invalid_value', 'model'],
  ])('%s is 400', async (_name, send, code, param) => {
    const small = await send();
    expect(small).toMatchObject({ status: 400, error: { code, param } });
    expect(openai.ledger.charges).toEqual([]);
  });

  test('a mask with alpha and low fidelity on mini are taken', async () => {
    const mask = { ...(await file('mask')), bytes: await picture('png', 64, 64, true) };
    expect((await edit({}, [mask, await file()])).status).toBe(200);
    expect((await edit({ model: MINI, input_fidelity: 'low' }, [await file()])).status).toBe(200);
  });

  test('the JSON form takes data URIs and reachable links', async () => {
    const inline = `data:image/png;base64,${(await picture('png')).toString('base64')}`;
    const send = async (images: unknown): Promise<Answer> =>
      read(await post(openai, '/images/edits', { model: FLARE, prompt: 'a', images }));
    const good = await send([{ image_url: inline }, { image_url: 'https://reachable.test/a.png' }]);
    expect(good.status).toBe(200);
    expect((await send([{ image_url: 'https://elsewhere.test/a.png' }])).status).toBe(400);
    expect((await send([{ file_id: 'file-1' }])).status).toBe(400);
    expect((await send(undefined)).error?.code).toBe('missing_required_parameter');
  });

  test.each([
    ['without a boundary', 'multipart/form-data', (body: string) => body],
    ['not closed', undefined, (body: string) => body.replace(/--\r\n$/, '')],
    [
      'with a part without a name',
      undefined,
      (body: string) => body.replace('name="prompt"', 'title="prompt"'),
    ],
  ])('a form %s cannot be read', async (_name, type, change) => {
    const made = form({ prompt: 'a' }, []);
    const answer = await read(
      await post(openai, '/images/edits', change(Buffer.from(made.body).toString()), {
        'content-type': type ?? made.type,
      }),
    );
    expect([answer.status, answer.error?.message]).toEqual([400, expect.stringContaining('multipart')]);
  });
});

/** A small valid upload for tests that count. */
let small: FormFile;
beforeAll(async () => {
  small = await file();
});

describe('streams', () => {
  type Event = {
    type: string;
    b64_json?: string;
    usage?: object;
    partial_image_index?: number;
    error?: object;
  };
  const events = async (fields: Record<string, unknown>): Promise<Event[]> => {
    const response = await post(openai, '/images/generations', {
      model: FLARE,
      prompt: 'a cat',
      size: '1024x640',
      stream: true,
      ...fields,
    });
    expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
    const text = await response.text();
    return [...text.matchAll(/event: (.*)\ndata: (.*)\n\n/g)].map(([, name, data = '']) => {
      const event = JSON.parse(data) as Event;
      expect(event.type).toBe(name);
      return event;
    });
  };
  const kinds = async (fields: Record<string, unknown>): Promise<string[]> =>
    (await events(fields)).map(
      ({ type, partial_image_index: at }) => `${type.split('.')[1] ?? type}${at ?? ''}`,
    );

  test('partials come before the completed event, which has the usage', async () => {
    const seen = await events({ partial_images: 2, quality: 'low' });
    expect(seen.map(({ type }) => type)).toEqual([
      'image_generation.partial_image',
      'image_generation.partial_image',
      'image_generation.completed',
    ]);
    expect(seen[2]?.usage).toMatchObject({ output_tokens: 325 });
    expect(await shapeOf(seen[2])).toBe('1024x640 png');
    expect(openai.ledger.images).toBe(1);
  });

  test.each([
    [{ partial_images: 0 }, ['completed']],
    [{ partial_images: 2, prompt: '__fewer_partials__' }, ['partial_image0', 'completed']],
    [{ partial_images: 1, prompt: '__stream_error__' }, ['partial_image0', 'error']],
    [{ n: 2 }, ['completed', 'completed']],
  ])('%j gives %j', async (fields, wanted) => {
    expect(await kinds(fields)).toEqual(wanted);
  });

  test('an error event nests its error', async () => {
    const seen = await events({ prompt: '__stream_error__' });
    expect(seen.at(-1)).toMatchObject({
      error: { type: 'image_generation_server_error', code: 'image_generation_failed', param: null },
      sequence_number: 0,
    });
  });

  test('a cut stream is paid for', async () => {
    const response = await post(openai, '/images/generations', {
      model: FLARE,
      prompt: '__stream_cut__',
      stream: true,
    });
    await expect(response.text()).rejects.toThrow('terminated');
    expect(openai.ledger.images).toBe(1);
  });

  test('edits have their own event names', async () => {
    const { body, type } = form({ model: FLARE, prompt: 'a', stream: 'true', partial_images: '1' }, [small]);
    const response = await fetch(`${openai.baseUrl}/images/edits`, {
      method: 'POST',
      headers: { authorization: `Bearer ${openai.apiKey}`, 'content-type': type },
      body: body as Uint8Array<ArrayBuffer>,
    });
    const names = [...(await response.text()).matchAll(/event: (.*)\n/g)].map(([, name]) => name);
    expect(names).toEqual(['image_edit.partial_image', 'image_edit.completed']);
  });
});

describe('the dall-e of old', () => {
  let legacy: OpenAiEmulator;
  beforeAll(async () => {
    legacy = await startOpenAiEmulator({ profile: 'dalle3-legacy', now: () => now });
  });
  afterAll(() => legacy.close());
  const draw = (fields: Record<string, unknown> = {}): Promise<Answer> =>
    generate({ model: 'dall-e-3', ...fields }, legacy);

  test('one item with a link and the rewritten prompt, no usage', async () => {
    const answer = await draw({ size: '1792x1024', quality: 'hd', style: 'natural' });
    expect(answer).toEqual({
      status: 200,
      created: NOVEMBER / 1000,
      data: [{ url: expect.any(String), revised_prompt: expect.stringContaining('a cat') }],
    });
    expect(await shapeOf(answer.data[0])).toBe('1792x1024 png');
  });

  test('b64_json is base64 alone', async () => {
    const { data } = await draw({ response_format: 'b64_json' });
    expect(Object.keys(data[0] ?? {})).toEqual(['b64_json', 'revised_prompt']);
  });

  test('a link carries its times, lives 60 minutes, and refuses an Authorization header', async () => {
    const url = String((await draw()).data[0]?.url);
    const query = new URL(url).searchParams;
    expect(Date.parse(String(query.get('se'))) - Date.parse(String(query.get('st')))).toBe(2 * HOUR_MS);
    expect([query.get('sp'), query.get('rsct')]).toEqual(['r', 'image/png']);
    expect((await fetch(url)).headers.get('content-type')).toBe('image/png');
    expect((await fetch(url, { headers: { authorization: 'Bearer x' } })).status).toBe(400);
    now += HOUR_MS - 1;
    expect((await fetch(url)).status).toBe(200);
    now += 1;
    expect((await fetch(url)).status).toBe(403);
  });

  test('a link may answer 403 from the first', async () => {
    expect((await fetch(String((await draw({ prompt: '__link_403__' })).data[0]?.url))).status).toBe(403);
  });

  test.each([
    [{ n: 2 }, null, 'You must provide n=1 for this model.'],
    [{ n: 0 }, null, "0 is less than the minimum of 1 - 'n'"],
    [{ size: '512x512' }, 'invalid_size', 'The size is not supported by this model.'],
    [{ size: '1328x1328' }, null, "'1328x1328' is not one of ['256x256', "],
    [{ quality: 'high' }, null, "'high' is not one of ['standard', 'hd'] - 'quality'"],
    [{ prompt: 'x'.repeat(4001) }, null, "is too long - 'prompt'"],
    [{ model: 'gpt-image-2' }, null, 'model argument'],
    [{ background: 'opaque' }, 'unknown_parameter', 'background'],
  ])('%j is 400', async (fields, code, message) => {
    const { status, error } = await draw(fields);
    expect([status, error?.type, error?.code]).toEqual([400, 'invalid_request_error', code]);
    expect(error?.message).toContain(message);
    expect(legacy.ledger.charges.filter(({ prompt }) => prompt === 'x'.repeat(4001))).toEqual([]);
  });

  test('dall-e-2 makes several small ones', async () => {
    expect((await draw({ model: 'dall-e-2', n: 2, size: '256x256' })).data).toHaveLength(2);
  });

  test('dall-e takes no reference', async () => {
    expect((await edit({ model: 'dall-e-3' }, [small], legacy)).status).toBe(400);
  });
});

describe('Azure', () => {
  let azure: OpenAiEmulator;
  beforeAll(async () => {
    azure = await startOpenAiEmulator({
      profile: 'azure',
      now: () => now,
      deployments: { old: 'dall-e-3', new: FLARE },
    });
  });
  afterAll(() => azure.close());
  const send = async (path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
    read(
      await fetch(`${azure.origin}/openai${path}`, {
        method: 'POST',
        headers: { 'api-key': azure.apiKey, 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body),
      }),
    );

  test.each([
    ['/deployments/old/images/generations?api-version=2024-02-01', {}, 200],
    ['/deployments/new/images/generations?api-version=2025-04-01-preview', {}, 200],
    ['/deployments/new/images/generations?api-version=2024-10-21', {}, 404],
    ['/deployments/old/images/generations?api-version=1999-01-01', {}, 404],
    ['/deployments/old/images/generations', {}, 404],
    ['/deployments/none/images/generations?api-version=2024-02-01', {}, 404],
    ['/v1/images/generations', { model: 'new' }, 200],
    ['/v1/images/generations', { model: FLARE }, 404],
  ])('%s with %j is %i', async (path, body, status) => {
    expect((await send(path, { prompt: 'a cat', ...body })).status).toBe(status);
  });

  test('both ways of signing in work, a wrong key has a numeric code', async () => {
    const path = '/deployments/old/images/generations?api-version=2024-02-01';
    const bearer = { 'api-key': '', authorization: `Bearer ${azure.apiKey}` };
    expect((await send(path, { prompt: 'a' }, { ...bearer, 'api-key': 'x' })).error).toEqual({
      code: '401',
      message: expect.any(String),
    });
    const response = await fetch(`${azure.origin}/openai${path}`, {
      method: 'POST',
      headers: { authorization: bearer.authorization, 'content-type': 'application/json' },
      body: '{"prompt":"a"}',
    });
    expect(response.status).toBe(200);
  });

  test('items carry filter results, and links live 24 hours', async () => {
    const path = '/deployments/old/images/generations?api-version=2024-02-01';
    const { data } = await send(path, { prompt: 'a cat' });
    expect(data[0]).toMatchObject({
      content_filter_results: { violence: { filtered: false, severity: 'safe' } },
      prompt_filter_results: { jailbreak: { detected: false } },
    });
    now += 24 * HOUR_MS - 1;
    expect((await fetch(String(data[0]?.url))).status).toBe(200);
    now += 1;
    expect((await fetch(String(data[0]?.url))).status).toBe(403);
  });

  test('a long prompt has a code of its own, and webp is not made', async () => {
    const old = '/deployments/old/images/generations?api-version=2024-02-01';
    expect((await send(old, { prompt: 'x'.repeat(4001) })).error?.code).toBe('invalidPayload');
    const newer = '/deployments/new/images/generations?api-version=2025-04-01-preview';
    expect((await send(newer, { prompt: 'a', output_format: 'webp' })).status).toBe(400);
  });

  test.each([
    ['azure_content_filter', { code: 'contentFilter' }],
    [
      'azure_responsible_ai',
      { code: 'content_policy_violation', inner_error: { code: 'ResponsibleAIPolicyViolation' } },
    ],
    [
      'azure_moderation',
      { code: 'moderation_blocked', message: expect.stringMatching(/safety_violations=\[.*\]$/) },
    ],
  ])('the refusal %s has its own shape', async (word, error) => {
    const path = '/deployments/old/images/generations?api-version=2024-02-01';
    expect(await send(path, { prompt: `__${word}__` })).toMatchObject({ status: 400, error });
  });
});

describe('limits and faults', () => {
  test.each(ERROR_FAULTS)('%s is scripted and triggered by a prompt', async (name) => {
    const { status, fields, message } = refusalNamed(name);
    const { more, ...error } = fields;
    const expected = { status, error: { ...error, ...more, message } };
    openai.faults.set([{ match: 'generate', fault: name }]);
    expect(await generate()).toEqual(expected);
    expect((await generate()).status).toBe(200);
    expect(await generate({ prompt: `a __${name}__ cat` })).toEqual(expected);
    expect(openai.ledger.images).toBe(1);
  });

  test.each([
    ['rate_limited', '2', '2000'],
    ['rate_limited_plain', null, null],
    ['rate_limited_text', null, null],
    ['overloaded', '5', '5000'],
  ])('%s tells %s seconds', async (fault, seconds, ms) => {
    openai.faults.set([{ fault }]);
    const { headers } = await post(openai, '/images/generations', { model: FLARE, prompt: 'a' });
    expect([headers.get('retry-after'), headers.get('retry-after-ms')]).toEqual([seconds, ms]);
  });

  test('any error can be scripted in full, for edits too', async () => {
    const fault = { fault: 'error', status: 418, code: 'teapot', message: 'short', type: 'T', retryAfter: 7 };
    openai.faults.set([fault, { ...fault, match: 'edit' }]);
    const response = await post(openai, '/images/generations', { model: FLARE, prompt: 'a' });
    expect([response.status, response.headers.get('retry-after')]).toEqual([418, '7']);
    expect((await read(response)).error).toEqual({
      message: 'short',
      type: 'T',
      param: null,
      code: 'teapot',
    });
    expect((await edit({}, [small])).error?.code).toBe('teapot');
  });

  test('the wall in front answers in its own words', async () => {
    openai.faults.set([{ fault: 'cloudflare_429' }]);
    const response = await post(openai, '/images/generations', { model: FLARE, prompt: 'a' });
    expect([response.status, response.headers.get('retry-after'), await response.text()]).toEqual([
      429,
      '54749',
      'error code: 1015',
    ]);
  });

  test('an input is refused at once, an output after the work', async () => {
    const slow = await start({ latencyMs: 60 });
    const spent = async (prompt: string): Promise<number> => {
      const startedAt = performance.now();
      await generate({ prompt }, slow);
      return performance.now() - startedAt;
    };
    expect(OUTPUT_REFUSALS.has('moderation_output')).toBe(true);
    expect(await spent('__moderation_output__')).toBeGreaterThanOrEqual(55);
    expect((await generate({ prompt: '__moderation_input__' }, slow)).error).toMatchObject({
      moderation_details: { moderation_stage: 'input' },
    });
  });

  test('stall keeps a caller waiting and is paid for', async () => {
    openai.faults.set([{ fault: 'stall', delayMs: 40 }]);
    const startedAt = performance.now();
    expect((await generate()).status).toBe(200);
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(35);
    expect(openai.ledger.images).toBe(1);
  });

  test.each([
    ['__missing_usage__', 1, (answer: Answer) => answer.usage === undefined],
    ['__empty_data__', 0, (answer: Answer) => answer.data.length === 0],
    ['__truncated_base64__', 1, (answer: Answer) => (answer.data[0]?.b64_json?.length ?? 0) % 4 !== 0],
  ])('%s is charged %i times', async (prompt, images, holds) => {
    const answer = await generate({ prompt });
    expect(answer.status).toBe(200);
    expect(holds(answer)).toBe(true);
    expect(openai.ledger.images).toBe(images);
  });

  test('fewer_images is one short and charged for what it made', async () => {
    expect((await generate({ prompt: '__fewer_images__', n: 3 })).data).toHaveLength(2);
    expect(openai.ledger.images).toBe(2);
  });

  test.each([
    ['__drop_before__', 0],
    ['__drop_after__', 1],
  ])('%s loses the answer with %i charges', async (prompt, charges) => {
    await expect(generate({ prompt })).rejects.toThrow('fetch failed');
    expect(openai.ledger.charges).toHaveLength(charges);
  });

  test('images per minute are counted and told with the wait', async () => {
    const limited = await start({ imagesPerMinute: 3 });
    expect((await generate({ n: 3 }, limited)).status).toBe(200);
    const response = await post(limited, '/images/generations', { model: FLARE, prompt: 'a' });
    expect(response.headers.get('retry-after')).toBe('20');
    expect(await read(response)).toMatchObject({
      status: 429,
      error: {
        type: 'requests',
        code: 'rate_limit_exceeded',
        message: expect.stringContaining('in 20000ms'),
      },
    });
    now += 20_000;
    expect((await generate({}, limited)).status).toBe(200);
    expect(limited.ledger.images).toBe(4);
  });

  test('a caller who leaves is charged all the same', async () => {
    const slow = await start({ latencyMs: 40 });
    const leaving = new AbortController();
    const call = fetch(`${slow.baseUrl}/images/generations`, {
      method: 'POST',
      headers: { authorization: `Bearer ${slow.apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: FLARE, prompt: 'a' }),
      signal: leaving.signal,
    });
    await expect.poll(() => slow.requests.all.length).toBe(1);
    leaving.abort();
    await expect(call).rejects.toThrow('aborted');
    await expect.poll(() => slow.ledger.images).toBe(1);
  });
});
