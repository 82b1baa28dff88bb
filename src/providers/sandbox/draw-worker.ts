/** Draws on a thread of its own: the loops over pixels would hold up every request. */
import { parentPort } from 'node:worker_threads';
import { drawPicture, type PictureBrief } from './draw.ts';

/** What became of a brief; each one that the thread is sent is answered once, in turn. */
export type Drawn = { readonly picture: Uint8Array } | { readonly error: Error };

const port = parentPort;
if (port === null) throw new Error('draw-worker.ts runs as a worker thread only');

port.on('message', (brief: PictureBrief) => {
  drawPicture(brief).then(
    // sharp promises that this buffer can be handed over.
    (picture) => port.postMessage({ picture } satisfies Drawn, [picture.buffer as ArrayBuffer]),
    (error: unknown) => port.postMessage({ error: error as Error } satisfies Drawn),
  );
});
