import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { BrokenAnswer, createAnswerReader, type PictureSink } from './inline-pictures.ts';

const pngHead = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex');
const jpegHead = Buffer.from('ffd8ffe000104a464946', 'hex');

const pictureOf = (bytes: number, head: Uint8Array = pngHead): Buffer => {
  const picture = Buffer.from(Array.from({ length: bytes }, (_, place) => (place * 31 + (place >> 7)) & 255));
  picture.set(head);
  return picture;
};

/** Keeps pictures in memory; now and then it is slow, as a disk is. */
const createMemorySink = (): PictureSink & { readonly files: Map<string, Buffer>; open: number } => {
  const files = new Map<string, Buffer>();
  const sink = {
    files,
    open: 0,
    create: async (name: string) => {
      sink.open += 1;
      let isOpen = true;
      const chunks: Uint8Array[] = [];
      const close = (): void => {
        if (isOpen) sink.open -= 1;
        isOpen = false;
      };
      return {
        write: (chunk: Uint8Array) => {
          chunks.push(Uint8Array.from(chunk));
          return chunks.length % 3 === 0 ? Promise.resolve() : undefined;
        },
        finish: async () => {
          files.set(name, Buffer.concat(chunks));
          close();
        },
        discard: async () => close(),
      };
    },
    remove: async (name: string) => void files.delete(name),
  };
  return sink;
};

