/** What the world does to a server: full disks, locks, clocks that jump, upstreams that hang or come too late. */
import { spawnSync } from 'node:child_process';
import { appendFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, it } from 'vitest';
import type { Clock } from '../src/core/clock.ts';
import { startArkEmulator } from '../upstreams/ark/index.ts';
import { startKlingEmulator } from '../upstreams/kling/index.ts';
import { startOpenAiEmulator } from '../upstreams/openai/index.ts';
import { startApp } from './support/app.ts';
import { createDataFolder } from './support/data-folder.ts';
import { eventually } from './support/eventually.ts';
import { type LimnerProcess, startLimner } from './support/limner-process.ts';

const path = '/v1/images/generations';

interface Refusal {
  readonly error: { readonly code: string; readonly message: string };
}

const draw = (limner: LimnerProcess, prompt: string) =>
  limner.api<Refusal & { readonly task_id: string }>('POST', path, {
    model: 'sandbox',
    prompt,
    size: '320x200',
  });

/** Whether this process may make a small disk to be filled. */
const mayMount = spawnSync('unshare', ['--mount', 'true']).status === 0 && process.getuid?.() === 0;

/** Writes until nothing fits any more. */
const fill = (file: string): void => {
  for (const bytes of [65_536, 512]) {
    try {
      for (;;) appendFileSync(file, Buffer.alloc(bytes));
    } catch (fault) {
      if ((fault as NodeJS.ErrnoException).code !== 'ENOSPC') throw fault;
    }
  }
};

describe.concurrent('the machine', { timeout: 120_000 }, () => {
  it.skipIf(!mayMount)(
    'a full disk refuses tasks in words, ends nothing, and all goes on when there is room',
    async ({ expect }) => {
      await using folder = await createDataFolder();
      spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', folder.path]);
      try {
        const filler = join(folder.path, 'filler');
        const limner = await startLimner({ dataDir: folder.path });
        const { body: task } = await draw(limner, 'A boat [sandbox:delay=1s]');
        fill(filler);
        const refused = await eventually(async () => {
          const answer = await draw(limner, 'y'.repeat(20_000));
          return answer.status === 200 ? undefined : answer;
        }, 'the disk is full');
        expect([refused.status, refused.body.error.code]).toEqual([500, 'internal_error']);
        expect(refused.body.error.message).toContain('disk of this server is full');
        await eventually(async () => limner.output().includes('stumbled') || undefined, 'a step fails');
        const ready = await fetch(`${limner.url}/readyz`);
        expect(ready.status).toBe(200);
        rmSync(filler);
        expect((await draw(limner, 'A fox')).status).toBe(200);
        expect(await limner.endOf(task.task_id)).toMatchObject({ status: 'completed' });
        expect(await limner.stop()).toBe(0);
      } finally {
        spawnSync('umount', [folder.path]);
      }
    },
  );

  it.skipIf(!mayMount)(
    'a picture that came inside an answer and finds no room is told as paid and lost',
    async ({ expect }) => {
      await using openai = await startOpenAiEmulator({ pictureBytes: 6 * 1024 * 1024 });
      await using folder = await createDataFolder();
      spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=12m', 'tmpfs', folder.path]);
      try {
        const filler = join(folder.path, 'filler');
        const env = { OPENAI_BASE_URL: openai.baseUrl, OPENAI_API_KEY: openai.apiKey };
        const limner = await startLimner({ dataDir: folder.path, env });
        // Room for rows, and not for a picture.
        appendFileSync(filler, Buffer.alloc(7 * 1024 * 1024));
        const { body: task } = await limner.api('POST', path, { model: 'dall-e-3', prompt: 'A boat' });
        expect(await limner.endOf(task.task_id)).toMatchObject({
          status: 'failed',
          error: { code: 'storage_failed' },
        });
        expect(folder.calls(task.task_id)).toMatchObject([{ state: 'failed', charged: 'yes' }]);
        expect(openai.ledger.charges).toHaveLength(1);
        expect(await folder.files('spool')).toEqual([]);
        rmSync(filler);
        const { body: next } = await limner.api('POST', path, { model: 'dall-e-3', prompt: 'A fox' });
        expect(await limner.endOf(next.task_id)).toMatchObject({ status: 'completed' });
        expect(openai.requests.all).toHaveLength(2);
        expect(await limner.stop()).toBe(0);
      } finally {
        spawnSync('umount', [folder.path]);
      }
    },
  );

  it('a database that somebody locks is waited for, ten seconds at most', async ({ expect }) => {
    await using folder = await createDataFolder();
    const limner = await startLimner({ dataDir: folder.path });
    const { body: task } = await draw(limner, 'A boat [sandbox:delay=1s]');
    const other = new DatabaseSync(join(folder.path, 'limner.db'), { timeout: 5_000 });
    other.exec('BEGIN IMMEDIATE');
    const short = draw(limner, 'A fox');
    await pause(500);
    other.exec('ROLLBACK');
    expect((await short).status).toBe(200);
    other.exec('BEGIN IMMEDIATE');
    const refused = await draw(limner, 'An owl');
    expect([refused.status, refused.body.error.code]).toEqual([500, 'internal_error']);
    expect(refused.body.error.message).toContain('locked');
    other.exec('ROLLBACK');
    other.close();
    expect((await draw(limner, 'An owl')).status).toBe(200);
    expect(await limner.endOf(task.task_id)).toMatchObject({ status: 'completed' });
    expect(await limner.stop()).toBe(0);
  });

  /** The clock of the system until it is told to jump. */
  const createJumpingClock = () => {
    let offsetMs = 0;
    const clock: Clock = {
      nowMs: () => Date.now() + offsetMs,
      after: (delayMs, callback) => {
        const timer = setTimeout(callback, Math.min(delayMs, 2_147_483_647)).unref();
        return () => clearTimeout(timer);
      },
    };
    return { clock, jump: (ms: number) => void (offsetMs += ms) };
  };

  it.for([
    ['back', -3_600_000],
    ['forward', 3_600_000],
  ] as const)(
    'a clock that jumps an hour %s neither stops nor fails what the upstream has done',
    async ([, jumpMs], { expect }) => {
      await using kling = await startKlingEmulator({ latencyMs: 500 });
      const { clock, jump } = createJumpingClock();
      await using program = await startApp(
        `providers: { kling: { base_url: "${kling.baseUrl}", api_key: "${kling.apiKey}", poll_interval: 100ms } }`,
        clock,
      );
      const { task_id } = await program.submit({ model: 'keling' });
      await eventually(
        async () => kling.ledger.charges.length > 0 || kling.requests.all.length > 0 || undefined,
        'it is sent',
      );
      await pause(200);
      jump(jumpMs);
      expect(await program.endOf(task_id)).toMatchObject({ status: 'completed' });
      expect(kling.ledger.charges).toHaveLength(1);
    },
  );
});

