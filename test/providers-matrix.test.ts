/**
 * Every model of the contract in every size, format and count, with a reference picture and without, by the real
 * program and against the emulators of all four vendors.
 */
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TaskView } from '../src/http/routes/generations/schema.ts';
import type { Emulator } from '../upstreams/emulator.ts';
import { createDataFolder, type DataFolder } from './support/data-folder.ts';
import { type LimnerProcess, startLimner } from './support/limner-process.ts';
import { bytesOfImages, drawReference, measure, type Measured } from './support/pictures.ts';
import { startVendors, type Vendors } from './support/vendors.ts';

const sizes = ['1024x1024', '1024x1792', '1792x1024', '1328x1328'] as const;
const formats = ['url', 'b64_json', 'oss_url'] as const;
const counts = [1, 2, 3, 4] as const;

type Size = (typeof sizes)[number];

/** What serves a public model, and what is known of it (design §1.4 and the sheets). */
interface Served {
  readonly model: string;
  readonly vendor: 'ark' | 'jimeng' | 'kling' | 'openai';
  readonly upstreamModel: string;
  readonly editModel: string;
  /** How many pictures a call makes. */
  readonly perCall: 'one' | 'all';
  /** The file format that the vendor draws when nobody asks for one. */
  readonly format: { readonly text: string; readonly reference: string };
  /** The sizes that the vendor draws otherwise than they are asked for. */
  readonly drawn: {
    readonly text: Partial<Record<Size, string>>;
    readonly reference: Partial<Record<Size, string>>;
  };
}

const klingSizes = { '1024x1792': '1536x2720', '1792x1024': '2720x1536', '1328x1328': '2048x2048' };

const served: readonly Served[] = [
  {
    model: 'seedream-3.0',
    vendor: 'ark',
    upstreamModel: 'doubao-seedream-5-0-pro-260628',
    editModel: 'doubao-seedream-5-0-pro-260628',
    perCall: 'one',
    format: { text: 'jpeg', reference: 'jpeg' },
    drawn: { text: {}, reference: {} },
  },
  {
    model: 'jimeng',
    vendor: 'jimeng',
    upstreamModel: 'jimeng_t2i_v40',
    editModel: 'jimeng_i2i_v30',
    perCall: 'one',
    format: { text: 'png', reference: 'jpeg' },
    drawn: { text: {}, reference: { '1024x1792': '880x1536', '1792x1024': '1536x880' } },
  },
  {
    model: 'keling',
    vendor: 'kling',
    upstreamModel: 'kling-v3',
    editModel: 'kling-v3',
    perCall: 'all',
    format: { text: 'png', reference: 'png' },
    drawn: { text: klingSizes, reference: klingSizes },
  },
  {
    model: 'dall-e-3',
    vendor: 'openai',
    upstreamModel: 'gpt-image-2.6-flare',
    editModel: 'gpt-image-2.6-flare',
    perCall: 'all',
    format: { text: 'png', reference: 'png' },
    drawn: { text: {}, reference: {} },
  },
];

const cells = served.flatMap((from) =>
  (['text', 'reference'] as const).flatMap((input) =>
    sizes.flatMap((size) =>
      formats.flatMap((format) =>
        counts.map((n) => ({
          ...from,
          input,
          size,
          responseFormat: format,
          n,
          prompt: `A lighthouse: ${from.model}, ${input}, ${size}, ${format}, ${n}`,
        })),
      ),
    ),
  ),
);

/** What a cell keeps of an image beside how it is handed out. */
const handedOut: Readonly<Record<(typeof formats)[number], readonly string[]>> = {
  url: ['url', 'expires_at'],
  b64_json: ['b64_json'],
  oss_url: ['oss_url'],
};

/** A server that hands out one picture to whoever comes. */
const serve = async (picture: Buffer) => {
  const server = createServer((_request, response) => response.end(picture));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { host, url: `http://${host}/reference.png`, close: () => server.close() };
};

