import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import sharp from 'sharp';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { signCallback } from './callback.ts';
import { ERROR_FAULTS, refusalNamed } from './errors.ts';
import { startKlingEmulator } from './index.ts';
import type { KlingEmulator, KlingEmulatorOptions } from './index.ts';
import { ASPECT_RATIOS, pixelsOf } from './models.ts';

const PATH = '/v1/images/generations';
const DAY_MS = 86_400_000;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

type Image = { index: number; url: string; watermark_url?: string };
type Task = {
  task_id: string;
  task_info: { external_task_id?: string };
  task_status: string;
  task_status_msg?: string;
  task_result?: { images: Image[] };
  final_unit_deduction?: string;
  created_at: number;
  updated_at: number;
};
type Answer<Data = Task> = {
  status: number;
  code: number;
  message: string;
  request_id: string;
  data?: Data | null;
};

let now = 1_800_000_000_000;
let kling: KlingEmulator;
const settings: KlingEmulatorOptions = {
  now: () => now,
  queueMs: 1000,
  latencyMs: 5000,
  concurrency: 100,
  fetchReference: async (url) => (url.host === 'reachable.test' ? png(400, 300) : undefined),
};

beforeAll(async () => {
  kling = await startKlingEmulator(settings);
});
afterAll(() => kling.close());
beforeEach(async () => {
  // Whatever an earlier test left open ends.
  now += 10_000;
  await call('GET', `${PATH}?pageSize=500`);
  kling.ledger.reset();
  kling.faults.clear();
});

function png(width: number, height: number): Promise<Buffer> {
  return sharp({ create: { width, height, channels: 3, background: 'teal' } })
    .png()
    .toBuffer();
}

