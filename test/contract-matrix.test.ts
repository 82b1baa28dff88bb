/** The public contract, kept by the program as it comes: without any provider, every model drawn by the sandbox. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { createDataFolder, type DataFolder } from './support/data-folder.ts';
import { type LimnerProcess, startLimner } from './support/limner-process.ts';
import { bytesOfImages, drawReference, measure } from './support/pictures.ts';

const path = '/v1/images/generations';

const factors = {
  model: ['seedream-3.0', 'jimeng', 'keling', 'dall-e-3'],
  size: ['1024x1024', '1024x1792', '1792x1024', '1328x1328'],
  reference: ['none', 'data URI', 'link'],
  responseFormat: ['url', 'b64_json', 'oss_url'],
  n: [1, 2, 3, 4],
  outputFormat: ['auto', 'png', 'jpeg', 'webp'],
} as const;

type Row = { readonly [Factor in keyof typeof factors]: (typeof factors)[Factor][number] };

const allRows: readonly Row[] = Object.entries(factors).reduce<readonly object[]>(
  (rows, [factor, levels]) => rows.flatMap((row) => levels.map((level) => ({ ...row, [factor]: level }))),
  [{}],
) as readonly Row[];

/** Every two values of two factors that this row has together. */
const pairsOf = (row: Row): readonly string[] => {
  const values = Object.entries(row).map(([factor, level]) => `${factor} ${level}`);
  return values.flatMap((one, index) => values.slice(index + 1).map((other) => `${one}, ${other}`));
};

/** Few rows in which every two values of two factors meet: each takes as many new pairs as can be had, for few pictures. */
const coveringRows = (): readonly Row[] => {
  const missing = new Set(allRows.flatMap(pairsOf));
  const chosen: Row[] = [];
  while (missing.size > 0) {
    const gain = (row: Row): number => pairsOf(row).filter((pair) => missing.has(pair)).length - row.n / 10;
    const best = allRows.reduce((one, other) => (gain(other) > gain(one) ? other : one));
    for (const pair of pairsOf(best)) missing.delete(pair);
    chosen.push(best);
  }
  return chosen;
};

/** The fields of an image in each response format. */
const fieldsOf = {
  url: ['expires_at', 'format', 'height', 'url', 'width'],
  b64_json: ['b64_json', 'format', 'height', 'width'],
  oss_url: ['format', 'height', 'oss_url', 'width'],
} as const;

let folder: DataFolder;
let limner: LimnerProcess;
let referenceUri: string;
let referenceLink: string;
const fetched: (string | undefined)[] = [];
const references = createServer((request, response) => {
  fetched.push(request.url);
  response
    .setHeader('content-type', 'image/png')
    .end(Buffer.from(referenceUri.split(',')[1] ?? '', 'base64'));
});

beforeAll(async () => {
  referenceUri = `data:image/png;base64,${(await drawReference()).toString('base64')}`;
  await new Promise<void>((resolve) => references.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(references.address() as AddressInfo).port}`;
  referenceLink = `http://${host}/reference`;
  folder = await createDataFolder();
  limner = await startLimner({ dataDir: folder.path, env: { LIMNER_FETCH_ALLOW: host } });
});
afterAll(async () => {
  await limner.stop();
  references.close();
  await folder[Symbol.asyncDispose]();
});

describe.concurrent('a request', { timeout: 120_000 }, () => {
  const rows = coveringRows();

  it.for(rows)(
    'with $model, $size, n $n, reference $reference, $outputFormat as $responseFormat gets what it asked for',
    async ({ model, size, n, reference, responseFormat, outputFormat }, { expect }) => {
      const url = { none: undefined, 'data URI': referenceUri, link: referenceLink }[reference];
      const answer = await limner.api(
        'POST',
        path,
        {
          model,
          size,
          n,
          prompt: `${n} lighthouses`,
          response_format: responseFormat,
          output_format: outputFormat,
          ...(url !== undefined && { url }),
        },
        { prefer: 'wait=110' },
      );
      expect(answer.status).toBe(200);
      const task = answer.body;
      expect(task).toMatchObject({
        status: 'completed',
        model,
        size,
        n,
        response_format: responseFormat,
        usage: { images: n },
      });
      expect(task.adjustments).toContainEqual(
        expect.objectContaining({ parameter: 'model', asked: model, used: 'sandbox' }),
      );
      expect(task.images).toHaveLength(n);
      const bytes = await bytesOfImages(task);
      for (const [index, image] of (task.images ?? []).entries()) {
        expect(Object.keys(image).toSorted()).toEqual(fieldsOf[responseFormat]);
        const measured = await measure(bytes[index] ?? new Uint8Array());
        const format = outputFormat === 'auto' ? measured.format : outputFormat;
        expect(measured).toEqual({ size, format });
        expect({ size: `${image.width}x${image.height}`, format: image.format }).toEqual(measured);
      }
      expect(new Set(bytes.map((one) => Buffer.from(one).toString('base64'))).size).toBe(n);
    },
  );

  it('may be the example of the interface that Limner keeps, with a picture in its url', async ({
    expect,
  }) => {
    const body = {
      model: 'seedream-3.0',
      prompt:
        '3D魔童哪吒 c4d 搬砖 很开心, 很快乐, 精神抖擞, 背景是数不清的敖丙虚化 视觉冲击力强 大师构图 色彩鲜艳丰富 吸引人 背景用黄金色艺术字写着"搬砖挣钱" 冷暖色对比',
      url: '<string>',
      n: 1,
      response_format: 'url',
      size: '1024x1024',
    };
    const refused = await limner.api<unknown>('POST', path, body);
    expect(refused).toMatchObject({
      status: 400,
      body: { error: { code: 'invalid_parameter', param: 'url' } },
    });

    const { status, headers, body: task } = await limner.api('POST', path, { ...body, url: referenceLink });
    expect({ status, location: headers.get('location') }).toEqual({
      status: 200,
      location: `${path}/${task.task_id}`,
    });
    expect(task).toMatchObject({
      status: 'pending',
      created_at: expect.closeTo(Date.now() / 1000, -1),
      model: body.model,
      prompt: body.prompt,
      response_format: 'url',
    });
    const ended = await limner.endOf(task.task_id);
    expect(ended).toMatchObject({ status: 'completed', images: [{ width: 1024, height: 1024 }] });
    expect(await Promise.all((await bytesOfImages(ended)).map(measure))).toMatchObject([
      { size: '1024x1024' },
    ]);
  });

  it('fetches its reference once, however many pictures it asks for', async ({ expect }) => {
    const url = `${referenceLink}?once`;
    const { body } = await limner.api('POST', path, {
      model: 'jimeng',
      prompt: 'Four',
      url,
      n: 4,
      size: '320x200',
    });
    expect((await limner.endOf(body.task_id)).images).toHaveLength(4);
    expect(fetched.filter((one) => one === '/reference?once')).toHaveLength(1);
  });
});
