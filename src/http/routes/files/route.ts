import { LimnerError } from '../../../core/errors.ts';
import { isNotModified } from '../../etag.ts';
import { fileNameOf, type Links } from '../../links.ts';
import { sendHeaders } from '../../send-headers.ts';
import type { Server } from '../../server.ts';
import type { ServerParts } from '../../server-parts.ts';
import { readRange } from './byte-range.ts';
import { fileSchema } from './schema.ts';

/** How long a permanent link may be kept; caches take no longer time seriously. */
const PERMANENT_SECONDS = 365 * 24 * 60 * 60;

const imageNotFound = (): LimnerError =>
  new LimnerError(
    'image_not_found',
    'There is no image at this address. Copy the link whole, with its signature.',
  );

/** `/files/{image}`: stored images by signed link. */
export const registerFileRoutes = (
  app: Server,
  parts: Pick<ServerParts, 'tasks' | 'images' | 'clock'>,
  links: Links,
): void => {
  app.get('/files/:image', { schema: fileSchema }, async (request, reply) => {
    const link = links.check(request.params.image, request.query as Readonly<Record<string, unknown>>);
    if (link === undefined) throw imageNotFound();
    const remainingSeconds =
      link.expiresAtMs === undefined
        ? PERMANENT_SECONDS
        : Math.floor((link.expiresAtMs - parts.clock.nowMs()) / 1000);
    if (remainingSeconds <= 0) {
      throw new LimnerError('image_expired', 'This link has expired. Read the task again for a fresh one.');
    }
    const image = await parts.tasks.image(link.imageId);
    if (image === undefined) throw imageNotFound();

    const etag = `"${image.id}"`;
    reply
      .header('etag', etag)
      .header('cache-control', `private, max-age=${remainingSeconds}, immutable`)
      .header('accept-ranges', 'bytes')
      .header('content-disposition', `inline; filename="${fileNameOf(image)}"`)
      // The bytes came from outside: whatever they are, a browser must not run them in this origin.
      .header('content-security-policy', "default-src 'none'; sandbox")
      // Whoever has the link may read it, in a page of any origin too.
      .header('cross-origin-resource-policy', 'cross-origin')
      .header('access-control-allow-origin', '*');
    if (isNotModified(request.headers['if-none-match'], etag)) return reply.code(304).send();

    const ifRange = request.headers['if-range'];
    const isRangeWanted = request.method === 'GET' && (ifRange === undefined || ifRange === etag);
    const range = isRangeWanted ? readRange(request.headers.range, image.bytes) : 'whole';
    if (range === 'unsatisfiable')
      return reply.code(416).header('content-range', `bytes */${image.bytes}`).send();

    reply.type(`image/${image.format}`);
    if (request.method === 'HEAD') return sendHeaders(reply.header('content-length', image.bytes));
    const file = await parts.images.open(image.key, range === 'whole' ? undefined : range);
    if (file === undefined) throw imageNotFound();
    if (range === 'whole') return reply.header('content-length', image.bytes).send(file);
    return reply
      .code(206)
      .header('content-range', `bytes ${range.start}-${range.end}/${image.bytes}`)
      .header('content-length', range.end - range.start + 1)
      .send(file);
  });
};
