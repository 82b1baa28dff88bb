import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Config } from '../config/config.ts';
import type { Clock } from '../core/clock.ts';
import { createFsImageStore } from '../images/fs/fs-image-store.ts';
import { type ImageStore, StoreMisconfigured } from '../images/image-store.ts';
import type { Logger } from '../observe/logger.ts';

/** Where pictures are kept, and how to let go of it. */
export interface OpenImages {
  readonly images: ImageStore;
  /** Breaks off whatever is under way. */
  readonly close: () => Promise<void>;
}

/**
 * Opens the image store and tries it: one that is away is told of, and what is put waits for it.
 *
 * @throws StoreMisconfigured when waiting would not help.
 */
export const openImages = async (config: Config, clock: Clock, logger: Logger): Promise<OpenImages> => {
  const { storage, dataDir } = config;
  if (storage.kind === 'fs') {
    return { images: createFsImageStore({ folder: join(dataDir, 'images') }), close: async () => {} };
  }
  const { openS3Store } = await import('../images/s3/open-s3-store.ts');
  const { accessKeyId, prefix, publicBaseUrl, ...account } = storage;
  const store = openS3Store({
    account: { ...account, accessKeyId: accessKeyId.reveal() },
    prefix,
    publicBaseUrl,
    clock,
    pause: (ms) => pause(ms),
  });
  const trial = await store.check();
  if (trial.state === 'misconfigured') {
    await store.close();
    throw new StoreMisconfigured(trial.reason);
  }
  if (trial.state === 'away') logger.error({ reason: trial.reason }, 'the image store does not work for now');
  return store;
};