describe('four models in four sizes, three formats and up to four pictures', () => {
  let vendors: Vendors;
  let host: Awaited<ReturnType<typeof serve>>;
  let folder: DataFolder;
  let limner: LimnerProcess;
  const ids = new Map<string, string>();

  beforeAll(async () => {
    vendors = await startVendors();
    const picture = await drawReference();
    host = await serve(picture);
    folder = await createDataFolder();
    const config = join(folder.path, 'matrix.yaml');
    await writeFile(config, vendors.config);
    limner = await startLimner({
      dataDir: folder.path,
      env: { ...vendors.environment, LIMNER_CONFIG: config, LIMNER_FETCH_ALLOW: host.host },
    });
    const dataUri = `data:image/png;base64,${picture.toString('base64')}`;
    // NOTE: all of them are at work from here on; the vendors take turns, so that none has to wait for another.
    const inTurns = cells.toSorted((one, other) => one.n - other.n || one.size.localeCompare(other.size));
    for (const { model, prompt, n, size, responseFormat, input } of inTurns) {
      const url = n % 2 === 0 ? host.url : dataUri;
      const { status, body } = await limner.api('POST', '/v1/images/generations', {
        model,
        prompt,
        n,
        size,
        response_format: responseFormat,
        ...(input === 'reference' && { url }),
      });
      if (status !== 200) throw new Error(`${prompt} was refused: ${JSON.stringify(body)}`);
      ids.set(prompt, body.task_id);
    }
  }, 60_000);

  afterAll(async () => {
    await limner.stop();
    host.close();
    await vendors[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  it.each(cells)(
    '$model, $input, $size, $responseFormat, $n',
    { timeout: 100_000 },
    async ({ prompt, n, size, responseFormat, input, vendor, perCall, ...cell }) => {
      const task = await limner.endOf(ids.get(prompt) ?? '');
      const [width, height] = size.split('x').map(Number);
      const format = cell.format[input];
      expect(task).toMatchObject({ status: 'completed', n, size, response_format: responseFormat });

      expect(task.images).toHaveLength(n);
      for (const image of task.images ?? []) {
        expect(Object.keys(image).toSorted()).toEqual(
          ['width', 'height', 'format', ...handedOut[responseFormat]].toSorted(),
        );
        expect(image).toMatchObject({ width, height, format });
      }
      const pictures = await bytesOfImages(task);
      // Every pixel of some is decoded; of the others the header must do.
      for (const bytes of pictures)
        expect(await (n === 1 ? measure : readHeader)(bytes)).toEqual({ size, format });

      const drawn = cell.drawn[input][size];
      expect(adjustmentsOf(task)).toEqual(drawn === undefined ? [] : [`size: ${size}, drawn ${drawn}`]);

      const charges = vendors[vendor].ledger.charges.filter((charge) => charge.prompt === prompt);
      expect(charges.map(({ model, images }) => [model, images])).toEqual(
        Array.from({ length: perCall === 'all' ? 1 : n }, () => [
          input === 'text' ? cell.upstreamModel : cell.editModel,
          perCall === 'all' ? n : 1,
        ]),
      );
      expect(task.usage).toMatchObject({ images: n });
    },
  );

  it('hands the reference to every call of its task, also where a vendor would do without', () => {
    const withPicture = ({ requests }: Emulator): number =>
      requests.all.filter(
        ({ method, body }) => method === 'POST' && body instanceof Object && 'image' in body,
      ).length;
    const tasks = cells.filter(({ input, model }) => input === 'reference' && model === 'keling');
    expect(withPicture(vendors.kling)).toBe(tasks.length);
    expect(withPicture(vendors.ark)).toBe(tasks.reduce((sum, { n }) => sum + n, 0));
  });

  it('charges nothing else, and leaves nothing behind', async () => {
    for (const { vendor } of served) {
      const asked = cells.filter((cell) => cell.vendor === vendor).reduce((sum, { n }) => sum + n, 0);
      expect([vendor, vendors[vendor].ledger.images]).toEqual([vendor, asked]);
    }
    expect(folder.rows()).toMatchObject({ tasks: 384, images: 960, jobs: 0 });
    expect(await folder.files('images')).toHaveLength(960);
    expect(await folder.files('spool')).toEqual([]);
  });
});

const readHeader = async (bytes: Uint8Array): Promise<Measured> => {
  const { width, height, format } = await sharp(bytes).metadata();
  return { size: `${width}x${height}`, format };
};

const adjustmentsOf = (task: TaskView): readonly string[] =>
  (task.adjustments ?? []).map(
    ({ parameter, asked, used }) => `${parameter}: ${String(asked)}, drawn ${String(used)}`,
  );
