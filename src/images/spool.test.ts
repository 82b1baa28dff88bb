import { access, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSpool, type Spool } from './spool.ts';

describe('the spool', () => {
  let folder: string;
  let spool: Spool;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'limner-spool-'));
    spool = await createSpool({ folder: join(folder, 'spool') });
  });
  afterEach(() => rm(folder, { recursive: true }));

  const names = async (): Promise<string[]> => (await Array.fromAsync(spool.list())).map((file) => file.name);

  it('gives a file its name only when it is complete', async () => {
    const file = await spool.create('call_1-0');
    await file.write(Buffer.alloc(1_000_000, 1));
    expect(await spool.exists('call_1-0')).toBe(false);
    expect(await names()).toEqual([]);
    await file.write(Buffer.from('end'));
    await file.finish();
    expect(await spool.exists('call_1-0')).toBe(true);
    expect(await readFile(spool.path('call_1-0'))).toEqual(
      Buffer.concat([Buffer.alloc(1_000_000, 1), Buffer.from('end')]),
    );
    expect(await names()).toEqual(['call_1-0']);
  });

  it('keeps the order of many chunks whether or not the writer waits', async () => {
    const chunks = Array.from({ length: 900 }, (_, place) => Buffer.alloc(1 + ((place * 37) % 5_000), place));
    for (const waits of [true, false]) {
      const file = await spool.create('order');
      const pending: Promise<void>[] = [];
      for (const chunk of chunks) {
        const writing = file.write(chunk);
        if (writing === undefined) continue;
        if (waits) await writing;
        else pending.push(writing);
      }
      await Promise.all(pending);
      await file.finish();
      expect((await readFile(spool.path('order'))).equals(Buffer.concat(chunks))).toBe(true);
    }
  });

  it('asks the writer to wait when the disk is behind', async () => {
    const file = await spool.create('slow');
    const answers = Array.from({ length: 4 }, () => file.write(Buffer.alloc(300_000)));
    expect(answers.some((answer) => answer instanceof Promise)).toBe(true);
    await Promise.all(answers.map((answer) => Promise.resolve(answer)));
    await file.discard();
  });

  it('leaves nothing of a discarded file, and nothing of a finished one is undone', async () => {
    const dropped = await spool.create('dropped');
    await dropped.write(Buffer.alloc(600_000));
    await dropped.discard();
    await dropped.discard();
    const kept = await spool.create('kept');
    await kept.finish();
    await kept.discard();
    expect(await readdir(join(folder, 'spool'))).toEqual(['kept']);
  });

  it('keeps the complete file while another of its name is in the making', async () => {
    await spool.writeAll('name', Buffer.from('old'));
    const file = await spool.create('name');
    await file.write(Buffer.from('new'));
    expect(await readFile(spool.path('name'), 'utf8')).toBe('old');
    await file.finish();
    expect(await readFile(spool.path('name'), 'utf8')).toBe('new');
  });

  it('removes complete and incomplete files, and forgives what is not there', async () => {
    await spool.writeAll('one', Buffer.from('1'));
    await spool.remove('one');
    await spool.remove('one');
    expect(await readdir(join(folder, 'spool'))).toEqual([]);
  });

  it('sweeps what a crash left incomplete and nothing else', async () => {
    await spool.writeAll('whole', Buffer.from('1'));
    await writeFile(join(folder, 'spool', 'half.part'), '1');
    await spool.sweep();
    expect(await readdir(join(folder, 'spool'))).toEqual(['whole']);
  });

  it('says what it holds', async () => {
    await spool.writeAll('one', Buffer.from('123'));
    const [file] = await Array.fromAsync(spool.list());
    expect(file).toMatchObject({ name: 'one', bytes: 3 });
    expect(Math.abs((file?.modifiedAtMs ?? 0) - Date.now())).toBeLessThan(5_000);
  });

  it.each(['', '.', '..', '../up', 'a/b', '.hidden', 'A', 'a\0', 'half.part', 'x'.repeat(201)])(
    'refuses the name %j',
    async (name) => {
      expect(() => spool.path(name)).toThrow(TypeError);
      await expect(spool.create(name)).rejects.toThrow(TypeError);
    },
  );

  it('reports a disk that fails', async () => {
    const file = await spool.create('gone');
    await rm(join(folder, 'spool'), { recursive: true });
    await file.write(Buffer.from('1'));
    await expect(file.finish()).rejects.toThrow('ENOENT');
    await file.discard();
    await expect(access(join(folder, 'spool'))).rejects.toThrow('ENOENT');
  });
});