async function call<Data = Task>(
  method: string,
  path: string,
  body?: unknown,
  {
    authorization = `Bearer ${kling.apiKey}`,
    at = kling,
  }: { authorization?: string; at?: KlingEmulator } = {},
): Promise<Answer<Data>> {
  const response = await fetch(at.baseUrl + path, {
    method,
    headers: { ...(authorization !== '' && { authorization }), 'content-type': 'application/json' },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  return { ...((await response.json()) as Answer<Data>), status: response.status };
}

const create = (fields: object = {}): Promise<Answer> =>
  call('POST', PATH, { model_name: 'kling-v3', prompt: 'a cat', aspect_ratio: '1:1', ...fields });
const query = (id: unknown): Promise<Answer> => call('GET', `${PATH}/${String(id)}`);

async function finish(fields: object = {}): Promise<Task> {
  const created = await create(fields);
  now += 5000;
  return (await query(created.data?.task_id)).data as Task;
}

function token(
  claims: object,
  header: object = { alg: 'HS256', typ: 'JWT' },
  secret = kling.secretKey,
): string {
  const text = [header, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  return `Bearer ${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}

describe('authorization', () => {
  const seconds = (offset: number): number => now / 1000 + offset;
  const sound = (changes: object = {}): object => ({
    iss: kling.accessKey,
    exp: seconds(1800),
    nbf: seconds(-5),
    ...changes,
  });

  test.each<[string, () => string, number, number]>([
    ['the static key', () => `Bearer ${kling.apiKey}`, 200, 0],
    ['a signed token', () => token(sound()), 200, 0],
    ['no header', () => '', 401, 1001],
    ['two spaces', () => `Bearer  ${kling.apiKey}`, 401, 1002],
    ['another scheme', () => `Token ${kling.apiKey}`, 401, 1002],
    ['an unknown key', () => 'Bearer something-else', 401, 1002],
    ['another algorithm', () => token(sound(), { alg: 'none', typ: 'JWT' }), 401, 1002],
    ['a token without exp', () => token({ iss: kling.accessKey }), 401, 1002],
    ['another secret', () => token(sound(), undefined, 'nope'), 401, 1000],
    ['an unknown access key', () => token(sound({ iss: 'nobody' })), 401, 1000],
    ['a token of the future', () => token(sound({ nbf: seconds(60) })), 401, 1003],
    ['a token of the past', () => token(sound({ exp: seconds(0) })), 401, 1004],
  ])('%s', async (_name, authorization, status, code) => {
    const answer = await call('GET', PATH, undefined, { authorization: authorization() });
    expect(answer).toMatchObject({ status, code });
  });

  test('the test vector of section 2.1 is accepted', async () => {
    await using fresh = await startKlingEmulator({
      now: () => 1_800_000_000_000,
      accessKey: 'AKEXAMPLEAKEXAMPLEAKEXAMPLEAKEXA',
      secretKey: 'SKEXAMPLESKEXAMPLESKEXAMPLESKEXA',
    });
    const authorization =
      'Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJBS0VYQU1QTEVBS0VYQU1QTEVBS0VYQU1QTEVBS0VYQSIsImV4cCI6MTgwMDAwMTgwMCwibmJmIjoxNzk5OTk5OTk1fQ.e0XeC1XMi7rhESnKVN0Rp1DUDdUqsi0S1gfuDIeVAvk';
    expect(await call('GET', PATH, undefined, { authorization, at: fresh })).toMatchObject({
      code: 0,
      data: [],
    });
  });

  test('a malformed key is taken for a token', async () => {
    const answer = await call('GET', PATH, undefined, { authorization: 'Bearer key' });
    expect(answer.message).toContain('3 parts was expected, but got 0');
  });
});

describe('the order of checks', () => {
  // Every row mends what the row before was refused for; all of them stay wrong further on.
  test('auth, address, JSON, model, ranges, base64, picture, policy, balance, duplicate, concurrency', async () => {
    await using fresh = await startKlingEmulator({ ...settings, concurrency: 2 });
    const small = (await png(200, 200)).toString('base64');
    const whole = (await png(300, 300)).toString('base64');
    const sound = { model_name: 'kling-v3', prompt: 'a cat', n: 2, external_task_id: 'taken' };
    const ok = `Bearer ${fresh.apiKey}`;
    const seen: unknown[] = [];
    const send = async (body: unknown, authorization = ok): Promise<void> => {
      const answer = await call('POST', PATH, body, { authorization, at: fresh });
      seen.push(answer.code === 1201 ? answer.message : answer.code);
    };
    await send(sound);
    fresh.account.ipDenied = true;
    fresh.account.units = 0;
    await send('{', 'Bearer wrong');
    await send('{');
    fresh.account.ipDenied = false;
    await send('{');
    await send({ model_name: 'nope', prompt: '' });
    await send({ model_name: 'kling-v3', prompt: '', image: 'data:,' });
    await send({ ...sound, prompt: '__mod_in__', image: `data:image/png;base64,${whole}` });
    await send({ ...sound, prompt: '__mod_in__', image: small });
    await send({ ...sound, prompt: '__mod_in__', image: whole });
    await send({ ...sound, image: whole });
    fresh.account.units = 1000;
    await send({ ...sound, image: whole });
    await send({ ...sound, image: whole, external_task_id: 'free' });
    now += 5000;
    await send({ ...sound, image: whole, external_task_id: 'free' });
    expect(seen).toEqual([
      0,
      1002,
      1304,
      'Failed to resolve the request body',
      "model_name value 'nope' is invalid",
      'prompt cannot be empty/null',
      'File is not in a valid base64 format',
      'The image width and height must be at least 300px, but got 200x200',
      1301,
      1102,
      'External_task_id taken already exists',
      1303,
      0,
    ]);
    expect(fresh.ledger.images).toBe(2);
  });
});

describe('parameters', () => {
  const chars = (count: number): string => 'x'.repeat(count);

  test.each<[object, string]>([
    [{ prompt: 7 }, 'Failed to resolve the request body'],
    [{ n: '2' }, 'Failed to resolve the request body'],
    [{ n: 1.5 }, 'Failed to resolve the request body'],
    [{ image: ['x'] }, 'Failed to resolve the request body'],
    [{ watermark_info: true }, 'Failed to resolve the request body'],
    [{ element_list: [{ element_id: 'x' }] }, 'Failed to resolve the request body'],
    [{ prompt: undefined }, 'prompt cannot be empty/null'],
    [{ prompt: chars(2501) }, 'prompt length cannot exceed 2500'],
    [{ negative_prompt: chars(2501) }, 'negative_prompt length cannot exceed 2500'],
    [{ negative_prompt: 'dogs', image: 'AAAA' }, 'negative_prompt is not supported when image is set'],
    [{ n: 0 }, 'n must be between 1 and 9'],
    [{ n: 10 }, 'n must be between 1 and 9'],
    [{ resolution: '2K' }, "resolution value '2K' is invalid"],
    [{ resolution: '4k' }, "resolution value '4k' is invalid"],
    [{ aspect_ratio: '5:4' }, "aspect_ratio value '5:4' is invalid"],
    [{ aspect_ratio: 'auto' }, "aspect_ratio value 'auto' is invalid"],
    [{ image_fidelity: 0.5 }, 'image_fidelity is not supported by kling-v3'],
    [{ image_reference: 'subject', image: 'AAAA' }, 'image_reference is not supported by kling-v3'],
    [{ model_name: 'kling-v2-1', image_reference: 'subject' }, 'image cannot be empty/null'],
    [
      { model_name: 'kling-v2-1', image_reference: 'hand', image: 'A' },
      "image_reference value 'hand' is invalid",
    ],
    [{ model_name: 'kling-v2-1', human_fidelity: 1.1 }, 'human_fidelity must be between 0 and 1'],
    [
      { model_name: 'kling-v2-1', element_list: [{ element_id: 1 }] },
      'element_list is not supported by kling-v2-1',
    ],
    [{ element_list: Array(11).fill({ element_id: 1 }) }, 'images and elements cannot exceed 10'],
    [{ model_name: 'kling-v1' }, 'The model kling-v1 has been discontinued and is no longer available'],
    [{ model_name: 'kling-image-o1' }, "model_name value 'kling-image-o1' is invalid"],
    [{ callback_url: 'nowhere' }, 'callback_url is not a URL'],
    [{ image: '' }, 'image cannot be empty/null'],
    [{ image: 'https://elsewhere.test/a.png' }, 'Failed to download the image from its URL'],
    [{ image: 'data:image/png;base64,AAAA' }, 'File is not in a valid base64 format'],
    [{ image: '@@@@' }, 'File is not in a valid base64 format'],
    [
      { image: Buffer.alloc(400).toString('base64') },
      'The image format is invalid, only jpg, jpeg and png are supported',
    ],
  ])('%j is 1201', async (fields, message) => {
    expect(await create(fields)).toMatchObject({ status: 400, code: 1201, message });
  });

  test.each<[string, () => Promise<Buffer>, string]>([
    [
      'webp',
      async () =>
        sharp(await png(400, 400))
          .webp()
          .toBuffer(),
      'format is invalid',
    ],
    ['a side below 300 px', () => png(400, 299), 'at least 300px, but got 400x299'],
    ['a long shape', () => png(800, 319), 'between 1:2.5 and 2.5:1'],
    [
      'more than 10 MB',
      async () =>
        sharp({ create: { width: 2000, height: 1800, channels: 3, background: 'red' } })
          .png({ compressionLevel: 0 })
          .toBuffer(),
      'cannot exceed 10MB',
    ],
  ])('a reference that is %s is refused', async (_name, draw, message) => {
    const answer = await create({ image: (await draw()).toString('base64') });
    expect(answer).toMatchObject({ code: 1201, message: expect.stringContaining(message) });
  });

  test.each<[string, object]>([
    ['the edges of lengths and counts', { prompt: chars(2500), negative_prompt: chars(2500), n: 9 }],
    ['unknown fields and the old field `model`', { model: 'kling-v1', seed: 1, size: '1x1' }],
    ['nulls and empty ids', { image: null, external_task_id: '', callback_url: '' }],
    ['an address as reference', { image: 'https://reachable.test/a.png' }],
  ])('%s are accepted', async (_name, fields) => {
    expect(await create(fields)).toMatchObject({ status: 200, code: 0 });
  });

  test('without a model the default one runs and bills', async () => {
    await finish({ model_name: undefined, model: 'kling-v2-1' });
    expect(kling.ledger.charges).toMatchObject([{ model: 'kling-v3' }]);
  });

  test('an unknown model may be refused the other way', async () => {
    await using fresh = await startKlingEmulator({ unknownModel: 1203 });
    expect(await call('POST', PATH, { model_name: 'x', prompt: 'a' }, { at: fresh })).toMatchObject({
      status: 404,
      code: 1203,
    });
  });
});

describe('the life of a task', () => {
  test('create answers submitted, with ids, milliseconds and no result', async () => {
    const answer = await create({ external_task_id: 'life-1' });
    expect(answer).toEqual({
      status: 200,
      code: 0,
      message: 'SUCCEED',
      request_id: expect.stringMatching(UUID),
      data: {
        task_id: expect.stringMatching(/^\d{18}$/),
        task_info: { external_task_id: 'life-1' },
        task_status: 'submitted',
        created_at: now,
        updated_at: now,
      },
    });
    expect((await create()).data?.task_info).toEqual({});
  });

  test('it goes from submitted to processing to succeed, and is charged at the end alone', async () => {
    const created = (await create({ n: 2, external_task_id: 'life-2' })).data as Task;
    const seen: [string, number, unknown][] = [];
    for (const step of [0, 999, 1, 3999, 1, 60_000]) {
      now += step;
      const { data } = await query(created.task_id);
      seen.push([
        String(data?.task_status),
        Number(data?.updated_at) - created.created_at,
        kling.ledger.images,
      ]);
    }
    expect(seen).toEqual([
      ['submitted', 0, 0],
      ['submitted', 0, 0],
      ['processing', 1000, 0],
      ['processing', 1000, 0],
      ['succeed', 5000, 2],
      ['succeed', 5000, 2],
    ]);
    expect(kling.ledger.charges).toEqual([
      {
        id: created.task_id,
        callerId: 'life-2',
        at: created.created_at + 5000,
        model: 'kling-v3',
        images: 2,
        prompt: 'a cat',
      },
    ]);
  });

  test('it ends and is charged although nobody asks', async () => {
    await using fresh = await startKlingEmulator({ queueMs: 5, latencyMs: [10, 20] });
    await call('POST', PATH, { prompt: 'a' }, { at: fresh });
    await expect.poll(() => fresh.ledger.images).toBe(1);
  });

  test('both ids find it, and an unknown one is 1201', async () => {
    const { data } = await create({ external_task_id: 'mine 1' });
    expect((await query(data?.task_id)).data).toEqual((await query('mine%201')).data);
    for (const id of ['nothing', '%zz']) {
      expect(await query(id)).toMatchObject({
        status: 400,
        code: 1201,
        message: `Task not found by id/external id: ${id}`,
      });
    }
  });

  test('an external id is taken for ever, also by a task that failed', async () => {
    expect((await finish({ external_task_id: 'once', prompt: '__failed__' })).task_status).toBe('failed');
    expect(await create({ external_task_id: 'once' })).toMatchObject({
      status: 400,
      code: 1201,
      message: 'External_task_id once already exists',
    });
    expect(kling.ledger.charges).toEqual([]);
  });

  test.each<[object, string]>([
    [{ n: 3 }, '24'],
    [{ n: 1, resolution: '2k' }, '8'],
    [{ model_name: 'kling-v2-1', n: 2 }, '8'],
    [
      {
        model_name: 'kling-v2-1',
        image: 'https://reachable.test/a.png',
        image_reference: 'subject',
        image_fidelity: 0,
      },
      '8',
    ],
  ])('%j costs %s units', async (fields, units) => {
    kling.account.units = 100;
    expect((await finish(fields)).final_unit_deduction).toBe(units);
    expect(kling.account.units).toBe(100 - Number(units));
    kling.account.units = Infinity;
  });

  test('the account may be out of order, out of money or without a model', async () => {
    kling.account.exception = true;
    expect(await create()).toMatchObject({ status: 429, code: 1100 });
    kling.account.exception = false;
    kling.account.arrears = true;
    expect(await create()).toMatchObject({ status: 429, code: 1101 });
    kling.account.arrears = false;
    kling.account.notPermitted.add('kling-v3');
    expect(await create()).toMatchObject({ status: 403, code: 1103 });
    kling.account.notPermitted.clear();
  });

  test('the list is newest first and paged', async () => {
    await using fresh = await startKlingEmulator(settings);
    const ids: string[] = [];
    for (let made = 0; made < 3; made += 1) {
      const { data } = await call('POST', PATH, { prompt: 'a' }, { at: fresh });
      ids.unshift(String(data?.task_id));
    }
    const list = async (search: string): Promise<unknown> => {
      const { data, message } = await call<Task[]>('GET', PATH + search, undefined, { at: fresh });
      return data?.map((task) => task.task_id) ?? message;
    };
    expect(await list('')).toEqual(ids);
    expect(await list('?pageNum=2&pageSize=2')).toEqual(ids.slice(2));
    expect(await list('?pageNum=0')).toBe('pageNum must be between 1 and 1000');
    expect(await list('?pageSize=501')).toBe('pageSize must be between 1 and 500');
  });

  test('another method is 1202, another path 1203', async () => {
    expect(await call('DELETE', `${PATH}/1`)).toMatchObject({ status: 404, code: 1202 });
    expect(await call('POST', '/v1/images/omni-image', {})).toMatchObject({ status: 404, code: 1203 });
  });
});

describe('concurrency', () => {
  test('a task holds n slots of its model until it ends, and a refusal takes none', async () => {
    await using fresh = await startKlingEmulator({ ...settings, concurrency: 9 });
    const send = async (fields: object): Promise<number> =>
      (await call('POST', PATH, { prompt: 'a', ...fields }, { at: fresh })).code;
    expect(await send({ n: 5 })).toBe(0);
    expect(await send({ n: 5, external_task_id: 'refused' })).toBe(1303);
    expect(await send({ n: 4, prompt: '__failed__' })).toBe(0);
    expect(await send({ n: 1 })).toBe(1303);
    expect(await send({ n: 9, model_name: 'kling-v2-1' })).toBe(0);
    now += 5000;
    expect(await send({ n: 5, external_task_id: 'refused' })).toBe(0);
    expect(fresh.ledger.images).toBe(14);
  });

  test('racing creates cannot both take the last slot or the same id', async () => {
    await using fresh = await startKlingEmulator({ ...settings, concurrency: 1 });
    const send = (id: string): Promise<Answer> =>
      call('POST', PATH, { prompt: 'a', external_task_id: id }, { at: fresh });
    const codes = async (ids: string[]): Promise<number[]> =>
      (await Promise.all(ids.map(send))).map(({ code }) => code).toSorted((a, b) => a - b);
    expect(await codes(['a', 'a'])).toEqual([0, 1201]);
    now += 5000;
    expect(await codes(['b', 'c'])).toEqual([0, 1303]);
  });
});

describe('result files', () => {
  const read = async (url: string): Promise<Response> => fetch(url);
  const isSame = async (...urls: unknown[]): Promise<boolean> => {
    const files = await Promise.all(
      urls.map(async (url) => Buffer.from(await (await read(String(url))).arrayBuffer())),
    );
    return new Set(files.map((file) => file.toString('base64'))).size === 1;
  };

  test.each(ASPECT_RATIOS.flatMap((ratio) => [[ratio, '1k'] as const, [ratio, '2k'] as const]))(
    '%s at %s is a PNG of the table',
    async (aspect_ratio, resolution) => {
      const task = await finish({ aspect_ratio, resolution });
      const bytes = Buffer.from(await (await read(String(task.task_result?.images[0]?.url))).arrayBuffer());
      const { width, height, format } = await sharp(bytes).metadata();
      expect({ width, height, format }).toEqual({ ...pixelsOf(aspect_ratio, resolution), format: 'png' });
    },
  );

  test('without a ratio it is 16:9 at 1k', async () => {
    const task = await finish({ aspect_ratio: undefined });
    const bytes = Buffer.from(await (await read(String(task.task_result?.images[0]?.url))).arrayBuffer());
    expect(await sharp(bytes).metadata()).toMatchObject({ width: 1360, height: 768 });
  });

  test('a link expires 30 days after the task ended', async () => {
    const task = await finish();
    const url = String(task.task_result?.images[0]?.url);
    expect(Number(new URL(url).searchParams.get('Expires')) * 1000).toBe(task.updated_at + 30 * DAY_MS);
    now = task.updated_at + 30 * DAY_MS - 1;
    expect((await read(url)).status).toBe(200);
    now += 1;
    expect((await read(url)).status).toBe(403);
  });

  test('a link wants no credentials and no changed signature', async () => {
    const url = String((await finish()).task_result?.images[0]?.url);
    expect((await fetch(url, { headers: { authorization: `Bearer ${kling.apiKey}` } })).status).toBe(400);
    expect((await read(`${url}0`)).status).toBe(403);
    expect((await read(url)).headers.get('content-type')).toBe('image/png');
  });

  test('a watermark adds a second link with another picture', async () => {
    const { task_result } = await finish({ watermark_info: { enabled: true }, prompt: 'marked' });
    const [image] = task_result?.images ?? [];
    expect(await isSame(image?.url, image?.watermark_url)).toBe(false);
    expect((await finish({ watermark_info: { enabled: false } })).task_result?.images[0]).not.toHaveProperty(
      'watermark_url',
    );
  });

  test('n pictures differ', async () => {
    const { task_result } = await finish({ n: 2 });
    expect(task_result?.images.map(({ index }) => index)).toEqual([0, 1]);
    expect(await isSame(...(task_result?.images ?? []).map(({ url }) => url))).toBe(false);
  });

  test.each([
    ['link_404', 404],
    ['link_500_once', 500],
    ['expired', 403],
    ['not_an_image', 200],
  ])('%s in a prompt breaks the link with %i', async (word, status) => {
    const { task_result } = await finish({ prompt: `__${word}__` });
    const response = await read(String(task_result?.images[0]?.url));
    expect([response.status, response.headers.get('content-type') === 'image/png']).toEqual([status, false]);
  });
});

describe('faults', () => {
  test.each(ERROR_FAULTS)('%s is scripted and triggered by a prompt, uncharged', async (name) => {
    const { status, code, message } = refusalNamed(name);
    kling.faults.set([{ fault: name }]);
    expect(await create()).toMatchObject({ status, code, message, request_id: expect.stringMatching(UUID) });
    expect(await create({ prompt: `a __${name}__ cat` })).toMatchObject({ status, code });
    kling.faults.set([{ match: 'query', fault: name }]);
    expect(await query(1)).toMatchObject({ status, code });
    now += 5000;
    expect(kling.ledger.charges).toEqual([]);
  });

  test.each([1000, 1101, 1201, 1303, 5002])('the number %i is a word too', async (code) => {
    expect((await create({ prompt: `__${code}__` })).code).toBe(code);
  });

  test('server errors carry data: null, the others no data', async () => {
    expect((await create({ prompt: '__5000__' })).data).toBeNull();
    expect(await create({ prompt: '__1301__' })).not.toHaveProperty('data');
  });

  test('any error can be scripted in full', async () => {
    kling.faults.set([{ fault: 'error', status: 418, code: '1999', message: 'short', retryAfter: 7 }]);
    const response = await fetch(kling.baseUrl + PATH, {
      method: 'POST',
      headers: { authorization: `Bearer ${kling.apiKey}` },
      body: JSON.stringify({ prompt: 'a' }),
    });
    expect([response.status, response.headers.get('retry-after')]).toEqual([418, '7']);
    expect(await response.json()).toMatchObject({ code: 1999, message: 'short' });
  });

  test.each<[string, object]>([
    ['mod_run', { task_status: 'failed', task_status_msg: 'Failure to pass the risk control system' }],
    ['mod_out', { task_status: 'failed', task_status_msg: 'Failure to pass the risk control system' }],
    ['failed_ratio', { task_status_msg: 'The resolution or aspect ratio of the input image is invalid' }],
    ['failed', { task_status: 'failed', final_unit_deduction: '0' }],
    ['stuck', { task_status: 'processing' }],
    ['stuck_submitted', { task_status: 'submitted' }],
    ['succeeded_word', { task_status: 'succeeded' }],
    ['fewer_images', { task_status: 'succeed', final_unit_deduction: '8' }],
    ['legacy_task_id', { task_id: expect.stringMatching(/^[\w-]{22}$/) }],
  ])('__%s__ ends in %j', async (word, task) => {
    expect(await finish({ prompt: `__${word}__`, n: 2 })).toMatchObject(task);
  });

  test('a failed or stuck task is never charged, a partial one for what it made', async () => {
    for (const word of ['failed', 'mod_run', 'stuck', 'stuck_submitted'])
      await finish({ prompt: `__${word}__` });
    expect(kling.ledger.charges).toEqual([]);
    expect((await finish({ prompt: '__partial__', n: 3 })).task_result?.images).toHaveLength(2);
    expect(kling.ledger.images).toBe(2);
  });

  test('a result may lack its pictures or its deduction, and a status may be new', async () => {
    expect(await finish({ prompt: '__no_result__' })).not.toHaveProperty('task_result');
    expect(await finish({ prompt: '__no_deduction__' })).not.toHaveProperty('final_unit_deduction');
    const { data } = await create({ prompt: '__unknown_status__' });
    now += 1000;
    expect((await query(data?.task_id)).data?.task_status).toBe('reviewing');
  });

  test('one query may meet an unknown status', async () => {
    const { data } = await create();
    now += 60_000;
    kling.faults.set([{ match: 'query', fault: 'unknown_status' }]);
    expect((await query(data?.task_id)).data?.task_status).toBe('reviewing');
    expect((await query(data?.task_id)).data?.task_status).toBe('succeed');
  });

  test('a picture may have other pixels than the table', async () => {
    const { task_result } = await finish({ prompt: '__other_size__' });
    const bytes = await (await fetch(String(task_result?.images[0]?.url))).arrayBuffer();
    expect(await sharp(Buffer.from(bytes)).metadata()).toMatchObject({ width: 1008, height: 1008 });
  });

  test.each(['__data_null__', '__5002_with_task__'])(
    '%s loses the answer but not the task',
    async (prompt) => {
      const external_task_id = prompt;
      expect((await create({ prompt, external_task_id })).data).toBeNull();
      expect((await create({ prompt, external_task_id })).message).toMatch('already exists');
      expect((await query(external_task_id)).data?.task_status).toBe('submitted');
    },
  );

  test.each<[string, number]>([
    ['drop_after', 1],
    ['drop_before', 0],
    ['hang', 0],
  ])('__%s__ gives no answer and leaves %i tasks', async (word, count) => {
    const response = fetch(kling.baseUrl + PATH, {
      method: 'POST',
      headers: { authorization: `Bearer ${kling.apiKey}` },
      body: JSON.stringify({ prompt: `__${word}__`, external_task_id: word }),
      signal: AbortSignal.timeout(200),
    });
    await expect(response).rejects.toThrow(/fetch failed|timeout/);
    expect((await query(word)).code).toBe(count === 1 ? 0 : 1201);
  });

  test('a query may be answered with nothing, or forget the task', async () => {
    const { data } = await create();
    kling.faults.set([
      { match: 'query', fault: 'data_null' },
      { match: 'query', fault: 'lost' },
    ]);
    expect((await query(data?.task_id)).data).toBeNull();
    expect((await query(data?.task_id)).code).toBe(1201);
    expect((await query(data?.task_id)).data?.task_status).toBe('submitted');
    const lost = await create({ prompt: '__lost__' });
    expect((await query(lost.data?.task_id)).message).toContain('Task not found');
  });

  test('a create may be slow', async () => {
    await using fresh = await startKlingEmulator({ createMs: 40 });
    const start = performance.now();
    await call('POST', PATH, { prompt: 'a' }, { at: fresh });
    expect(performance.now() - start).toBeGreaterThanOrEqual(38);
  });
});

describe('callbacks', () => {
  type Received = { readonly headers: Record<string, unknown>; readonly text: string };
  const secret = 'whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI=';

  async function told(word: string, expected: number): Promise<Received[]> {
    const received: Received[] = [];
    const receiver = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk) => (body += String(chunk)));
      request.on('end', () => {
        received.push({ headers: request.headers, text: body });
        response.end();
      });
    });
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
    await using fresh = await startKlingEmulator({ queueMs: 5, latencyMs: 10, webhookSecret: secret });
    const callback_url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;
    await call('POST', PATH, { prompt: word, callback_url, external_task_id: 'cb' }, { at: fresh });
    await expect.poll(() => received.length).toBe(expected);
    receiver.closeAllConnections();
    receiver.close();
    return received;
  }

  const statuses = (received: Received[]): string[] =>
    received.map(({ text }) => (JSON.parse(text) as Task).task_status);
  const isSigned = ({ headers, text }: Received): boolean =>
    headers['webhook-signature'] ===
    signCallback(secret, String(headers['webhook-id']), Number(headers['webhook-timestamp']), text);

  test('the vendor’s test vector is signed as the page says', () => {
    const body =
      '{"id":"1234567890","status":"succeeded","message":"","create_time":1781080778802,"update_time":1781080794151}';
    expect(signCallback(secret, '9876543210', 1_781_080_794, body)).toBe(
      'v1,UsKlJP00XoQyOn410NM9xv34sP+Gl0jnOO9Lcpr7NJ4=',
    );
  });

  test('every change is told in order, flat and signed', async () => {
    const received = await told('a', 2);
    expect(statuses(received)).toEqual(['processing', 'succeed']);
    expect(received.every(isSigned)).toBe(true);
    expect(JSON.parse(String(received[1]?.text))).toMatchObject({
      task_info: { external_task_id: 'cb' },
      task_result: { images: [{ index: 0, url: expect.stringMatching(/^http/) }] },
      final_unit_deduction: '8',
    });
    expect(received[0]?.headers['content-type']).toBe('application/json; charset=utf-8');
  });

  test.each<[string, string[], boolean]>([
    ['__callback_twice__', ['processing', 'processing', 'succeed', 'succeed'], true],
    ['__callback_reordered__', ['succeed', 'processing'], true],
    ['__callback_bad_signature__', ['processing', 'succeed'], false],
  ])('%s tells %j', async (word, expected, signed) => {
    const received = await told(word, expected.length);
    expect(statuses(received)).toEqual(expected);
    expect(received.map(isSigned)).toEqual(expected.map(() => signed));
  });

  test('a receiver that is not there is missed', async () => {
    const task = await finish({ callback_url: 'http://127.0.0.1:1/' });
    expect(task.task_status).toBe('succeed');
  });
});
