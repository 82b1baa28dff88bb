/** Secrets are planted wherever one can be configured, upstreams hand back what they were sent, and nothing shows it. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Server } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TaskView } from '../src/http/routes/generations/schema.ts';
import { createDataFolder, type DataFolder } from './support/data-folder.ts';
import { eventually } from './support/eventually.ts';
import { type LimnerProcess, spawnLimner, startLimner } from './support/limner-process.ts';
import { startWebhookReceiver, type WebhookReceiver } from './support/webhook-receiver.ts';

/** Every variable that holds a secret, and another in the file. */
const secrets: Readonly<Record<string, string>> = {
  ARK_API_KEY: 'planted-ark-0d9f3a',
  VOLC_ACCESS_KEY_ID: 'planted-volc-id-77ab12',
  VOLC_SECRET_ACCESS_KEY: 'planted-volc-secret-5c1e90',
  KLING_API_KEY: 'planted-kling-1b2c3d',
  OPENAI_API_KEY: 'planted-openai-9e8d7c',
  MODERATION_KEY: 'planted-moderation-4f5a6b',
  LIMNER_API_KEY: 'planted-limner-6a7b8c9d',
};
const models = ['seedream-3.0', 'jimeng', 'keling', 'dall-e-3'];

const planted = Object.values(secrets);
/** Signatures and tokens that were made of a secret and sent. */
const derived = new Set<string>();

const portOf = async (server: Server): Promise<number> => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
};

/** Where an upstream leads those who follow it; what arrives there has been led astray. */
const astray: string[] = [];
const elsewhere = createTcpServer((socket) => {
  socket.on('data', (bytes) => {
    astray.push(bytes.toString('latin1'));
    socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}');
  });
});
let elsewherePort = 0;

/** Plays every vendor, and hands back all that it was told. */
const answerAll = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
  const body = await text(request);
  for (const value of [request.headers.authorization, request.headers['x-date']].flat()) {
    for (const word of value?.split(/[\s,=]+/) ?? []) if (word.length > 40) derived.add(word);
  }
  if (request.url?.endsWith('/moderations')) {
    response.end(JSON.stringify({ results: [{ flagged: body.includes('flag me') }] }));
    return;
  }
  if (body.includes('lead me astray')) {
    response.writeHead(307, { location: `http://127.0.0.1:${elsewherePort}/take` }).end();
    return;
  }
  const told = JSON.stringify(request.headers);
  // A credential as it was sent: the token, or the id of the key.
  const key = planted.find((secret) => told.includes(secret)) ?? '';
  const status = body.includes('refuse me') ? 401 : 400;
  response.writeHead(status, { 'content-type': 'application/json', 'x-request-id': key }).end(
    JSON.stringify({
      error: { code: key, message: `Wrong: ${told} ${key}`, type: key, param: told },
      code: status === 401 ? 1002 : 1201,
      status: 10_000,
      message: `Wrong: ${told}`,
      request_id: key,
      ResponseMetadata: { RequestId: key, Error: { Code: key, Message: told } },
    }),
  );
};
const upstream = createServer((request, response) => void answerAll(request, response));

let folder: DataFolder;
let limner: LimnerProcess;
let receiver: WebhookReceiver;
let env: Record<string, string>;
const answers: string[] = [];
beforeAll(async () => {
  elsewherePort = await portOf(elsewhere);
  const base = `http://127.0.0.1:${await portOf(upstream)}`;
  receiver = await startWebhookReceiver();
  folder = await createDataFolder();
  const files = await Promise.all(
    Object.entries(secrets).map(async ([name, value]) => {
      const file = join(folder.path, `${name}.secret`);
      await writeFile(file, `${value}\n`);
      return [`${name}_FILE`, file] as const;
    }),
  );
  const config = join(folder.path, 'limner.yaml');
  await writeFile(
    config,
    `content_policy: { moderation: { url: '${base}/moderations', api_key: "\${MODERATION_KEY}" } }\ntask_deadline: 4s\n`,
  );
  env = {
    ...Object.fromEntries(files),
    LIMNER_API_KEY: '',
    LIMNER_CONFIG: config,
    LIMNER_LOG_LEVEL: 'trace',
    LIMNER_FETCH_ALLOW: receiver.host,
    ARK_BASE_URL: base,
    JIMENG_BASE_URL: base,
    KLING_BASE_URL: base,
    OPENAI_BASE_URL: base,
  };
  limner = await startLimner({ dataDir: join(folder.path, 'data'), env });
}, 60_000);
afterAll(async () => {
  await limner.stop();
  await receiver[Symbol.asyncDispose]();
  for (const server of [upstream, elsewhere]) server.close();
  await folder[Symbol.asyncDispose]();
});

