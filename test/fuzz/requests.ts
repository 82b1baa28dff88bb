/** What the fuzz sends: requests that are nearly right, and bytes that are hardly HTTP. */
import fc from 'fast-check';
import document from '../../openapi.json' with { type: 'json' };

/** A request over a proper client. */
export interface FuzzRequest {
  readonly method: string;
  /** Address with `{name}` where an id goes that only the running fuzz knows. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
}

interface Operation {
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly schema: Schema;
  }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
}

const schemas = document.components.schemas as unknown as Readonly<Record<string, Schema>>;
const resolve = (schema: Schema): Schema =>
  schema.$ref === undefined ? schema : (schemas[schema.$ref.split('/').at(-1) ?? ''] ?? {});

/** Texts that have broken somebody's program. */
const nasty = fc.constantFrom(
  '',
  ' ',
  '\0',
  '\u202E\u200B\uFEFF',
  '\uD800',
  '\u{1F3A8}'.repeat(300),
  'é'.normalize('NFD').repeat(50),
  "' OR 1=1; --",
  '%',
  '_%',
  '%00',
  '%2e%2e%2f',
  '../../etc/passwd',
  '${jndi:ldap://x}',
  '{{7*7}}',
  '<script>alert(1)</script>',
  '__proto__',
  'constructor',
  'toString',
  '\r\nX-Evil: 1',
  'null',
  'NaN',
  '1e400',
  '-0',
  '9'.repeat(400),
  '[sandbox:fail=internal_error]',
  'a'.repeat(70_000),
);

const addresses = fc.constantFrom(
  'http://127.0.0.1:9/',
  'http://[::1]:9/',
  'http://no-such-host.invalid/x.png',
  'file:///etc/passwd',
  'data:image/png;base64,AAAA',
  `data:image/png;base64,${'A'.repeat(100_000)}`,
  'data:,',
  'https://user:password@example.invalid/',
  'http://\u0000/',
  '<string>',
);

const anyText = fc.oneof(nasty, addresses, fc.string({ unit: 'binary' }), fc.string());

const nested = fc
  .tuple(fc.constantFrom('[', '{"a":'), fc.integer({ min: 1, max: 20_000 }))
  .map(([opening, depth]) => opening.repeat(depth));

/** A value that is often what the schema wants. */
const valueOf = (given: Schema, depth = 0): fc.Arbitrary<unknown> => {
  const schema = resolve(given);
  const fitting: fc.Arbitrary<unknown>[] = [];
  if (schema.enum !== undefined) fitting.push(fc.constantFrom(...schema.enum));
  if (schema.type === 'integer' || schema.type === 'number') {
    fitting.push(
      fc.integer({ min: (schema.minimum ?? 0) - 1, max: Math.min((schema.maximum ?? 10) + 1, 2 ** 32) }),
    );
  }
  if (schema.type === 'boolean') fitting.push(fc.boolean());
  if (schema.type === 'string') fitting.push(anyText);
  if (schema.items !== undefined && depth < 3)
    fitting.push(fc.array(valueOf(schema.items, depth + 1), { maxLength: 4 }));
  for (const one of schema.anyOf ?? []) if (depth < 3) fitting.push(valueOf(one, depth + 1));
  if (schema.properties !== undefined && depth < 3) fitting.push(objectOf(schema, depth + 1));
  const wrong = fc.oneof(fc.jsonValue(), anyText, fc.double(), fc.constant(null));
  return fitting.length === 0
    ? wrong
    : fc.oneof({ weight: 5, arbitrary: fc.oneof(...fitting) }, { weight: 1, arbitrary: wrong });
};

/** What makes a body good when nothing else is wrong with it. */
const good: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  model: fc.constantFrom('seedream-3.0', 'dall-e-3', 'sandbox', 'jimeng', 'keling'),
  prompt: fc.oneof(fc.constant('A red fox'), fc.string({ unit: 'grapheme', minLength: 1 })),
  size: fc.constantFrom('1024x1024', '512x512', '1x1', '99999x99999', 'auto'),
  n: fc.constantFrom(1, 1, 1, 2, 0, 5, 1.5),
  url: addresses,
  webhook_url: addresses,
  role: fc.constantFrom('user', 'admin', 'god'),
  image: addresses,
};

const objectOf = (given: Schema, depth = 0): fc.Arbitrary<object> => {
  const properties = resolve(given).properties ?? {};
  const fields = Object.entries(properties).map(([name, schema]) => {
    const known = good[name];
    const value =
      known === undefined
        ? valueOf(schema, depth)
        : fc.oneof({ weight: 6, arbitrary: known }, { weight: 1, arbitrary: valueOf(schema, depth) });
    return [name, value] as const;
  });
  const likely = Object.keys(properties).filter((name) => ['model', 'prompt', 'name', 'role'].includes(name));
  const body = fc.record(Object.fromEntries(fields), { requiredKeys: [] });
  const needed = fc.record(Object.fromEntries(fields.filter(([name]) => likely.includes(name))), {
    requiredKeys: [],
  });
  const extra = fc.dictionary(fc.oneof(nasty, fc.string()), fc.jsonValue(), { maxKeys: 2 });
  return fc.oneof(
    { weight: 6, arbitrary: fc.tuple(body, needed).map(([one, other]) => ({ ...one, ...other })) },
    { weight: 1, arbitrary: fc.tuple(body, extra).map(([one, other]) => ({ ...one, ...other })) },
  );
};

