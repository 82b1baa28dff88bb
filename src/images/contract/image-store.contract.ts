import { access, rm } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ByteRange, ImageStore, StoredFile } from '../image-store.ts';

/** One store under test, and a way to make the files that it takes. */
export interface ImageStoreSubject {
  readonly store: ImageStore;
  /** Writes a complete file outside the store and gives its path. */
  newFile(bytes: Uint8Array): Promise<string>;
  close(): Promise<void>;
}

const key = 'img_01jdexample.png';
const bytes = Buffer.from(Array.from({ length: 700_000 }, (_, place) => (place * 7 + (place >> 8)) & 255));

/** What every image store promises. */
export const describeImageStore = (name: string, setup: () => Promise<ImageStoreSubject>): void => {
  describe(`image store: ${name}`, () => {
    let subject: ImageStoreSubject;
    let store: ImageStore;

    beforeEach(async () => {
      subject = await setup();
      store = subject.store;
    });
    afterEach(() => subject.close());

    const put = async (target: string, content: Uint8Array): Promise<string> => {
      const path = await subject.newFile(content);
      await store.put(target, path);
      return path;
    };
    const read = async (target: string, range?: ByteRange): Promise<Buffer | undefined> => {
      const stream = await store.open(target, range);
      return stream && buffer(stream);
    };
    const listed = async (): Promise<StoredFile[]> => {
      const files = await Array.fromAsync(store.list());
      return files.toSorted((one, other) => one.key.localeCompare(other.key));
    };

    it('gives the same bytes back and takes the file away from where it was', async () => {
      const path = await put(key, bytes);
      expect((await read(key))?.equals(bytes)).toBe(true);
      await expect(access(path)).rejects.toThrow('ENOENT');
    });

    it('knows the size and age of what it holds', async () => {
      const before = Date.now();
      await put(key, bytes);
      const found = await store.stat(key);
      expect(found).toMatchObject({ key, bytes: bytes.length });
      // A store may keep whole seconds, and a file system's clock runs in ticks.
      expect(found?.modifiedAtMs).toBeGreaterThan(before - 2_000);
      expect(found?.modifiedAtMs).toBeLessThan(Date.now() + 2_000);
    });

    it('reads ranges with both ends included', async () => {
      await put(key, bytes);
      const last = bytes.length - 1;
      for (const range of [
        { start: 0, end: 0 },
        { start: 0, end: 99 },
        { start: 65_535, end: 300_001 },
        { start: last, end: last },
        { start: 0, end: last },
      ]) {
        const part = await read(key, range);
        expect(part?.equals(bytes.subarray(range.start, range.end + 1))).toBe(true);
      }
    });

    it('keeps an empty file', async () => {
      await put(key, Buffer.alloc(0));
      expect(await read(key)).toHaveLength(0);
      expect(await store.stat(key)).toMatchObject({ bytes: 0 });
    });

    it('says that a key is unknown instead of failing', async () => {
      expect(await store.open('img_nobody.png')).toBeUndefined();
      expect(await store.open('img_nobody.png', { start: 0, end: 1 })).toBeUndefined();
      expect(await store.stat('img_nobody.png')).toBeUndefined();
    });

    it('takes the same picture twice', async () => {
      await put(key, bytes);
      await put(key, bytes);
      expect((await read(key))?.equals(bytes)).toBe(true);
      expect(await listed()).toHaveLength(1);
    });

    it('does nothing when an earlier attempt had already taken the file', async () => {
      const path = await put(key, bytes);
      await store.put(key, path);
      expect((await read(key))?.equals(bytes)).toBe(true);
    });

    it('fails when neither the file nor the key is there', async () => {
      const path = await subject.newFile(bytes);
      await rm(path);
      await expect(store.put(key, path)).rejects.toThrow(key);
      expect(await store.stat(key)).toBeUndefined();
    });

    it('never shows a part of a file', async () => {
      const big = Buffer.concat(Array.from({ length: 12 }, () => bytes));
      const path = await subject.newFile(big);
      let isStored = false;
      const putting = store.put(key, path).then(() => {
        isStored = true;
      });
      const seen: (Buffer | undefined)[] = [];
      while (!isStored) seen.push(await read(key));
      await putting;
      seen.push(await read(key));
      expect(seen.at(-1)?.equals(big)).toBe(true);
      for (const content of seen) expect([undefined, big.length]).toContain(content?.length);
    });

    it('goes on reading a file that is deleted meanwhile, or says that it broke', async () => {
      await put(key, bytes);
      const stream = await store.open(key);
      if (stream === undefined) throw new Error('The picture is not there');
      await store.delete(key);
      const outcome = await buffer(stream).then(
        (content) => content.equals(bytes),
        (error: unknown) => error instanceof Error,
      );
      expect(outcome).toBe(true);
    });

    it('deletes, and deletes again without complaint', async () => {
      await put(key, bytes);
      await store.delete(key);
      expect(await store.stat(key)).toBeUndefined();
      expect(await store.open(key)).toBeUndefined();
      await store.delete(key);
      await store.delete('img_nobody.png');
    });

    it('deletes many at once, those that are not there included, and nothing when there is a bad key', async () => {
      const keys = Array.from({ length: 12 }, (_, place) => `images/img_${place}`);
      for (const each of keys) await put(each, Buffer.from(each));
      await expect(store.delete(...keys, '../up')).rejects.toThrow(TypeError);
      expect(await listed()).toHaveLength(12);
      await store.delete(...keys.slice(1), 'images/img_nobody');
      expect((await listed()).map((file) => file.key)).toEqual(['images/img_0']);
      await store.delete();
    });

    it('lists what it holds, keys with slashes included', async () => {
      expect(await listed()).toEqual([]);
      const keys = ['a/b/c.webp', 'img_1.png', 'img_2.jpeg', 'references/ref_1'];
      for (const each of keys) await put(each, Buffer.from(each));
      await store.delete('img_2.jpeg');
      const files = await listed();
      expect(files.map((file) => file.key)).toEqual(['a/b/c.webp', 'img_1.png', 'references/ref_1']);
      expect(files.map((file) => file.bytes)).toEqual([10, 9, 16]);
    });

    it('holds keys apart that differ little', async () => {
      const keys = ['a/b', 'a_b', 'a.b', 'a-b', 'a/b.png'];
      for (const each of keys) await put(each, Buffer.from(each));
      for (const each of keys) expect((await read(each))?.toString()).toBe(each);
    });

    it.each([
      '',
      '/',
      '/etc/passwd',
      '../up',
      'a/../../up',
      'a/..',
      './a',
      'a//b',
      'a/',
      '.hidden',
      'a/.hidden',
      'a\\b',
      'A.png',
      'a b',
      'a\0b',
      'a+b',
      'ä',
      'a\n',
      'x'.repeat(201),
    ])('refuses the key %j', async (bad) => {
      const path = await subject.newFile(bytes);
      await expect(store.put(bad, path)).rejects.toThrow(TypeError);
      await expect(store.open(bad)).rejects.toThrow(TypeError);
      await expect(store.stat(bad)).rejects.toThrow(TypeError);
      await expect(store.delete(bad)).rejects.toThrow(TypeError);
      await access(path);
    });

    it('takes many pictures at once', async () => {
      const keys = Array.from({ length: 40 }, (_, place) => `img_${place}.png`);
      await Promise.all(keys.map((each) => put(each, Buffer.from(each))));
      const contents = await Promise.all(keys.map(async (each) => (await read(each))?.toString()));
      expect(contents).toEqual(keys);
    });
  });
};
