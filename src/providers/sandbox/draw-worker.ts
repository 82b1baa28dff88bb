/** Draws on a thread of its own: the loops over pixels would hold up every request. */
import { parentPort } from 'node:worker_threads';
import { drawPicture, type PictureBrief } from './draw.ts';

/** One picture to be drawn. */
export interface DrawOrder {
  readonly id: number;
  readonly brief: PictureBrief;
}

/** What became of it. */
export type Drawn = { readonly id: number } & ({ readonly picture: Uint8Array } | { readonly error: Error });

const port = parentPort;
if (port === null) throw new Error('draw-worker.ts runs as a worker thread only');

port.on('message', ({ id, brief }: DrawOrder) => {
  drawPicture(brief).then(
    (drawn) => {
      const picture = new Uint8Array(drawn);
      port.postMessage({ id, picture } satisfies Drawn, [picture.buffer]);
    },
    (error: unknown) => port.postMessage({ id, error: error as Error } satisfies Drawn),
  );
});