const jsonBody = (schema: Schema): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 12, arbitrary: objectOf(schema).map((value) => JSON.stringify(value)) },
    { weight: 1, arbitrary: fc.json() },
    { weight: 1, arbitrary: nested },
    { weight: 1, arbitrary: anyText },
    {
      weight: 1,
      arbitrary: fc
        .tuple(objectOf(schema), fc.nat(200))
        .map(([value, at]) => JSON.stringify(value).slice(0, at)),
    },
  );

const boundary = 'x-fuzz';
const part = fc
  .tuple(
    fc.constantFrom('model', 'prompt', 'image', 'image[]', 'n', 'mask', '', '"'),
    fc.option(fc.constantFrom('a.png', '../a', '')),
    anyText,
  )
  .map(
    ([name, file, value]) =>
      `--${boundary}\r\ncontent-disposition: form-data; name="${name}"${file === null ? '' : `; filename="${file}"`}\r\n\r\n${value}\r\n`,
  );
const formBody = fc
  .tuple(fc.array(part, { maxLength: 6 }), fc.boolean())
  .map(([parts, isEnded]) => parts.join('') + (isEnded ? `--${boundary}--\r\n` : ''));

/** A text that a header can carry. */
const headerText = anyText.map((text) =>
  text
    .replaceAll(/[^\x20-\x7E\x80-\xFF]/g, '')
    .slice(0, 2_000)
    .trim(),
);

const headersOf = (names: readonly string[]): fc.Arbitrary<Readonly<Record<string, string>>> =>
  fc
    .tuple(
      fc.record(
        Object.fromEntries(
          [
            ...names,
            'prefer',
            'if-none-match',
            'last-event-id',
            'range',
            'origin',
            'x-forwarded-for',
            'accept',
            'x-stainless-retry-count',
            'idempotency-key',
            'forwarded',
            'cookie',
            'accept-encoding',
          ].map((name) => [
            name,
            fc.oneof(
              headerText,
              fc.constantFrom(
                'wait=0',
                'respond-async',
                'bytes=0-1',
                'bytes=-1',
                '*',
                '"x"',
                '3',
                'https://app.example',
              ),
            ),
          ]),
        ),
        { requiredKeys: [] },
      ),
      // The fuzz puts its key in the place of `KEY`.
      fc.oneof(
        { weight: 8, arbitrary: fc.constant('Bearer KEY') },
        { weight: 1, arbitrary: headerText },
        {
          weight: 1,
          arbitrary: fc.constantFrom('', 'Basic S0VZ', 'Bearer', 'bearer  KEY ', "Bearer ' OR 1=1--"),
        },
      ),
    )
    .map(([headers, authorization]) => ({
      ...headers,
      ...(headers['prefer']?.includes('wait') === true && { prefer: 'wait=0' }),
      ...(authorization !== '' && { authorization }),
    }));

const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({
    path,
    method,
    operation: operation as unknown as Operation,
  })),
);

