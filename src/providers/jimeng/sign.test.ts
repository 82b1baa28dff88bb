import { describe, expect, it } from 'vitest';
import { authorizationOf, canonicalRequest, sha256, toSignatureDate } from './sign.ts';
import type { SignedRequest } from './sign.ts';

/** Sheet section 3: fictitious keys, computed with the vendor's npm and Python signers and by hand. */
const accessKeyId = 'AKLTexampleAccessKeyId0001';
const secretAccessKey = 'ZXhhbXBsZS1zZWNyZXQta2V5LW5vdC1yZWFs==';
const date = '20260102T030405Z';
const scope = '20260102/cn-north-1/cv/request';
const submit =
  '{"req_key":"jimeng_t2i_v30","prompt":"一只戴墨镜的橘猫","seed":-1,"width":1328,"height":1328,"use_pre_llm":true}';
const query =
  '{"req_key":"jimeng_t2i_v30","task_id":"7392616336519610409","req_json":"{\\"return_url\\":true,\\"logo_info\\":{\\"add_logo\\":false}}"}';

const values = (body: string): Readonly<Record<string, string>> => ({
  'content-type': 'application/json',
  host: 'visual.volcengineapi.com',
  'x-content-sha256': sha256(body),
  'x-date': date,
  'x-security-token': 'STSexampleToken==',
});

const requestOf = (action: string, body: string, names: string): SignedRequest => ({
  method: 'POST',
  path: '/',
  query: { Version: '2022-08-31', Action: action },
  headers: Object.fromEntries(names.split(';').map((name) => [name, values(body)[name] ?? ''])),
  body,
  region: 'cn-north-1',
  service: 'cv',
  accessKeyId,
  secretAccessKey,
});

const vectors = [
  {
    vector: 'A',
    action: 'CVSync2AsyncSubmitTask',
    body: submit,
    names: 'x-content-sha256;x-date',
    canonical: '34356761d32b24ab5e9fa01fe4758fa1d4fd3af05cb25e982d77206dd5bc16cf',
    signature: 'e39db4af544a744c439a32f255e2c5c0bc6719156914968d2e0d259cb59ada17',
  },
  {
    vector: 'B',
    action: 'CVSync2AsyncSubmitTask',
    body: submit,
    names: 'host;x-content-sha256;x-date',
    canonical: '650486dccbf185eb240dd4a396a0baa121cb709e5f7c498ed1b78a027b97564a',
    signature: '65e74412cd094011f5f2f87f0eefe573e007cc53c3d513e3aa50e503acba4306',
  },
  {
    vector: 'C',
    action: 'CVSync2AsyncSubmitTask',
    body: submit,
    names: 'content-type;host;x-content-sha256;x-date',
    canonical: 'd983bb2bd218ac47d226ae5a16d6c6459489df65d63a6651f1cade57431ccb49',
    signature: 'e6d271fa52abf643a171fe1922173952b50e8d7daa4a8b5c0534cb640d1b9a48',
  },
  {
    vector: 'D, in an order that is not sorted',
    action: 'CVSync2AsyncSubmitTask',
    body: submit,
    names: 'host;x-date;x-content-sha256;content-type',
    canonical: '721fd980009337740c5f94a65be07eafcdf58a6b52deb977d47cd24918c8f0f8',
    signature: '003779d0bb2992c6469aaf571269bcd8cc978de5c1d5ba93d0ae0dc62e04dd5a',
  },
  {
    vector: 'E',
    action: 'CVSync2AsyncGetResult',
    body: query,
    names: 'host;x-content-sha256;x-date',
    canonical: 'e3b337bf44d1165def2b6ec3ba0b03bbd25c1629fa8055c3c419cf69bb3ac12d',
    signature: '7fcd14986074998642f74d3a339074955b4ed3a05ed53ad40177cc99206cd00b',
  },
  {
    vector: 'F, with a token',
    action: 'CVSync2AsyncSubmitTask',
    body: submit,
    names: 'host;x-content-sha256;x-date;x-security-token',
    canonical: '7b9dfbf1d80f21d0a26647e2a59bbefe8e2b582f1734fc2499a6941d48634963',
    signature: 'e81d5d4133e61c5436df412ee90769806e90a832f7b3f1693fba383d87523207',
  },
  {
    vector: 'G',
    action: 'CVSync2AsyncGetResult',
    body: query,
    names: 'content-type;host;x-content-sha256;x-date',
    canonical: 'fa05a3543d3bceebf1e9ac3b05a6346ef2f1e563e8d533c06bfab593400a59f3',
    signature: 'b66af361420ed03ec1284d38284913f7b88f160370f190c86240ca47362e465a',
  },
];

describe('the signature of Volcengine', () => {
  it('starts from the documented digests of the bodies', () => {
    expect([Buffer.byteLength(submit), sha256(submit)]).toEqual([
      120,
      '105ae468700706fc64ab01dd8f1c79f41fa125c68850da1a01c5566f66bf04ba',
    ]);
    expect([Buffer.byteLength(query), sha256(query)]).toEqual([
      130,
      '7154bde52e04bfe884bb10b8f2ed8b7fb8aa01b75c36e25e76da22bec3e16fef',
    ]);
  });

  it.each(vectors)('is that of vector $vector', ({ action, body, names, canonical, signature }) => {
    const request = requestOf(action, body, names);
    expect(sha256(canonicalRequest(request))).toBe(canonical);
    expect(authorizationOf(request)).toBe(
      `HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}`,
    );
  });

  it('has the canonical request of vector C, to the letter', () => {
    const request = requestOf('CVSync2AsyncSubmitTask', submit, 'content-type;host;x-content-sha256;x-date');
    expect(canonicalRequest(request)).toBe(
      [
        'POST',
        '/',
        'Action=CVSync2AsyncSubmitTask&Version=2022-08-31',
        'content-type:application/json',
        'host:visual.volcengineapi.com',
        'x-content-sha256:105ae468700706fc64ab01dd8f1c79f41fa125c68850da1a01c5566f66bf04ba',
        'x-date:20260102T030405Z',
        '',
        'content-type;host;x-content-sha256;x-date',
        '105ae468700706fc64ab01dd8f1c79f41fa125c68850da1a01c5566f66bf04ba',
      ].join('\n'),
    );
  });

  it('is that of another project for another service', () => {
    const request = {
      method: 'POST',
      path: '/',
      query: { Action: 'ListBill', Version: '2022-01-01' },
      headers: { host: 'billing.volcengineapi.com', 'x-date': '20250329T180937Z' },
      body: '{"Limit":10,"BillPeriod":"2023-08"}',
      region: 'cn-beijing',
      service: 'billing',
      accessKeyId: 'test-access-key-id-not-a-secret',
      secretAccessKey: 'test-secret-access-key-not-a-secret',
    };
    expect(authorizationOf(request)).toMatch(
      /Signature=23c760c81af856b1cc3d978f7c66ad90c097abc2add030c36a35193e133a5a0e$/,
    );
  });

  it('escapes a query by RFC 3986', () => {
    const request = { ...requestOf('a', '', 'x-date'), query: { b: "a b*(')~", a: 'é/' } };
    expect(canonicalRequest(request).split('\n')[2]).toBe('a=%C3%A9%2F&b=a%20b%2A%28%27%29~');
  });

  it('needs a date', () => {
    expect(() => authorizationOf(requestOf('a', '', 'host'))).toThrow('x-date');
    expect(toSignatureDate(Date.UTC(2026, 0, 2, 3, 4, 5, 678))).toBe(date);
  });
});