describe('reading an answer with pictures in it', () => {
  let sink: ReturnType<typeof createMemorySink>;
  beforeEach(() => {
    sink = createMemorySink();
  });

  const limits = { pictureBytes: 1_000_000, textBytes: 100_000 };

  const read = async (
    json: string | Buffer,
    chunkBytes: number | readonly number[] = 65_536,
  ): Promise<unknown> => {
    let names = 0;
    const reader = createAnswerReader({ sink, nextName: () => `call-${names++}`, limits });
    const bytes = Buffer.from(json);
    const sizes = typeof chunkBytes === 'number' ? [chunkBytes] : chunkBytes;
    try {
      for (let position = 0, turn = 0; position < bytes.length; turn += 1) {
        const size = sizes[turn % sizes.length] ?? 1;
        const writing = reader.write(bytes.subarray(position, position + size));
        if (writing !== undefined) await writing;
        position += size;
      }
      return JSON.parse(await reader.end());
    } catch (error) {
      await reader.discard();
      throw error;
    }
  };

  const picture = pictureOf(50_001);
  const base64 = picture.toString('base64');

  it.each([1, 2, 3, 5, 7, 4095, 4096, 4097, 65_536])(
    'decodes a picture, in chunks of %i bytes',
    async (chunkBytes) => {
      const json = JSON.stringify({ created: 1, data: [{ b64_json: base64, n: null }], usage: { total: 7 } });
      expect(await read(json, chunkBytes)).toEqual({
        created: 1,
        data: [{ b64_json: { spooled: 'call-0' }, n: null }],
        usage: { total: 7 },
      });
      expect(sink.files.get('call-0')?.equals(picture)).toBe(true);
    },
  );

  it('decodes several pictures of one answer, whatever their padding', async () => {
    const pictures = [40, 41, 42, 3070, 3071, 3072, 3073, 60_000].map((bytes) => pictureOf(bytes));
    const json = JSON.stringify(
      { data: pictures.map((each) => ({ b64_json: each.toString('base64') })) },
      null,
      2,
    );
    expect(await read(json, [10_000, 1, 333])).toEqual({
      data: pictures.map((_, place) => ({ b64_json: { spooled: `call-${place}` } })),
    });
    expect([...sink.files.values()]).toEqual(pictures);
  });

  it.each<[string, (text: string) => string]>([
    ['with the prefix of a data URI', (text) => `data:image/png;base64,${text}`],
    ['with parameters in the prefix', (text) => `data:image/jpeg;charset=utf-8;base64,${text}`],
    ['with escaped slashes', (text) => text.replaceAll('/', '\\/')],
    ['with escaped slashes and prefix', (text) => `data:image\\/jpeg;base64,${text.replaceAll('/', '\\/')}`],
    ['with escaped plus signs', (text) => text.replaceAll('+', '\\u002B').replaceAll('=', '\\u003d')],
    ['in the alphabet for addresses', (text) => text.replaceAll('/', '_').replaceAll('+', '-')],
    ['without padding', (text) => text.replaceAll('=', '')],
    ['in lines', (text) => text.replaceAll(/.{76}/g, (line) => `${line}\\r\\n`)],
  ])('decodes base64 %s', async (_name, write) => {
    for (const chunkBytes of [1, 4, 997, 65_536]) {
      for (const bytes of [20_000, 20_001, 20_002, 60]) {
        sink.files.clear();
        const jpeg = pictureOf(bytes, jpegHead);
        expect(await read(`{"a":"${write(jpeg.toString('base64'))}","b":"c"}`, chunkBytes)).toEqual({
          a: { spooled: 'call-0' },
          b: 'c',
        });
        expect(sink.files.get('call-0')?.equals(jpeg)).toBe(true);
      }
    }
  });

  it('knows the pictures that upstreams make by their first bytes', async () => {
    const heads = [
      '89504e470d0a1a0a',
      'ffd8ffdb0043',
      '524946461a2b3c4d57454250565038',
      '474946383961',
      '474946383761',
      '49492a0008',
      '4d4d002a00',
      '424d368c0a00000000003600',
      '0000001c6674797061766966',
      '000000206674797068656963',
      '0000000c4a584c200d0a870a',
    ];
    for (const head of heads) {
      const content = pictureOf(9000, Buffer.from(head, 'hex')).toString('base64');
      expect(await read(JSON.stringify([content]))).toEqual([{ spooled: 'call-0' }]);
    }
  });

  it.each<[string, string]>([
    ['a long text', 'It was a dark and stormy night. '.repeat(300)],
    ['a long text in Chinese', '一只猫坐在窗台上'.repeat(900)],
    ['letters without a space', 'a'.repeat(32_000)],
    ['base64 of something else', Buffer.alloc(9000, 'hello').toString('base64')],
    ['a text that begins like a picture', `iVBORw0KGgo and so on ${'x'.repeat(6000)}`],
    ['a short word that begins like a picture', '/9j/abcd'],
    ['a data URI of a text', 'data:text/plain;base64,aGVsbG8gd29ybGQgaGVsbG8gd29ybGQgaGVsbG8gd29ybGQ='],
    ['a link', `https://example.com/${'a'.repeat(5000)}?sign=/9j/`],
    ['quotes and backslashes', '"\\"\\\\" \\ "" \\\\"'.repeat(500)],
    ['an escaped quote at a border', `${'x'.repeat(4095)}"${'y'.repeat(5000)}\\`],
    ['control characters', '\n\t\u0000\u2028"'.repeat(900)],
    ['nothing', ''],
    ['a backslash', '\\'],
    ['an object in a string', '{"spooled":"call-0","a":[1,2,"3"]}'],
  ])('leaves %s as it is', async (_name, text) => {
    for (const chunkBytes of [1, 3, 4096, 65_536]) {
      const value = { before: text, [text.slice(0, 50)]: [text, 1.5, true], after: text };
      expect(await read(JSON.stringify(value), chunkBytes)).toEqual(value);
    }
    expect(sink.files.size).toBe(0);
  });

  it('gives every JSON back as it was, however it is cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.jsonValue({ stringUnit: 'binary', depthSize: 'small' }),
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }),
        async (value, sizes) => {
          const json = JSON.stringify(value);
          expect(await read(json, sizes)).toEqual(JSON.parse(json));
        },
      ),
      { numRuns: 300 },
    );
  });

  it('gives every picture back as it was, however it is cut and escaped', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ minLength: 50, maxLength: 9000, size: 'max' }),
        fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1 }),
        fc.boolean(),
        async (tail, sizes, isEscaped) => {
          const content = Buffer.concat([jpegHead, tail]);
          const text = isEscaped
            ? content.toString('base64').replaceAll('/', '\\/')
            : content.toString('base64');
          expect(await read(`["${text}"]`, sizes)).toEqual([{ spooled: 'call-0' }]);
          expect(sink.files.get('call-0')?.equals(content)).toBe(true);
        },
      ),
      { numRuns: 200 },
    );
  });

  it.each<[string, string]>([
    ['a picture that is cut off', `{"a":"${base64.slice(0, 30_000)}`],
    [
      'a picture with a foreign character in it',
      `{"a":"${base64.slice(0, 30_000)}!${base64.slice(30_000)}"}`,
    ],
    ['a picture with padding in the middle', `{"a":"${base64.slice(0, 30_000)}==${base64.slice(30_000)}"}`],
    ['a picture with one character too many', `{"a":"${base64.slice(0, 30_001)}"}`],
    ['a whole picture and then too much text', `{"a":"${base64}","b":"${' '.repeat(100_000)}"}`],
    ['a picture that is too large', `{"a":"${pictureOf(1_000_001).toString('base64')}"}`],
    ['too much outside of strings', `[${'1,'.repeat(60_000)}1]`],
  ])('refuses %s, and leaves nothing of it', async (_name, json) => {
    for (const chunkBytes of [1000, 65_536]) {
      await expect(read(json, chunkBytes)).rejects.toThrow(BrokenAnswer);
      expect(sink.files.size).toBe(0);
      expect(sink.open).toBe(0);
    }
  });

  it('lets the error of a sink pass', async () => {
    sink.create = () => Promise.reject(new Error('disk full'));
    await expect(read(`["${base64}"]`)).rejects.toThrow('disk full');
  });
});