describe.concurrent('an upstream', { timeout: 60_000 }, () => {
  it('that never answers is left when the time for the call is over, and not paid again', async ({
    expect,
  }) => {
    await using ark = await startArkEmulator();
    ark.faults.set([{ fault: 'hang' }]);
    await using program = await startApp(
      `providers: { ark: { base_url: "${ark.baseUrl}", api_key: "${ark.apiKey}", call_timeout: 1s } }`,
    );
    expect(await program.generate()).toMatchObject({
      status: 'failed',
      error: { code: 'submission_unconfirmed', retryable: false },
    });
    expect(ark.requests.all.filter(({ method }) => method === 'POST')).toHaveLength(1);
    expect(await program.generate()).toMatchObject({ status: 'completed' });
  });

  it('that never answers ends with the task at the latest', async ({ expect }) => {
    await using ark = await startArkEmulator();
    ark.faults.set([{ fault: 'hang' }]);
    await using program = await startApp(
      `
task_deadline: 1s
providers: { ark: { base_url: "${ark.baseUrl}", api_key: "${ark.apiKey}" } }
`,
    );
    expect(await program.generate()).toMatchObject({ error: { code: 'submission_unconfirmed' } });
  });

  it('that is done after the deadline has been left, and what it made changes nothing', async ({
    expect,
  }) => {
    await using kling = await startKlingEmulator({ latencyMs: 6_000 });
    await using program = await startApp(
      `
providers:
  kling: { base_url: "${kling.baseUrl}", api_key: "${kling.apiKey}", poll_interval: 100ms, call_timeout: 1s }
`,
    );
    const task = await program.generate({ model: 'keling' });
    expect(task).toMatchObject({ status: 'failed', error: { code: 'provider_timeout' } });
    await eventually(async () => kling.ledger.charges.length === 1 || undefined, 'the upstream is done');
    expect(await program.endOf(task.task_id)).toEqual(task);
  });
});
