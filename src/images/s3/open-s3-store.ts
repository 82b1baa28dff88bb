import { Agent } from 'undici';
import type { Clock } from '../../core/clock.ts';
import type { ImageStore } from '../image-store.ts';
import { checkS3Store, type StoreTrial } from './check-s3-store.ts';
import { createS3Client, type Pause, type S3Account } from './s3-client.ts';
import { createS3ImageStore } from './s3-image-store.ts';

/** A bucket, and the connections to it. */
export interface OpenS3Store {
  readonly images: ImageStore;
  /** Puts, reads and deletes an object, as whoever looks at `oss_url` links would. */
  check(): Promise<StoreTrial>;
  /** Breaks off whatever is under way. */
  close(): Promise<void>;
}

/** Requests at once; what is more waits. */
const CONNECTIONS = 64;

/** Opens a bucket; nothing is sent yet. */
export const openS3Store = (settings: {
  readonly account: S3Account;
  readonly prefix: string;
  readonly publicBaseUrl: string | undefined;
  readonly clock: Clock;
  readonly pause: Pause;
}): OpenS3Store => {
  const { account, prefix, publicBaseUrl, clock, pause } = settings;
  // Idle connections are given up before a server does so in the middle of a request.
  const dispatcher = new Agent({
    connections: CONNECTIONS,
    keepAliveTimeout: 4_000,
    connect: { timeout: 5_000 },
  });
  const client = createS3Client({ account, dispatcher, clock, pause });
  return {
    images: createS3ImageStore({
      client,
      clock,
      prefix,
      ...(publicBaseUrl !== undefined && { publicBaseUrl }),
    }),
    check: () => checkS3Store({ client, dispatcher, clock, prefix, publicBaseUrl }),
    close: () => dispatcher.destroy(),
  };
};
