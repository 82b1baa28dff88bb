import { createHash, createHmac } from 'node:crypto';
import { inflateSync } from 'node:zlib';
import sharp from 'sharp';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ERROR_FAULTS, JimengRefusal, refusalOf, RUN_FAULTS } from './errors.ts';
import { startJimengEmulator } from './index.ts';
import type { JimengEmulator } from './index.ts';
import { JIMENG_MODELS } from './models.ts';
import { verifySignature } from './signature.ts';

const T2I = 'jimeng_t2i_v30';
const I2I = 'jimeng_i2i_v30';
const V40 = 'jimeng_t2i_v40';
const V46 = 'jimeng_seedream46_cvtob';
const V21 = 'jimeng_high_aes_general_v21_L';
const RUN_MS = 10_000;
const HOUR_MS = 3_600_000;

type Data = {
  task_id?: string;
  status?: string;
  image_urls?: string[] | null;
  binary_data_base64?: string[] | null;
};
type Answer = {
  code?: number;
  data?: Data | null;
  message?: string;
  request_id?: string;
  status?: number;
  time_elapsed?: string;
  ResponseMetadata?: Record<string, unknown> & { Error: { CodeN?: number; Code: string; Message: string } };
};
type Told = Answer & { http: number; raw: string };

let jimeng: JimengEmulator;
let now = Date.UTC(2026, 10, 22);

beforeAll(async () => {
  jimeng = await startJimengEmulator({
    latencyMs: RUN_MS,
    queriesPerSecond: Infinity,
    now: () => now,
    fetchReference: async (url) => (url.host === 'reachable.test' ? picture(640, 480) : undefined),
  });
});
afterAll(() => jimeng.close());
beforeEach(() => {
  now += HOUR_MS;
  jimeng.ledger.reset();
  jimeng.faults.clear();
  jimeng.account.notActivated.clear();
  jimeng.account.concurrency = 1;
});

const sha256 = (data: string): string => createHash('sha256').update(data).digest('hex');
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

type Signing = {
  accessKeyId?: string;
  secret?: string;
  at?: number;
  service?: string;
  region?: string;
  signed?: readonly string[];
  headers?: Record<string, string>;
  target?: JimengEmulator;
};

/** A signer of the test's own, as section 2.1 tells it. */
function sign(query: string, body: string, options: Signing = {}): Record<string, string> {
  const { service = 'cv', region = 'cn-north-1', target = jimeng } = options;
  const date = new Date(options.at ?? now).toISOString().replace(/[-:]|\.\d+/g, '');
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    'x-content-sha256': sha256(body),
    'x-date': date,
    ...options.headers,
  };
  const names = options.signed ?? ['content-type', 'host', 'x-content-sha256', 'x-date'];
  const all = { ...headers, host: new URL(target.origin).host };
  const lines = names.map((name) => `${name}:${(all as Record<string, string>)[name]}\n`).join('');
  const canonical = ['POST', '/', query, lines, names.join(';'), sha256(body)].join('\n');
  const scope = [date.slice(0, 8), region, service, 'request'];
  const text = ['HMAC-SHA256', date, scope.join('/'), sha256(canonical)].join('\n');
  const key = scope.reduce<string | Buffer>(hmac, options.secret ?? target.account.secretAccessKey);
  const credential = [options.accessKeyId ?? target.account.accessKeyId, ...scope].join('/');
  const signature = hmac(key, text).toString('hex');
  const authorization = `HMAC-SHA256 Credential=${credential}, SignedHeaders=${names.join(';')}, Signature=${signature}`;
  return { authorization, ...headers };
}

async function post(
  query: string,
  body: string,
  headers: Record<string, string>,
  target = jimeng,
): Promise<Told> {
  const response = await fetch(`${target.origin}/?${query}`, { method: 'POST', headers, body });
  const raw = await response.text();
  return { ...(JSON.parse(raw) as Answer), http: response.status, raw };
}

function act(action: string, fields: unknown, options: Signing = {}): Promise<Told> {
  const query = `Action=${action}&Version=2022-08-31`;
  const body = typeof fields === 'string' ? fields : JSON.stringify(fields);
  return post(query, body, sign(query, body, options), options.target);
}

const submit = (fields: Record<string, unknown> = {}): Promise<Told> =>
  act('CVSync2AsyncSubmitTask', { req_key: T2I, prompt: 'a cat', ...fields });

const ask = (id: unknown, reqKey = T2I, options?: unknown): Promise<Told> =>
  act('CVSync2AsyncGetResult', {
    req_key: reqKey,
    task_id: id,
    ...(options !== undefined && { req_json: JSON.stringify(options) }),
  });