/** Asks as the administrator, and keeps the whole answer, headers too. */
const ask = async (method: string, path: string, body?: object): Promise<string> => {
  const answer = await fetch(`${limner.url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${secrets['LIMNER_API_KEY']}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const content = await answer.text();
  answers.push(`${method} ${path} ${answer.status} ${JSON.stringify([...answer.headers])} ${content}`);
  return content;
};

/** What stands around a secret that a text holds; empty when it holds none. */
const found = (content: string): string => {
  for (const secret of [...planted, ...derived]) {
    const at = content.indexOf(secret);
    if (at !== -1) return content.slice(Math.max(0, at - 120), at + 60);
  }
  return '';
};

test('a whole life of tasks that all go wrong', { timeout: 90_000 }, async () => {
  const ids: string[] = [];
  for (const model of models) {
    for (const prompt of ['a fox', 'refuse me', 'lead me astray', 'flag me']) {
      const made = await ask('POST', '/v1/images/generations', { model, prompt, webhook_url: receiver.url });
      const { task_id: id } = JSON.parse(made) as TaskView;
      if (prompt !== 'flag me') ids.push(id);
    }
    await ask('POST', '/openai/v1/images/generations', { model, prompt: 'a fox', n: 1 });
  }
  expect(ids.every((id) => id.startsWith('task_'))).toBe(true);
  await Promise.all(ids.map((id) => ask('GET', `/v1/images/generations/${id}/events`)));
  for (const id of ids) expect(await ask('GET', `/v1/images/generations/${id}`)).toContain('"failed"');
  await eventually(async () => (receiver.received.length >= ids.length ? true : undefined), 'all are told');
  // What the vendors were asked with, so that this test can fail.
  expect(derived.size).toBeGreaterThan(0);
});

test('is sent to no other host', () => {
  expect(astray).toEqual([]);
});

test('shows in no answer', async () => {
  for (const path of [
    '/v1/images/generations?limit=100',
    '/v1/models',
    '/v1/usage',
    '/v1/webhooks/endpoints',
    '/v1/webhooks/deliveries?limit=100',
    '/v1/webhooks/signing-secret',
    '/admin/v1/keys',
    '/admin/v1/usage',
    '/admin/v1/audit',
    '/metrics',
    '/readyz',
    '/healthz',
    '/openapi.json',
    '/docs',
    '/openai/v1/models',
    `/v1/nothing?key=x`,
  ]) {
    await ask('GET', path);
  }
  expect(found(answers.join('\n'))).toBe('');
});

test('shows in no webhook', () => {
  expect(found(receiver.received.map(({ body, headers }) => body + JSON.stringify(headers)).join('\n'))).toBe(
    '',
  );
});

test('shows in no line of the log, at any level', () => {
  const log = limner.output();
  expect(log).toContain('"level":"debug"');
  expect(found(log)).toBe('');
});

test('lies in no row and no file', async () => {
  const data = join(folder.path, 'data');
  const files = (await readdir(data, { recursive: true, withFileTypes: true })).filter((file) =>
    file.isFile(),
  );
  expect(files.map(({ name }) => name)).toContain('limner.db');
  for (const file of files) {
    const content = await readFile(join(file.parentPath, file.name), 'latin1');
    expect(found(content)).toBe('');
  }
});

describe.concurrent('the command line', { timeout: 60_000 }, () => {
  const run = async (args: readonly string[], more: Record<string, string> = {}): Promise<string> => {
    const { ended, output } = spawnLimner({
      dataDir: join(folder.path, 'other'),
      env: { ...env, ...more },
      command: ['src/main.ts', ...args],
    });
    await ended;
    return output();
  };

  test.each([
    ['config', 'show'],
    ['config', 'show', '--json'],
    ['config', 'check'],
    ['config', 'schema'],
    ['keys', 'list'],
    ['doctor', '--json'],
  ])('%s %s %s', async (...args) => {
    const output = await run(args.filter((arg) => typeof arg === 'string'));
    expect(output.length).toBeGreaterThan(10);
    expect(found(output)).toBe('');
  });

  test.each<[string, Record<string, string>]>([
    ['a database that is away', { DATABASE_URL: 'postgres://limner:planted-ark-0d9f3a@127.0.0.1:1/limner' }],
    ['an address of no database', { DATABASE_URL: 'mysql://limner:planted-ark-0d9f3a@127.0.0.1:1/limner' }],
    ['a key with a space', { LIMNER_API_KEY_FILE: '', LIMNER_API_KEY: 'planted-ark-0d9f3a and more' }],
    ['a secret twice', { ARK_API_KEY: 'planted-ark-0d9f3a' }],
  ])('tells of %s without telling it', async (_what, more) => {
    const output = await run(['serve'], more);
    expect(output.length).toBeGreaterThan(10);
    expect(found(output)).toBe('');
  });
});

test('a process that dies of a fault tells no secret', async () => {
  const file = join(folder.path, 'broken.yaml');
  await writeFile(file, `providers: { ark: { api_key: planted-ark-0d9f3a, nonsense: planted-ark-0d9f3a\n  ]`);
  const { ended, output } = spawnLimner({
    dataDir: join(folder.path, 'third'),
    env: { ...env, LIMNER_CONFIG: file },
  });
  expect((await ended).code).not.toBe(0);
  expect(found(output())).toBe('');
});
