import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../test/support/eventually.ts';
import { createProgram } from '../main/program.ts';
import { runCli } from './run-cli.ts';

const written = () => {
  const chunks: string[] = [];
  const waiting: { readonly pattern: RegExp; readonly found: (match: string) => void }[] = [];
  return {
    write: (text: string) => {
      chunks.push(text);
      for (const { pattern, found } of waiting) {
        const match = pattern.exec(chunks.join(''))?.[1];
        if (match !== undefined) found(match);
      }
    },
    text: () => chunks.join(''),
    /** What the pattern's group matches, as soon as it is there. */
    see: (pattern: RegExp) => new Promise<string>((found) => waiting.push({ pattern, found })),
  };
};

const folders: string[] = [];
const newFolder = async (): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'limner-cli-'));
  folders.push(folder);
  return folder;
};
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true }))));

/** A command line in a folder; what it writes is kept. */
const start = (cwd: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) => {
  const [stdout, stderr, stop] = [written(), written(), new AbortController()];
  const exitCode = runCli(args, {
    env,
    cwd,
    version: '1.2.3',
    stdout,
    stderr,
    interrupted: stop.signal,
    program: createProgram(stdout),
  });
  return { stdout, stderr, stop, exitCode };
};

const run = async (cwd: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) => {
  const { stdout, stderr, exitCode } = start(cwd, args, env);
  return { code: await exitCode, out: stdout.text(), err: stderr.text() };
};

describe('the command line itself', () => {
  it('tells its version', async () => {
    expect(await run('/', ['--version'])).toEqual({ code: 0, out: '1.2.3\n', err: '' });
  });

  it.each([
    [['genrate'], /unknown command 'genrate'[\s\S]*Did you mean generate\?/],
    [['generate'], /missing required argument 'prompt'/],
    [['serve', '--role', 'api'], /set DATABASE_URL/],
    [['serve', '--role', 'cook'], /--role wants all, api or worker, not cook/],
    [['generate', 'x', '-n', 'two'], /-n wants a number, not two/],
    [['generate', 'x', '-r', 'nowhere.png'], /The reference nowhere\.png cannot be read/],
    [['keys', 'create', 'x', '--role', 'cook'], /--role wants one of user, admin, not cook/],
    [['keys', 'create', 'x', '--images-per-day', 'many'], /--images-per-day wants a whole number or none/],
    [['keys', 'create', 'x', '--budget', '25'], /--budget wants an amount such as 25USD\/month/],
    [['keys', 'create', 'x', '--expires', 'soon'], /--expires wants a date/],
    [['keys', 'update', 'key_0'], /Say what is to change/],
    [['keys', 'rotate', 'key_0', '--overlap', 'long'], /--overlap wants a duration/],
  ])('%j ends with 2 and says why', async (args, message) => {
    const { code, err } = await run(await newFolder(), args);
    expect(code).toBe(2);
    expect(err).toMatch(message);
  });

  it('wants an address in LIMNER_URL', async () => {
    const { code, err } = await run('/', ['models'], { LIMNER_URL: 'localhost:8787' });
    expect(code).toBe(2);
    expect(err).toContain('LIMNER_URL wants an address');
  });

  it('says when nobody answers', async () => {
    const { code, err } = await run('/', ['models'], { LIMNER_URL: 'http://127.0.0.1:9' });
    expect(code).toBe(1);
    expect(err).toContain('http://127.0.0.1:9 does not answer');
  });
});

