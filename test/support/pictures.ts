import sharp from 'sharp';
import type { TaskView } from '../../src/http/routes/generations/schema.ts';

/** A picture, read from its own bytes. */
export interface Measured {
  readonly size: string;
  readonly format: string;
}

/** Decodes every pixel, so that a cut or damaged file rejects. */
export const measure = async (bytes: Uint8Array): Promise<Measured> => {
  const picture = sharp(bytes, { failOn: 'warning' });
  const { width, height, format } = await picture.metadata();
  await picture.stats();
  return { size: `${width}x${height}`, format };
};

/** The bytes of every image of a task, whichever way it hands them out. */
export const bytesOfImages = (task: TaskView): Promise<readonly Uint8Array[]> =>
  Promise.all(
    (task.images ?? []).map(async ({ url, oss_url, b64_json }) => {
      if (b64_json !== undefined) return Buffer.from(b64_json, 'base64');
      const answer = await fetch(url ?? oss_url ?? '');
      if (answer.status !== 200) throw new Error(`The link to a picture answered ${answer.status}`);
      return new Uint8Array(await answer.arrayBuffer());
    }),
  );

/** A small PNG to be referred to. */
export const drawReference = (): Promise<Buffer> =>
  sharp({ create: { width: 640, height: 480, channels: 3, background: '#2a6f97' } })
    .png()
    .toBuffer();