/** Submits, waits on the emulator's clock, and queries. */
async function draw(
  fields: Record<string, unknown> & { req_key?: string } = {},
  options: unknown = { return_url: true },
): Promise<Told> {
  const accepted = await submit(fields);
  if (accepted.code !== 10000) return accepted;
  now += RUN_MS;
  return ask(accepted.data?.task_id, fields.req_key ?? T2I, options);
}

async function picture(
  width: number,
  height: number,
  format: 'png' | 'jpeg' | 'webp' = 'png',
): Promise<Buffer> {
  return sharp({ create: { width, height, channels: 3, background: '#4682b4' } })
    [format]()
    .toBuffer();
}

async function bytesOf(told: Told, at = 0): Promise<Buffer> {
  const inline = told.data?.binary_data_base64?.[at];
  if (inline !== undefined) return Buffer.from(inline, 'base64');
  return Buffer.from(await (await fetch(String(told.data?.image_urls?.[at]))).arrayBuffer());
}

async function lookOf(told: Told): Promise<string> {
  const { width, height, format } = await sharp(await bytesOf(told)).metadata();
  return `${width}x${height} ${format}`;
}

describe('the signature', () => {
  const account = {
    accessKeyId: 'AKLTexampleAccessKeyId0001',
    secretAccessKey: 'ZXhhbXBsZS1zZWNyZXQta2V5LW5vdC1yZWFs==',
    securityToken: undefined,
  };
  const submitBody =
    '{"req_key":"jimeng_t2i_v30","prompt":"一只戴墨镜的橘猫","seed":-1,"width":1328,"height":1328,"use_pre_llm":true}';
  const queryBody =
    '{"req_key":"jimeng_t2i_v30","task_id":"7392616336519610409","req_json":"{\\"return_url\\":true,\\"logo_info\\":{\\"add_logo\\":false}}"}';
  const four = 'content-type;host;x-content-sha256;x-date';
  const vectors = [
    ['A', submitBody, 'x-content-sha256;x-date', 'e39db4af544a744c439a32f255e2c5c0bc6719156914968d2e0d259cb59ada17'],
    ['B', submitBody, 'host;x-content-sha256;x-date', '65e74412cd094011f5f2f87f0eefe573e007cc53c3d513e3aa50e503acba4306'],
    ['C', submitBody, four, 'e6d271fa52abf643a171fe1922173952b50e8d7daa4a8b5c0534cb640d1b9a48'],
    ['D', submitBody, 'host;x-date;x-content-sha256;content-type', '003779d0bb2992c6469aaf571269bcd8cc978de5c1d5ba93d0ae0dc62e04dd5a'],
    ['E', queryBody, 'host;x-content-sha256;x-date', '7fcd14986074998642f74d3a339074955b4ed3a05ed53ad40177cc99206cd00b'],
    ['F', submitBody, 'host;x-content-sha256;x-date;x-security-token', 'e81d5d4133e61c5436df412ee90769806e90a832f7b3f1693fba383d87523207'],
    ['G', queryBody, four, 'b66af361420ed03ec1284d38284913f7b88f160370f190c86240ca47362e465a'],
  ] as const; // prettier-ignore

  const verify = (body: string, signedHeaders: string, signature: string, host: string): void => {
    const token = signedHeaders.includes('x-security-token') ? 'STSexampleToken==' : undefined;
    const request = {
      method: 'POST',
      path: '/',
      query: new URLSearchParams({
        Version: '2022-08-31',
        Action: body === submitBody ? 'CVSync2AsyncSubmitTask' : 'CVSync2AsyncGetResult',
      }),
      headers: {
        authorization: `HMAC-SHA256 Credential=${account.accessKeyId}/20260102/cn-north-1/cv/request, SignedHeaders=${signedHeaders}, Signature=${signature}`,
        'content-type': 'application/json',
        host,
        'x-content-sha256': sha256(body),
        'x-date': '20260102T030405Z',
        ...(token !== undefined && { 'x-security-token': token }),
      },
      body: Buffer.from(body),
    };
    verifySignature(request, { ...account, securityToken: token }, Date.UTC(2026, 0, 2, 3, 4, 5));
  };

  test.each(vectors)('vector %s of the sheet is accepted', (_name, body, signedHeaders, signature) => {
    expect(() => verify(body, signedHeaders, signature, 'visual.volcengineapi.com')).not.toThrow();
    expect(() => verify(body, signedHeaders, signature, 'visual.volcengineapi.com:443')).not.toThrow();
    const wrong = signature.replace(/^./, (digit) => (digit === '0' ? '1' : '0'));
    expect(() => verify(body, signedHeaders, wrong, 'visual.volcengineapi.com')).toThrow(JimengRefusal);
  });

  const query = 'Action=CVSync2AsyncSubmitTask&Version=2022-08-31';
  const body = JSON.stringify({ req_key: T2I, prompt: 'a cat' });
  const refused = async (headers: Record<string, string>, text = body, search = query): Promise<unknown> => {
    const told = await post(search, text, headers);
    return [told.http, told.ResponseMetadata?.Error.CodeN, told.ResponseMetadata?.Error.Code];
  };

  test('a good one passes over HTTP, also with fewer headers in another order', async () => {
    expect((await submit()).code).toBe(10000);
    now += RUN_MS;
    const few = await act(
      'CVSync2AsyncSubmitTask',
      { req_key: T2I, prompt: 'a' },
      { signed: ['x-date', 'host'] },
    );
    expect(few.code).toBe(10000);
  });

  test.each<[string, () => Promise<unknown>, unknown[]]>([
    ['no Action', () => refused(sign('', body), body, ''), [400, 100002, 'MissingParameter']],
    ['no Version', () => refused({}, body, 'Action=CVProcess'), [400, 100002, 'MissingParameter']],
    ['an unknown Action', () => refused({}, body, 'Action=Draw&Version=2022-08-31'), [404, 100008, 'InvalidActionOrVersion']],
    ['another Version', () => refused({}, body, 'Action=CVProcess&Version=2020-08-26'), [404, 100008, 'InvalidActionOrVersion']],
    ['no Authorization', () => refused({}), [401, 100003, 'MissingAuthenticationToken']],
    ['a bearer key', () => refused({ authorization: 'Bearer abc' }), [401, 100024, 'InvalidAuthorization']],
    ['no Signature', () => refused({ authorization: 'HMAC-SHA256 Credential=a/20260102/cn-north-1/cv/request, SignedHeaders=host' }), [401, 100005, 'MissingSignature']],
    ['a broken Credential', () => refused({ authorization: 'HMAC-SHA256 Credential=abc, SignedHeaders=host, Signature=00' }), [401, 100025, 'InvalidCredential']],
    ['another service', () => refused(sign(query, body, { service: 'visual' })), [404, 100007, 'ServiceNotFound']],
    ['another region', () => refused(sign(query, body, { region: 'cn-beijing' })), [401, 100025, 'InvalidCredential']],
    ['an unknown access key', () => refused(sign(query, body, { accessKeyId: 'AKLTnobody' })), [401, 100009, 'InvalidAccessKey']],
    ['another secret', () => refused(sign(query, body, { secret: 'wrong' })), [401, 100010, 'SignatureDoesNotMatch']],
    ['another body', () => refused(sign(query, body), `${body} `), [401, 100010, 'SignatureDoesNotMatch']],
    ['a digest of another body', () => refused(sign(query, body, { headers: { 'x-content-sha256': sha256('x') } })), [401, 100010, 'SignatureDoesNotMatch']],
    ['another query', () => refused(sign('Action=CVProcess&Version=2022-08-31', body)), [401, 100010, 'SignatureDoesNotMatch']],
    ['an unsigned token', () => refused({ ...sign(query, body), 'x-security-token': 'x' }), [401, 100026, 'InvalidSecretToken']],
    ['a signature 901 s old', () => refused(sign(query, body, { at: now - 901_000 })), [400, 100006, 'InvalidTimestamp']],
    ['a signature 901 s ahead', () => refused(sign(query, body, { at: now + 901_000 })), [400, 100006, 'InvalidTimestamp']],
  ])('%s is refused by the gateway', async (_name, run, expected) => {
    expect(await run()).toEqual(expected);
    expect(jimeng.ledger.charges).toEqual([]);
  }); // prettier-ignore

  test('a signature lives 900 s, or as long as X-Expires says', async () => {
    expect((await post(query, body, sign(query, body, { at: now - 900_000 }))).code).toBe(10000);
    now += RUN_MS;
    const longer = `${query}&X-Expires=2000`;
    expect((await post(longer, body, sign(longer, body, { at: now - 1_900_000 }))).code).toBe(10000);
  });

  test('early failures repeat nothing of the request, later ones do', async () => {
    const early = await post('', body, {});
    expect(Object.keys(early.ResponseMetadata ?? {})).toEqual(['RequestId', 'Error']);
    const later = await post(query, body, sign(query, body, { secret: 'wrong' }));
    expect(later.ResponseMetadata).toMatchObject({ Action: 'CVSync2AsyncSubmitTask', Service: 'cv' });
  });

  test('temporary credentials need their token', async () => {
    await using temporary = await startJimengEmulator({ securityToken: 'STS==', now: () => now });
    const send = (headers: Record<string, string>): Promise<Told> =>
      act('CVSync2AsyncSubmitTask', { req_key: T2I, prompt: 'a' }, { target: temporary, headers });
    expect((await send({})).ResponseMetadata?.Error.CodeN).toBe(100026);
    expect((await send({ 'x-security-token': 'STS==' })).code).toBe(10000);
  });
});