describe('config', () => {
  it('check tells every fault at once and ends with 2', async () => {
    const folder = await newFolder();
    await writeFile(
      join(folder, 'limner.yaml'),
      'server: { prot: 1 }\nproviders: { ark: { api_key: [hush] } }\n',
    );
    const { code, out, err } = await run(folder, ['config', 'check'], { LIMNER_PORT: 'x' });
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err.split('\n')).toEqual([
      'The configuration has 3 faults:',
      '  server.prot: is not known; did you mean port? (limner.yaml:1)',
      '  LIMNER_PORT: wants a whole number from 0 to 65535, not "x"',
      '  providers.ark.api_key: wants a text; what is there is not shown (limner.yaml:2)',
      '',
    ]);
    const json = await run(folder, ['config', 'check', '--json'], { LIMNER_PORT: 'x' });
    expect(json.code).toBe(2);
    expect(JSON.parse(json.err).error.faults).toHaveLength(3);
  });

  it('check is content with nothing', async () => {
    const { code, out } = await run(await newFolder(), ['config', 'check']);
    expect({ code, out }).toEqual({ code: 0, out: 'The configuration is in order.\n' });
  });

  it('show says where a value came from and hides secrets', async () => {
    const { out } = await run(await newFolder(), ['config', 'show', '--data-dir', 'here'], {
      ARK_API_KEY: 'hush',
    });
    expect(out).toMatch(/^data_dir +\S+here +--data-dir$/m);
    expect(out).toMatch(/^providers\.ark\.api_key +\[secret\] +ARK_API_KEY$/m);
    expect(out).not.toContain('hush');
  });

  it('schema prints a JSON Schema with the keys of the adapters', async () => {
    const { code, out } = await run(await newFolder(), ['config', 'schema']);
    expect(code).toBe(0);
    const schema = JSON.parse(out);
    expect(Object.keys(schema.properties)).toEqual(expect.arrayContaining(['server', 'providers', 'models']));
    expect(out).toContain('"api_key"');
  });
});

describe('without a server', () => {
  it('generate makes a picture in this process and saves it under its task', async () => {
    const folder = await newFolder();
    const { code, out, err } = await run(folder, ['generate', 'a boat', '-s', '1024x1792']);
    expect(code).toBe(0);
    expect(out).toMatch(/^limner-task_\w{26}-1\.png\n$/);
    expect(err).toMatch(/^task_\w{26} pending\n/);
    const { width, height, format } = await sharp(join(folder, out.trim())).metadata();
    expect({ width, height, format }).toEqual({ width: 1024, height: 1792, format: 'png' });
  });

  it('numbers several pictures and takes the format from the name', async () => {
    const folder = await newFolder();
    const { out } = await run(folder, ['generate', 'a boat', '-n', '2', '-o', 'out/boat.webp']);
    expect(out).toBe('out/boat-1.webp\nout/boat-2.webp\n');
    expect((await sharp(join(folder, 'out/boat-2.webp')).metadata()).format).toBe('webp');
  });

  it('takes a file as the reference picture', async () => {
    const folder = await newFolder();
    await run(folder, ['generate', 'first', '-o', 'first.png']);
    const { code, out } = await run(folder, ['generate', 'second', '-r', 'first.png', '-o', 'second.png']);
    expect({ code, out }).toEqual({ code: 0, out: 'second.png\n' });
  });

  it('ends with 1 and the code of the error when the task fails', async () => {
    const folder = await newFolder();
    const failing = ['generate', '[sandbox:fail=content_policy_violation]'];
    const { code, out, err } = await run(folder, failing);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(/^content_policy_violation: /m);
    const json = await run(folder, [...failing, '--json']);
    expect(json.code).toBe(1);
    expect(JSON.parse(json.out)).toMatchObject({ status: 'failed', files: [] });
  });

  it('shows its tasks to later commands', async () => {
    const folder = await newFolder();
    const generated = JSON.parse((await run(folder, ['generate', 'a\nboat', '--json'])).out);
    const list = await run(folder, ['tasks', 'list']);
    expect(list.out).toMatch(new RegExp(`^${generated.task_id} +completed .* a boat$`, 'm'));
    const shown = await run(folder, ['tasks', 'show', generated.task_id, '--json']);
    expect(JSON.parse(shown.out)).toMatchObject({ task_id: generated.task_id, prompt: 'a\nboat' });
    expect((await run(folder, ['tasks', 'watch', generated.task_id])).code).toBe(0);
    const cancelled = await run(folder, ['tasks', 'cancel', generated.task_id]);
    expect(cancelled.code).toBe(1);
    expect(cancelled.err).toMatch(/^task_already_ended: /);
    const missing = await run(folder, ['tasks', 'show', 'task_0']);
    expect(missing.err).toMatch(/^task_not_found: /);
  });

  it('makes, lists and revokes keys', async () => {
    const folder = await newFolder();
    const made = await run(folder, ['keys', 'create', 'ci', '--role', 'admin', '--json']);
    const { id, key } = JSON.parse(made.out);
    const listed = await run(folder, ['keys', 'list']);
    expect(listed.out).toMatch(new RegExp(`^${id} .* admin .* ci$`, 'm'));
    expect(listed.out).not.toContain(key);
    expect((await run(folder, ['keys', 'revoke', id])).out).toBe(`${id} is revoked.\n`);
    expect(JSON.parse((await run(folder, ['keys', 'list', '--json'])).out).data[0].revoked_at).toEqual(
      expect.any(Number),
    );
    const absent = await run(folder, ['keys', 'revoke', 'key_0']);
    expect(absent.code).toBe(1);
    expect(absent.err).toMatch(/^key_not_found: /);
  });

  it('ends with 130 when it is interrupted', async () => {
    const { stderr, stop, exitCode } = start(await newFolder(), ['generate', '[sandbox:delay=60s]']);
    await stderr.see(/(processing)/);
    stop.abort();
    expect(await exitCode).toBe(130);
  });
});