const requestOf = ({ path, method, operation }: (typeof operations)[number]): fc.Arbitrary<FuzzRequest> => {
  const parameters = operation.parameters ?? [];
  const query = parameters.filter((parameter) => parameter.in === 'query');
  const content = operation.requestBody?.content ?? {};
  const schema = content['application/json']?.schema;
  const isForm = content['multipart/form-data'] !== undefined;
  const inPath = fc.oneof(
    { weight: 3, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: anyText },
  );
  const body: fc.Arbitrary<{ readonly type?: string; readonly text?: string }> = fc.oneof(
    ...(schema === undefined ? [fc.constant({})] : []),
    ...(schema === undefined ? [] : [jsonBody(schema).map((text) => ({ type: 'application/json', text }))]),
    ...(isForm
      ? [formBody.map((text) => ({ type: `multipart/form-data; boundary=${boundary}`, text }))]
      : []),
    ...(schema === undefined ? [] : [fc.tuple(headerText, anyText).map(([type, text]) => ({ type, text }))]),
  );
  return fc
    .record({
      method: fc.oneof(
        { weight: 12, arbitrary: fc.constant(method.toUpperCase()) },
        { weight: 1, arbitrary: fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS') },
      ),
      inPath,
      query: fc.record(
        Object.fromEntries([
          ...query.map(({ name, schema: wanted }) => [name, valueOf(wanted).map(String)] as const),
          ['x', anyText],
        ]),
        { requiredKeys: [] },
      ),
      headers: headersOf(parameters.filter((parameter) => parameter.in === 'header').map(({ name }) => name)),
      body,
    })
    .map(({ method: used, inPath: value, query: pairs, headers, body: { type, text } }) => {
      const search = new URLSearchParams(Object.entries(pairs as Record<string, string>)).toString();
      const filled =
        value === undefined
          ? path
          : path.replaceAll(/\{\w+\}/g, () => encodeURIComponent(value.toWellFormed()));
      const isBodiless = used === 'GET' || used === 'HEAD';
      return {
        method: used,
        path: filled + (search === '' || value !== undefined ? '' : `?${search}`),
        headers: { ...headers, ...(!isBodiless && type !== undefined && { 'content-type': type }) },
        ...(!isBodiless && text !== undefined && { body: text }),
      };
    });
};

/** Any request to any route of `openapi.json`, and to some that are not in it. */
export const requests: fc.Arbitrary<FuzzRequest> = fc.oneof(
  ...operations.map((operation) => requestOf(operation)),
  fc.record({
    method: fc.constantFrom('GET', 'POST', 'OPTIONS', 'DELETE'),
    path: fc.oneof(
      fc.constantFrom(
        '/mcp',
        '/docs',
        '/docs/',
        '/openapi.json',
        '/console',
        '/openai/deployments/dall-e-3/images/generations',
        '/v1/../admin/v1/keys',
        '//',
        '/%zz',
        '/.env',
      ),
      fc.webPath(),
    ),
    headers: headersOf([]),
  }),
  jsonBody({}).chain((body) =>
    headersOf([]).map((headers) => ({
      method: 'POST',
      path: '/mcp',
      headers: {
        ...headers,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
      },
      body,
    })),
  ),
);

const rawPaths = fc.constantFrom(
  '/healthz',
  '/v1/models',
  '/v1/images/generations',
  '/openai/v1/images/edits',
  '/files/img_0.png',
  '/metrics',
  '/%',
  '*',
  'http://evil.example/v1/models',
  '/'.repeat(3_000),
);
const rawHeader = fc.oneof(
  fc.constantFrom(
    'Host: a',
    'Host: b',
    'Authorization: Bearer KEY',
    'Content-Length: 5',
    'Content-Length: 0',
    'Content-Length: -1',
    'Content-Length: 5, 5',
    'Content-Length: 99999999999999999999',
    'Transfer-Encoding: chunked',
    'Transfer-Encoding: identity, chunked',
    'Transfer-Encoding : chunked',
    'transfer-encoding: xchunked',
    'Expect: 100-continue',
    'Expect: nonsense',
    'Upgrade: websocket',
    'Upgrade: h2c',
    'Connection: upgrade',
    'Connection: keep-alive',
    'Content-Type: application/json',
    'Content-Type: multipart/form-data; boundary=x',
    ': nameless',
    'folded: a\r\n b',
    'no colon',
  ),
  fc.string({ unit: 'binary', maxLength: 40 }),
);
const rawBody = fc.oneof(
  fc.constantFrom(
    '',
    'hello',
    '5\r\nhello\r\n0\r\n\r\n',
    'ffffffffffffffff\r\n',
    '0\r\n\r\n',
    '-1\r\n\r\n',
    '5;x=y\r\nhello\r\n0\r\nA: b\r\n\r\n',
    '{"model":"sandbox","prompt":"x"}',
  ),
  fc.string({ unit: 'binary', maxLength: 100 }),
);
const rawRequest = fc
  .tuple(
    fc.oneof(
      fc.constantFrom('GET', 'POST', 'DELETE', 'OPTIONS', 'CONNECT', 'TRACE', 'get', 'QUERY', 'G\0T'),
      fc.string({ maxLength: 8 }),
    ),
    rawPaths,
    fc.constantFrom('HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0', 'HTTP/2.0', 'HTTP/0.9', ''),
    fc.array(rawHeader, { maxLength: 8 }),
    rawBody,
  )
  .map(([method, path, version, headers, body]) =>
    [`${method} ${path} ${version}`, 'Host: a', ...headers, '', body].join('\r\n'),
  );

/** Bytes for one connection, in the pieces that they are sent in: several requests one after another, or nonsense. */
export const conversations: fc.Arbitrary<readonly Buffer[]> = fc
  .tuple(
    fc.oneof(
      {
        weight: 6,
        arbitrary: fc
          .array(rawRequest, { minLength: 1, maxLength: 12 })
          .map((all) => Buffer.from(all.join(''), 'latin1')),
      },
      {
        weight: 1,
        arbitrary: fc.uint8Array({ minLength: 1, maxLength: 2_000 }).map((bytes) => Buffer.from(bytes)),
      },
    ),
    fc.integer({ min: 1, max: 400 }),
  )
  .map(([bytes, length]) =>
    Array.from({ length: Math.min(Math.ceil(bytes.length / length), 20) }, (_, place, last = 19) =>
      bytes.subarray(place * length, place === last ? undefined : (place + 1) * length),
    ),
  );