describe('the envelope', () => {
  test('a success repeats its code and tells a Beijing request id and a Go duration', async () => {
    now = Date.UTC(2026, 10, 23, 20, 0, 0);
    const told = await submit();
    expect(told).toMatchObject({ http: 200, code: 10000, status: 10000, message: 'Success' });
    expect(told.request_id).toMatch(/^20261124040000[0-9A-F]{20}$/);
    expect(told.time_elapsed).toMatch(/^\d+(\.\d+)?(µs|ms|s)$/);
    expect(told.data).toEqual({ task_id: expect.stringMatching(/^\d{19}$/) });
  });

  test('an ampersand in a link is escaped in the raw text', async () => {
    const told = await draw();
    expect(told.raw).toContain(String.raw`\u0026x-signature=`);
    expect(told.raw).not.toContain('&');
  });

  test.each<[string, unknown, number, number]>([
    ['no JSON', '{', 400, 50204],
    ['a list', '[]', 400, 50204],
    ['no req_key', { prompt: 'a' }, 400, 50201],
    ['an invented req_key', { req_key: 'jimeng_t2i_v46', prompt: 'a' }, 401, 50400],
    ['no prompt', { req_key: T2I }, 400, 50201],
    ['a number for a prompt', { req_key: T2I, prompt: 7 }, 400, 50204],
  ])('%s is refused by the service', async (_name, fields, http, code) => {
    const told = await act('CVSync2AsyncSubmitTask', fields);
    expect(told).toMatchObject({ http, code, status: code, data: null });
  });

  test('a model that is not activated is refused', async () => {
    jimeng.account.notActivated.add(T2I);
    expect(await submit()).toMatchObject({
      http: 401,
      code: 50400,
      message: 'Access Denied: Internal Error',
    });
  });

  test('actions for other products refuse Jimeng models', async () => {
    expect(await act('CVSubmitTask', { req_key: T2I, prompt: 'a' })).toMatchObject({
      http: 401,
      code: 50400,
    });
  });
});

