import { randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { Picture } from '../picture.ts';
import type { Workshop } from '../workshop.ts';
import { pixelsOf } from './models.ts';
import type { KlingTask, TaskImage } from './tasks.ts';

/** Where pictures are made and shown; their addresses name the account. */
export type Gallery = Workshop & { readonly accountId: () => string };

/** The links of a task's pictures (section 11), which can be read once `task.linksReady` settles. */
export function publishImages(task: KlingTask, gallery: Gallery): TaskImage[] {
  const { parameters, fault, updatedAt } = task;
  const count = fault?.fault === 'fewer_images' ? parameters.n - 1 : parameters.n;
  const expiresAt = updatedAt + gallery.ttlMs;
  const drawn: Promise<void>[] = [];
  const link = (name: string, index: number, isMarked: boolean): string => {
    const path = `/bs2/upload-kling-api/${gallery.accountId()}/image/${task.id}-${index}_${name}_${index}.png`;
    const query = `Expires=${Math.floor(expiresAt / 1000)}&Signature=${randomBytes(20).toString('hex')}`;
    drawn.push(
      draw(task, index, isMarked, gallery).then((picture) =>
        gallery.links.publish(path, query, expiresAt, picture, fault),
      ),
    );
    return `${gallery.origin()}${path}?${query}`;
  };
  const images = Array.from({ length: count }, (_, index) => ({
    index,
    url: link('raw_image', index, false),
    ...(parameters.watermark === true && { watermark_url: link('watermark_image', index, true) }),
  }));
  task.linksReady = Promise.all(drawn);
  return images;
}

/** The same prompt gives the same colours, each picture of it others. */
function draw(task: KlingTask, index: number, isMarked: boolean, gallery: Gallery): Promise<Picture> {
  const { parameters, fault } = task;
  const { width, height } = pixelsOf(parameters.aspectRatio, parameters.resolution);
  const missing = fault?.fault === 'other_size' ? 16 : 0;
  return gallery.paint({
    width: width - missing,
    height: height - missing,
    format: 'png',
    tint: crc32(parameters.prompt) + index,
    ...(isMarked && { mark: { text: 'KlingAI' } }),
    paddedBytes: gallery.paddedBytes,
  });
}
