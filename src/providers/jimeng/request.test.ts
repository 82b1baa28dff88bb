import { describe, expect, it } from 'vitest';
import { Secret } from '../../core/secret.ts';
import { callOf, reference } from '../contract/samples.ts';
import { toQueryBody, toRequest, toSubmitBody } from './request.ts';
import { authorizationOf, sha256 } from './sign.ts';

const call = callOf('jimeng_t2i_v40', { size: { width: 1024, height: 1792 } });

describe('the body of a submit', () => {
  it('always asks 4.x for one picture, because each of a group is billed', async () => {
    expect(await toSubmitBody({ ...call, images: 1 }, undefined)).toEqual({
      req_key: 'jimeng_t2i_v40',
      prompt: 'a cat',
      width: 1024,
      height: 1792,
      force_single: true,
    });
  });

  it('widens the ratio only where the usual one would refuse', async () => {
    const ratios = async (width: number, height: number) => {
      const body = await toSubmitBody({ ...call, size: { width, height } }, undefined);
      return [body.min_ratio, body.max_ratio];
    };
    expect(await ratios(3072, 1024)).toEqual([undefined, undefined]);
    expect(await ratios(3080, 1024)).toEqual([1 / 16, 15.9]);
    expect(await ratios(512, 4096)).toEqual([1 / 16, 15.9]);
  });

  it('lets 3.0 rewrite short prompts and leave long ones alone', async () => {
    const rewrites = async (prompt: string) =>
      (await toSubmitBody({ ...call, model: 'jimeng_t2i_v30', prompt }, undefined)).use_pre_llm;
    expect([await rewrites('猫'.repeat(120)), await rewrites('猫'.repeat(121))]).toEqual([true, false]);
  });

  it('writes the scale in the unit of the model', async () => {
    const scale = async (model: string, guidanceScale: number) =>
      (await toSubmitBody({ ...call, model, guidanceScale }, undefined)).scale;
    expect(await scale('jimeng_t2i_v40', 0.456)).toBe(0.46);
    expect(await scale('jimeng_t2i_v40', 0)).toBe(0);
    expect(await scale('jimeng_seedream46_cvtob', 0.456)).toBe(46);
    expect(await scale('jimeng_seedream46_cvtob', 0)).toBe(1);
    expect(await scale('high_aes_general_v30l_zt2i', 7.25)).toBe(7.25);
  });

  it('keeps a seed of 0', async () => {
    expect(await toSubmitBody({ ...call, model: 'jimeng_t2i_v30', seed: 0 }, undefined)).toMatchObject({
      seed: 0,
    });
  });

  it('sends a reference as bare base64, without the prefix that the vendor cannot decode', async () => {
    const body = await toSubmitBody({ ...call, model: 'jimeng_i2i_v30', hasReference: true }, reference);
    expect(body.binary_data_base64).toEqual(['AQID']);
    expect(body).not.toHaveProperty('force_single');
  });

  it('leaves mark, link and label to the query', async () => {
    const body = await toSubmitBody({ ...call, watermark: true }, undefined);
    expect(Object.keys(body)).toEqual(['req_key', 'prompt', 'width', 'height', 'force_single']);
  });
});

const handle = {
  req_key: 'jimeng_t2i_v30',
  task_id: '18446744073709551615',
  watermark: false,
  accepted_at_ms: 0,
};

describe('the body of a query', () => {
  it('holds its options as JSON within a text, and the id as a text beyond 2^63', () => {
    expect(JSON.stringify(toQueryBody({ ...handle, task_id: '7392616336519610409' }))).toBe(
      '{"req_key":"jimeng_t2i_v30","task_id":"7392616336519610409","req_json":"{\\"return_url\\":true,\\"logo_info\\":{\\"add_logo\\":false}}"}',
    );
    expect(toQueryBody(handle).task_id).toBe('18446744073709551615');
  });

  it('asks for the visible mark that the call was made with', () => {
    expect(JSON.parse(toQueryBody({ ...handle, watermark: true }).req_json)).toMatchObject({
      logo_info: { add_logo: true },
    });
  });
});

describe('a signed request', () => {
  const settings = {
    access_key_id: new Secret('AKLTexampleAccessKeyId0001'),
    secret_access_key: new Secret('ZXhhbXBsZS1zZWNyZXQta2V5LW5vdC1yZWFs=='),
  };
  const signed = (baseUrl: string) =>
    toRequest('CVSync2AsyncGetResult', toQueryBody({ ...handle, task_id: '7392616336519610409' }), {
      settings,
      http: { baseUrl, exchange: () => Promise.reject(new Error('not sent')) },
      nowMs: Date.UTC(2026, 0, 2, 3, 4, 5),
    });

  it('is that of vector G at the vendor', () => {
    expect(signed('https://visual.volcengineapi.com')).toMatchObject({
      method: 'POST',
      path: '/',
      query: { Action: 'CVSync2AsyncGetResult', Version: '2022-08-31' },
      headers: {
        'content-type': 'application/json',
        'x-content-sha256': '7154bde52e04bfe884bb10b8f2ed8b7fb8aa01b75c36e25e76da22bec3e16fef',
        'x-date': '20260102T030405Z',
        authorization: expect.stringMatching(
          /Signature=b66af361420ed03ec1284d38284913f7b88f160370f190c86240ca47362e465a$/,
        ),
      },
    });
  });

  it('covers host, port and path of another base URL', () => {
    const { headers, query = {}, body } = signed('http://proxy.test:8080/jimeng');
    const text = String(body);
    expect(headers['authorization']).toBe(
      authorizationOf({
        method: 'POST',
        path: '/jimeng/',
        query,
        headers: {
          'content-type': 'application/json',
          host: 'proxy.test:8080',
          'x-content-sha256': sha256(text),
          'x-date': '20260102T030405Z',
        },
        body: text,
        region: 'cn-north-1',
        service: 'cv',
        accessKeyId: settings.access_key_id.reveal(),
        secretAccessKey: settings.secret_access_key.reveal(),
      }),
    );
  });
});