describe('parameters', () => {
  test.each<[string, Record<string, unknown>, number]>([
    [T2I, { width: 1024 }, 50200],
    [T2I, { width: 500, height: 1024 }, 50200],
    [T2I, { width: 2049, height: 1024 }, 50200],
    [T2I, { width: 2048, height: 512 }, 50200],
    [T2I, { width: '1024', height: 1024 }, 50204],
    [T2I, { seed: -2 }, 50200],
    [T2I, { seed: 1.5 }, 50204],
    [T2I, { use_pre_llm: 'yes' }, 50204],
    [I2I, {}, 50206],
    [I2I, { binary_data_base64: [] }, 50206],
    [I2I, { binary_data_base64: 'AAAA' }, 50204],
    [I2I, { binary_data_base64: ['data:image/png;base64,AAAA'] }, 50207],
    [I2I, { binary_data_base64: ['AAAA'] }, 50207],
    [I2I, { image_urls: ['https://unreachable.test/a.png'] }, 50207],
    [I2I, { image_urls: ['https://reachable.test/a.png'], scale: 1.5 }, 50200],
    [I2I, { image_urls: ['https://reachable.test/a.png'], width: 2017, height: 1024 }, 50200],
    [I2I, { image_urls: Array(2).fill('https://reachable.test/a.png') }, 50200],
    [V40, { size: 1_048_575 }, 50200],
    [V40, { size: 16_777_217 }, 50200],
    [V40, { width: 1023, height: 1024 }, 50200],
    [V40, { width: 4097, height: 4096 }, 50200],
    [V40, { width: 4096, height: 1024 }, 50200],
    [V40, { width: 1024 }, 50200],
    [V40, { scale: 2 }, 50200],
    [V40, { min_ratio: 17 }, 50200],
    [V40, { force_single: 'true' }, 50204],
    [V40, { image_urls: Array(11).fill('https://reachable.test/a.png') }, 50200],
    [V46, { scale: 0.5 }, 50204],
    [V46, { scale: 101 }, 50200],
    ['high_aes_general_v30l_zt2i', { scale: 11 }, 50200],
    [V21, { width: 1664, height: 928 }, 50200],
  ])('%s with %j is %i', async (model, fields, code) => {
    expect(await submit({ req_key: model, ...fields })).toMatchObject({ http: 400, code });
    expect(jimeng.ledger.charges).toEqual([]);
  });

  test('inputs are judged by their content', async () => {
    const send = async (bytes: Buffer): Promise<number | undefined> => {
      const told = await submit({ req_key: I2I, binary_data_base64: [bytes.toString('base64')] });
      now += RUN_MS;
      return told.code;
    };
    expect(await send(await picture(640, 480))).toBe(10000);
    expect(await send(await picture(640, 480, 'jpeg'))).toBe(10000);
    expect(await send(await picture(640, 480, 'webp'))).toBe(50200);
    expect(await send(await picture(4097, 2000))).toBe(50205);
    expect(await send(await picture(1000, 300))).toBe(50205);
    expect(await send(await picture(900, 300))).toBe(10000);
    expect(await send(Buffer.concat([await picture(64, 64), Buffer.alloc(4_700_000)]))).toBe(50205);
    expect(await send((await picture(640, 480)).subarray(0, 200))).toBe(50207);
  });

  test.each<[string, Record<string, unknown>, string]>([
    [T2I, {}, '1328x1328 jpeg'],
    [T2I, { width: 3024, height: 1296 }, '3024x1296 jpeg'],
    [T2I, { width: 1296, height: 3024 }, '1296x3024 jpeg'],
    [T2I, { width: 512, height: 1536, seed: -1 }, '512x1536 jpeg'],
    [I2I, { width: 1000, height: 1000 }, '1008x1008 jpeg'],
    [I2I, { width: 2016, height: 864 }, '1536x864 jpeg'],
    [V40, { width: 1024, height: 1792 }, '1024x1792 png'],
    [V40, {}, '2048x2048 png'],
    [V40, { size: 1_048_576, prompt: 'a cat, 16:9' }, '1365x768 png'],
    [V40, { size: 1_048_576, image_urls: ['https://reachable.test/a.png'] }, '1181x886 png'],
    [V40, { width: 4096, height: 1024, max_ratio: 4 }, '4096x1024 png'],
    [V46, { width: 1024, height: 1024, scale: 50 }, '1024x1024 png'],
    [V21, { width: 512, height: 384 }, '1024x768 jpeg'],
    [V21, { use_sr: false }, '512x512 jpeg'],
    ['seededit_v3.0', { image_urls: ['https://reachable.test/a.png'] }, '640x480 jpeg'],
  ])('%s with %j draws %s', async (model, fields, look) => {
    const input = model === I2I ? { image_urls: ['https://reachable.test/a.png'] } : {};
    expect(await lookOf(await draw({ req_key: model, force_single: true, ...input, ...fields }))).toBe(look);
  });

  test('every model can be submitted', async () => {
    const bytes = (await picture(640, 480)).toString('base64');
    for (const { reqKey, inputs } of JIMENG_MODELS) {
      const images = Array<string>(inputs?.min ?? 0).fill(bytes);
      expect([reqKey, (await submit({ req_key: reqKey, binary_data_base64: images })).code]).toEqual([
        reqKey,
        10000,
      ]);
    }
  });

  test('4.x makes a group and bills each picture unless it is told force_single', async () => {
    const small = { req_key: V40, size: 1_048_576 };
    expect((await draw(small)).data?.image_urls).toHaveLength(4);
    expect((await draw({ ...small, prompt: '3 images of a cat' })).data?.image_urls).toHaveLength(3);
    expect((await draw({ ...small, force_single: true })).data?.image_urls).toHaveLength(1);
    const inputs = Array(10).fill('https://reachable.test/a.png');
    const many = await draw({ ...small, prompt: '15张', image_urls: inputs });
    expect(many.data?.image_urls).toHaveLength(5);
    expect(jimeng.ledger.charges.map(({ images }) => images)).toEqual([4, 3, 1, 5]);
  });

  test('unknown fields are ignored', async () => {
    expect((await submit({ negative_prompt: 'dogs', nonsense: {} })).code).toBe(10000);
  });
});