describe('with a server', () => {
  let folder: string;
  let server: ReturnType<typeof start>;
  let env: Readonly<Record<string, string>>;

  beforeAll(async () => {
    folder = await newFolder();
    server = start(folder, ['serve', '--port', '0']);
    const [key, url] = await Promise.all([
      server.stdout.see(/(sk-limner-[\w-]{43})/),
      server.stdout.see(/"url":"(http:[^"]+)"/),
    ]);
    env = { LIMNER_URL: url, LIMNER_API_KEY: key };
  });

  afterAll(async () => {
    server.stop.abort();
    await server.exitCode;
  });

  it('prints the first key once and says that the sandbox serves', () => {
    expect(server.stdout.text().split(env.LIMNER_API_KEY ?? '')).toHaveLength(2);
    expect(server.stdout.text()).toContain('no provider is configured');
  });

  it('generates over the network, and watches, lists and cancels there', async () => {
    const here = await newFolder();
    const { code, out } = await run(here, ['generate', 'a boat', '-m', 'dall-e-3', '-o', 'a.jpg'], env);
    expect({ code, out }).toEqual({ code: 0, out: 'a.jpg\n' });
    expect((await sharp(await readFile(join(here, 'a.jpg'))).metadata()).format).toBe('jpeg');
    expect(await readdir(here)).toEqual(['a.jpg']);

    const waiting = start(here, ['generate', '[sandbox:delay=60s]'], env);
    const taskId = await waiting.stderr.see(/(task_\w{26}) processing/);
    const listed = await run(here, ['tasks', 'list', '--status', 'processing'], env);
    expect(listed.out).toContain(taskId);
    expect((await run(here, ['tasks', 'cancel', taskId], env)).out).toBe(`${taskId} is cancelled.\n`);
    expect(await waiting.exitCode).toBe(1);
    expect(waiting.stderr.text()).toMatch(/^cancelled: /m);
    expect((await run(here, ['tasks', 'watch', taskId], env)).code).toBe(1);
  });

  it('limits, changes and rotates keys, there and in a data folder alike', async () => {
    const folder = await newFolder();
    for (const [cwd, from] of [
      [folder, {}],
      ['/', env],
    ] as const) {
      const limits = ['--images-per-day', '9', '--budget', '2.5 USD/month', '--allow-ips', '10.0.0.0/8,::1'];
      const created = await run(cwd, ['keys', 'create', 'shop', ...limits, '--json'], from);
      const { id, key } = JSON.parse(created.out);
      expect(JSON.parse(created.out)).toMatchObject({
        images_per_day: 9,
        budget: { amount: 2.5, currency: 'USD', period: 'month' },
        allowed_ips: ['10.0.0.0/8', '::1'],
      });
      const listed = await run(cwd, ['keys', 'list'], from);
      expect(listed.out).toMatch(new RegExp(`^${id} .* 9 images/day, 2.5 USD/month +shop$`, 'm'));

      const changes = ['--images-per-day', 'none', '--name', 'kiosk', '--expires', '2040-01-01'];
      const updated = await run(cwd, ['keys', 'update', id, ...changes, '--json'], from);
      expect(JSON.parse(updated.out)).toMatchObject({ name: 'kiosk', expires_at: 2_208_988_800 });
      expect(JSON.parse(updated.out)).not.toHaveProperty('images_per_day');

      const rotated = await run(cwd, ['keys', 'rotate', id, '--overlap', '2h'], from);
      expect(rotated.out).toMatch(/^sk-limner-\S+\n$/);
      expect(rotated.out.trim()).not.toBe(key);
      expect(rotated.err).toMatch(/The one before works until \d{4}-/);
      const bad = await run(cwd, ['keys', 'rotate', 'key_00000000000000000000000000'], from);
      expect(bad.err).toMatch(/^key_not_found: /);
    }
  });

  it('lists models', async () => {
    const { out } = await run('/', ['models'], env);
    expect(out).toMatch(/^seedream-3\.0 +yes$/m);
  });

  it('manages keys there; a key without the role may not', async () => {
    const made = await run('/', ['keys', 'create', 'guest'], env);
    expect(made.out).toMatch(/^sk-limner-\S+\n$/);
    const refused = await run('/', ['keys', 'list'], { ...env, LIMNER_API_KEY: made.out.trim() });
    expect(refused.code).toBe(1);
    expect(refused.err).toMatch(/^insufficient_role: /);
    const { data } = JSON.parse((await run('/', ['keys', 'list', '--json'], env)).out);
    const guest = data.find((key: { name: string }) => key.name === 'guest');
    expect((await run('/', ['keys', 'revoke', guest.id], env)).code).toBe(0);
  });

  it('manages webhooks there and tells what became of them', async () => {
    const created = await run('/', ['webhooks', 'create', 'http://127.0.0.1:9/hook'], env);
    expect(created).toMatchObject({ code: 0, out: expect.stringMatching(/^whsec_\S+\n$/) });
    const endpointId = /wh_\w{26}/.exec(created.err)?.[0] ?? '';
    const list = await run('/', ['webhooks', 'list'], env);
    expect(list.out).toMatch(new RegExp(`${endpointId}  enabled .* http://127.0.0.1:9/hook\n`));
    expect(list.out).not.toContain('whsec_');

    const made = await run(folder, ['generate', 'a kite', '-s', '512x512', '--json'], env);
    const { task_id: taskId } = JSON.parse(made.out) as { task_id: string };
    const told = await eventually(async () => {
      const { out } = await run('/', ['webhooks', 'deliveries', '--task', taskId, '--state', 'failed'], env);
      return out.includes(taskId) ? out : undefined;
    }, 'the delivery is given up');
    expect(told).toContain('127.0.0.1:9 has a port that is not fetched from.');
    const deliveryId = /evt_\w{26}/.exec(told)?.[0] ?? '';
    expect(await run('/', ['webhooks', 'redeliver', deliveryId], env)).toEqual({
      code: 0,
      out: `${deliveryId} is sent again.\n`,
      err: '',
    });
    expect((await run('/', ['webhooks', 'delete', endpointId], env)).out).toBe(`${endpointId} is deleted.\n`);
    expect(await run('/', ['webhooks', 'redeliver', deliveryId], env)).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^webhook_endpoint_not_found: /),
    });
  });

  it('leaves the data folder alone, except for keys', async () => {
    const { code, err } = await run(folder, ['generate', 'x']);
    expect(code).toBe(3);
    expect(err).toContain(`process ${process.pid}`);
    expect((await run(folder, ['keys', 'create', 'beside'])).code).toBe(0);
    expect((await run(folder, ['serve', '--port', '0'])).code).toBe(3);
  });
});

describe('the process', () => {
  it('drains at SIGTERM and ends with 0', async () => {
    const folder = await newFolder();
    const main = new URL('../main.ts', import.meta.url).pathname;
    const { LIMNER_URL: _url, ...env } = process.env;
    const child = spawn(process.execPath, [main, 'serve', '--port', '0'], { cwd: folder, env });
    const stdout = written();
    child.stdout.setEncoding('utf8').on('data', (text: string) => stdout.write(text));
    await stdout.see(/(listening)/);
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(existsSync(join(folder, 'data', 'limner.db'))).toBe(true);
  });
});