describe('tasks', () => {
  test('a task waits, runs, is done, and is forgotten after 12 hours', async () => {
    const id = (await submit()).data?.task_id;
    const status = async (): Promise<string | undefined> => (await ask(id)).data?.status;
    expect(await status()).toBe('in_queue');
    now += RUN_MS / 2;
    expect(await status()).toBe('generating');
    now += RUN_MS / 2;
    expect(await status()).toBe('done');
    now += 12 * HOUR_MS - RUN_MS - 1;
    expect(await status()).toBe('done');
    now += 1;
    expect(await status()).toBe('not_found');
  });

  test('a task that is not done has no pictures', async () => {
    const told = await ask((await submit()).data?.task_id, T2I, { return_url: true });
    expect(told.data).toEqual({ status: 'in_queue', image_urls: null, binary_data_base64: null });
  });

  test('an unknown id, or one of another model, is a status inside a success', async () => {
    const { data } = await submit();
    expect(await ask('7392616336519610409')).toMatchObject({
      http: 200,
      code: 10000,
      data: { status: 'not_found' },
    });
    expect((await ask(data?.task_id, V40)).data?.status).toBe('not_found');
  });

  test('an unknown id may be switched to an error', async () => {
    await using strict = await startJimengEmulator({ unknownTask: 'error', now: () => now });
    const told = await act('CVSync2AsyncGetResult', { req_key: T2I, task_id: '1' }, { target: strict });
    expect(told).toMatchObject({ http: 400, code: 50215, data: null });
  });

  test('a task id is a string', async () => {
    expect((await ask(7392616336519610)).code).toBe(50204);
  });

  test.each(['{', '[]', 5])('req_json %j is no JSON object in a string', async (options) => {
    const told = await act('CVSync2AsyncGetResult', { req_key: T2I, task_id: '1', req_json: options });
    expect(told.code).toBe(50204);
  });

  test('pictures come as base64 unless links are asked for, and both ways in turn', async () => {
    const id = (await submit()).data?.task_id;
    now += RUN_MS;
    const inline = await ask(id);
    expect(inline.data).toMatchObject({
      image_urls: null,
      binary_data_base64: [expect.stringMatching(/^\/9j\//)],
    });
    const linked = await ask(id, T2I, { return_url: true });
    expect(linked.data).toMatchObject({ image_urls: [expect.any(String)], binary_data_base64: null });
    expect(await bytesOf(linked)).toEqual(await bytesOf(inline));
  });

  test('the same seed gives the same picture, another seed another one', async () => {
    const of = async (seed: number): Promise<Buffer> => bytesOf(await draw({ seed }, {}));
    const [first, second, third] = [await of(5), await of(5), await of(6)];
    expect(first.equals(second)).toBe(true);
    expect(first.equals(third)).toBe(false);
  });

  test('a link works for 24 hours, without credentials', async () => {
    const url = String((await draw()).data?.image_urls?.[0]);
    expect((await fetch(url, { headers: { authorization: 'x' } })).status).toBe(400);
    now += 24 * HOUR_MS - 1;
    expect((await fetch(url)).status).toBe(200);
    now += 1;
    expect((await fetch(url)).status).toBe(403);
  });

  test('the slot of a model is held from submission to end, and models do not share', async () => {
    expect((await submit()).code).toBe(10000);
    expect(await submit()).toMatchObject({
      http: 429,
      code: 50430,
      message: 'Request Has Reached API Concurrent Limit, Please Try Later',
    });
    expect((await submit({ req_key: V40 })).code).toBe(10000);
    now += RUN_MS;
    expect((await submit()).code).toBe(10000);
    jimeng.account.concurrency = 2;
    expect([(await submit()).code, (await submit()).code]).toEqual([10000, 50430]);
    expect(jimeng.ledger.charges).toHaveLength(4);
  });

  test('six submissions at once: one is taken', async () => {
    const codes = (await Promise.all(Array.from({ length: 6 }, () => submit()))).map(({ code }) => code);
    expect(codes.filter((code) => code === 10000)).toHaveLength(1);
    expect(codes.filter((code) => code === 50430)).toHaveLength(5);
    expect(jimeng.ledger.images).toBe(1);
  });

  test('queries are limited by the second', async () => {
    let clock = now;
    await using limited = await startJimengEmulator({ queriesPerSecond: 2, now: () => clock });
    const once = async (): Promise<number | undefined> =>
      (await act('CVSync2AsyncGetResult', { req_key: T2I, task_id: '1' }, { target: limited })).code;
    expect([await once(), await once(), await once()]).toEqual([10000, 10000, 50429]);
    clock += 1000;
    expect([await once(), await once(), await once()]).toEqual([10000, 10000, 50429]);
  });
});

describe('marks and labels', () => {
  /** The brightest value in each corner: the mark is white. */
  const bright = async (told: Told): Promise<boolean[]> => {
    const image = sharp(await bytesOf(told));
    const { width, height } = await image.metadata();
    const size = { width: Math.floor(width / 4), height: 120 };
    const corners = [
      { left: width - size.width, top: height - size.height },
      { left: 0, top: height - size.height },
      { left: 0, top: 0 },
      { left: width - size.width, top: 0 },
    ];
    return Promise.all(
      corners.map(async (corner) => {
        const raw = await sharp(await bytesOf(told))
          .extract({ ...corner, ...size })
          .png()
          .toBuffer();
        return (await sharp(raw).stats()).channels.every(({ max }) => max > 250);
      }),
    );
  };

  test.each([0, 1, 2, 3])('add_logo draws a mark at position %i', async (position) => {
    const told = await draw(
      { req_key: V40, force_single: true, size: 1_048_576, prompt: 'aaa' },
      { logo_info: { add_logo: true, position } },
    );
    expect(await bright(told)).toEqual([0, 1, 2, 3].map((place) => place === position));
  });

  test('without add_logo there is none, and another text or opacity is another picture', async () => {
    const of = async (logo_info: unknown): Promise<string> =>
      sha256((await bytesOf(await draw({ prompt: 'aaa' }, { logo_info }))).toString('hex'));
    const plain = await of({ add_logo: false });
    const marks = [{}, { language: 1 }, { opacity: 0.3 }, { logo_text_content: 'A & B <c>' }];
    const seen = [plain];
    for (const mark of marks) seen.push(await of({ add_logo: true, ...mark }));
    expect(new Set(seen).size).toBe(5);
  });

  const meta = {
    content_producer: '001191440300192203821610000',
    producer_id: 'img_1',
    propagate_id: 'img_1',
  };

  test('aigc_meta writes a record into PNG and JPEG, which stay whole', async () => {
    const png = await bytesOf(
      await draw({ req_key: V40, size: 1_048_576, force_single: true }, { aigc_meta: meta }),
    );
    const at = png.indexOf('iTXtAIGC\0', 0, 'latin1');
    const end = at + 4 + png.readUInt32BE(at - 4);
    expect(JSON.parse(inflateSync(png.subarray(at + 13, end)).toString())).toMatchObject({
      Label: '1',
      ContentProducer: meta.content_producer,
      ProduceID: 'img_1',
    });
    expect((await sharp(png, { failOn: 'warning' }).raw().toBuffer()).length).toBe(1024 * 1024 * 3);

    const jpeg = await bytesOf(await draw({}, { aigc_meta: meta }));
    const segment = jpeg.indexOf(Buffer.from([0xff, 0xeb]));
    const text = jpeg.subarray(segment + 4, segment + 2 + jpeg.readUInt16BE(segment + 2)).toString();
    expect(JSON.parse(text)).toMatchObject({ AIGC: { ProduceID: 'img_1', PropagateID: 'img_1' } });
    expect((await sharp(jpeg, { failOn: 'warning' }).raw().toBuffer()).length).toBe(1328 * 1328 * 3);
  });

  test.each([
    [{ content_producer: 'x' }, 50200],
    [{ ...meta, content_producer: 'x'.repeat(257) }, 50200],
    ['{}', 50204],
  ])('aigc_meta %j is %i', async (aigc_meta, code) => {
    expect((await draw({}, { aigc_meta })).code).toBe(code);
  });

  test('the 2025 edition did not demand a producer_id', async () => {
    await using older = await startJimengEmulator({ needsProducerId: false, now: () => now });
    const { data } = await act('CVSync2AsyncSubmitTask', { req_key: T2I, prompt: 'a' }, { target: older });
    const req_json = JSON.stringify({ aigc_meta: { content_producer: 'x' } });
    const told = await act(
      'CVSync2AsyncGetResult',
      { req_key: T2I, task_id: data?.task_id, req_json },
      { target: older },
    );
    expect(told.code).toBe(10000);
  });
});

describe('CVProcess', () => {
  const process = (fields: Record<string, unknown>, target: JimengEmulator): Promise<Told> =>
    act('CVProcess', { req_key: V21, prompt: 'a cat', ...fields }, { target });

  test('a v2.x model answers at once, as base64 or links, and is billed', async () => {
    await using quick = await startJimengEmulator({ now: () => now });
    const told = await process({}, quick);
    expect(told.data).toMatchObject({
      algorithm_base_resp: { status_code: 0, status_message: 'Success' },
      image_urls: null,
    });
    expect(await lookOf(told)).toBe('1024x1024 jpeg');
    expect(await lookOf(await process({ return_url: true, use_sr: false }, quick))).toBe('512x512 jpeg');
    expect(quick.ledger.charges).toHaveLength(2);
    expect((await process({ req_key: V40 }, quick)).code).toBe(50400);
    expect((await process({ prompt: '__50511__' }, quick)).code).toBe(50511);
    expect(quick.ledger.charges).toHaveLength(2);
  });

  test('it holds a slot while it draws', async () => {
    await using slow = await startJimengEmulator({ latencyMs: 60, now: () => now });
    const codes = (await Promise.all([process({}, slow), process({}, slow)])).map(({ code }) => code);
    expect(new Set(codes)).toEqual(new Set([10000, 50430]));
  });
});

describe('faults', () => {
  const atSubmission = ERROR_FAULTS.filter((name) => !RUN_FAULTS.includes(name));

  test.each(atSubmission)('%s is scripted and triggered by a prompt', async (name) => {
    const refusal = refusalOf({ fault: name })?.refusal;
    const codeOf = (told: Told): unknown => [
      told.http,
      told.code ?? told.ResponseMetadata?.Error.Code,
      told.message ?? told.ResponseMetadata?.Error.Message,
    ];
    const expected = [refusal?.status, refusal?.code, refusal?.message];
    jimeng.faults.set([{ fault: name }]);
    expect(codeOf(await submit())).toEqual(expected);
    expect(codeOf(await submit({ prompt: `a __${name}__ cat` }))).toEqual(expected);
    jimeng.faults.set([{ match: 'query', fault: name }]);
    expect(codeOf(await ask('1'))).toEqual(expected);
    expect(jimeng.ledger.charges).toEqual([]);
  });

  test.each(RUN_FAULTS)(
    '%s lets the submission pass and ends the task, unbilled, again and again',
    async (name) => {
      const code = Number(name.replace('run_', ''));
      const id = (await submit({ prompt: `a __${name}__ cat` })).data?.task_id;
      expect((await ask(id)).data?.status).toBe('in_queue');
      now += RUN_MS;
      expect(await ask(id)).toMatchObject({ code, data: null });
      expect(await ask(id)).toMatchObject({ code, data: null });
      expect(jimeng.ledger.charges).toEqual([]);
    },
  );

  test('__50511__once__ meets the first such prompt only', async () => {
    expect((await draw({ prompt: 'a __50511__once__ cat' })).code).toBe(50511);
    expect((await draw({ prompt: 'a __50511__once__ cat' })).data?.status).toBe('done');
    expect(jimeng.ledger.images).toBe(1);
  });

  test('__stuck__ never ends and keeps its slot', async () => {
    const id = (await submit({ prompt: '__stuck__' })).data?.task_id;
    now += HOUR_MS;
    expect((await ask(id)).data?.status).toBe('generating');
    expect((await submit()).code).toBe(50430);
    now += 12 * HOUR_MS;
    expect((await submit()).code).toBe(10000);
  });

  test.each([
    ['__expired__', { status: 'expired', image_urls: null }],
    ['__empty_done__', { status: 'done', image_urls: [] }],
  ])('%s ends with %j, unbilled', async (prompt, data) => {
    expect(await draw({ prompt })).toMatchObject({ http: 200, code: 10000, data });
    expect(jimeng.ledger.charges).toEqual([]);
  });

  test('__fewer_images__ delivers and bills one less', async () => {
    const told = await draw({ req_key: V40, size: 1_048_576, prompt: '3 images __fewer_images__' });
    expect([told.data?.image_urls?.length, jimeng.ledger.images]).toEqual([2, 2]);
  });

  test.each([
    ['unknown_status', 'post_processing'],
    ['stuck', 'generating'],
    ['expired', 'expired'],
    ['not_found', 'not_found'],
    ['empty_done', 'done'],
  ])('%s may be said of one query: %s', async (fault, status) => {
    const id = (await submit()).data?.task_id;
    now += RUN_MS;
    jimeng.faults.set([{ match: 'query', fault }]);
    expect((await ask(id)).data?.status).toBe(status);
    expect((await ask(id, T2I, { return_url: true })).data).toMatchObject({
      status: 'done',
      image_urls: [expect.any(String)],
    });
  });

  test.each([
    ['link_404', [404, 404]],
    ['link_500_once', [500, 200]],
    ['link_expired', [403, 403]],
    ['not_an_image', [200, 200]],
  ])('%s: the first two reads are %j', async (word, statuses) => {
    const url = String((await draw({ prompt: `a __${word}__ cat` })).data?.image_urls?.[0]);
    expect([(await fetch(url)).status, (await fetch(url)).status]).toEqual(statuses);
  });

  test('any error can be scripted in full, in either form', async () => {
    jimeng.faults.set([
      { fault: 'error', status: 429, code: '50429', message: 'short', retryAfter: 7 },
      { fault: 'error', status: 418, code: 'Teapot', message: 'hot' },
    ]);
    const query = 'Action=CVSync2AsyncSubmitTask&Version=2022-08-31';
    const body = JSON.stringify({ req_key: T2I, prompt: 'a' });
    const response = await fetch(`${jimeng.origin}/?${query}`, {
      method: 'POST',
      headers: sign(query, body),
      body,
    });
    expect([response.status, response.headers.get('retry-after')]).toEqual([429, '7']);
    expect(await response.json()).toMatchObject({ code: 50429, message: 'short' });
    expect(await submit()).toMatchObject({
      http: 418,
      ResponseMetadata: { Error: { Code: 'Teapot', Message: 'hot' } },
    });
  });

  test('a lost answer of a submission is charged', async () => {
    await expect(submit({ prompt: '__drop_after__' })).rejects.toThrow('fetch failed');
    await expect(submit({ prompt: '__drop_before__' })).rejects.toThrow('fetch failed');
    expect(jimeng.ledger.charges).toHaveLength(1);
  });
});
