import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import type { Config, S3Config } from '../../config/config.ts';
import type { Clock } from '../../core/clock.ts';
import type { Finding } from '../../core/finding.ts';
import { createFsImageStore } from '../../images/fs/fs-image-store.ts';
import type { ImageStore } from '../../images/image-store.ts';
import type { ClockReadings } from './clock-readings.ts';

const check = 'storage';

const CONTENTS = 'limner doctor tries whether this store works. This file may be deleted.';

/** Longer than a store takes that works. */
const PATIENCE_MS = 10_000;

interface StorageParts {
  readonly clock: Clock;
  readonly clocks: ClockReadings;
  readonly fetch: typeof globalThis.fetch;
}

const newKey = (): string => `trials/${randomUUID()}`;

const messageOf = (fault: unknown): string => {
  const cause = fault instanceof Error ? (fault.cause ?? fault) : fault;
  return cause instanceof Error ? cause.message : String(cause);
};

/** Puts a file and reads it back; throws what the store throws. */
const putAndRead = async (images: ImageStore, key: string, folder: string): Promise<Finding> => {
  const path = join(folder, 'trial');
  await writeFile(path, CONTENTS);
  await images.put(key, path, 'text/plain');
  const stream = await images.open(key);
  const contents = stream === undefined ? undefined : await text(stream);
  if (contents === CONTENTS) return { check, state: 'ok', message: 'A file was put and read back.' };
  return {
    check,
    state: 'fault',
    message: 'A file that had just been put came back as something else, or not at all.',
    remedy: 'See that nothing between here and the store caches or changes what passes.',
  };
};

const deleteTrial = async (images: ImageStore, key: string): Promise<Finding> => {
  await images.delete(key);
  if ((await images.stat(key)) === undefined) {
    return { check, state: 'ok', message: 'It was deleted again.' };
  }
  return {
    check,
    state: 'warning',
    message: 'A file that was deleted is still there.',
    remedy: 'With versioning on, let a lifecycle rule of the bucket remove old versions.',
  };
};

/** Follows a signed link, as whoever is handed one does. */
const followLink = async (
  images: ImageStore,
  key: string,
  { clock, clocks, fetch }: StorageParts,
): Promise<Finding> => {
  const order = { contentType: 'text/plain', fileName: 'trial.txt', expiresAtMs: clock.nowMs() + 60_000 };
  const link = images.link(key, order);
  if (link === undefined) return { check, state: 'ok', message: 'Links lead through Limner.' };
  const { host } = new URL(link);
  const remedy =
    'See storage.link_base_url: the address that callers reach the bucket at, signed for that host.';
  try {
    const fromMs = clock.nowMs();
    const answer = await fetch(link, { signal: AbortSignal.timeout(PATIENCE_MS) });
    clocks.addDate('the image store', answer.headers.get('date') ?? undefined, {
      fromMs,
      untilMs: clock.nowMs(),
    });
    const contents = await answer.text();
    if (answer.status === 200 && contents === CONTENTS) {
      return { check, state: 'ok', message: `A signed link to ${host} brought the file.` };
    }
    return { check, state: 'fault', message: `A signed link to ${host} brought ${answer.status}.`, remedy };
  } catch (fault) {
    return {
      check,
      state: 'warning',
      message: `The host of signed links, ${host}, cannot be reached from here: ${messageOf(fault)}.`,
      remedy: `That may be meant, if callers are elsewhere. ${remedy}`,
    };
  }
};

const inTemporaryFolder = async <Result>(work: (folder: string) => Promise<Result>): Promise<Result> => {
  const folder = await mkdtemp(join(tmpdir(), 'limner-doctor-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};

const checkFolder = async ({ dataDir, database }: Config): Promise<readonly Finding[]> => {
  if (!existsSync(dataDir)) return [];
  const images = createFsImageStore({ folder: join(dataDir, 'images') });
  const key = newKey();
  try {
    const found = await inTemporaryFolder(async (folder) => [
      await putAndRead(images, key, folder),
      await deleteTrial(images, key),
    ]);
    if (database.kind === 'sqlite') return found;
    const message = `The pictures lie in ${join(dataDir, 'images')}, and every node has to see the same folder.`;
    return [
      ...found,
      { check, state: 'warning', message, remedy: 'Keep them in a bucket (storage.kind: s3).' },
    ];
  } catch (fault) {
    const remedy = 'Give the folder to the user that runs Limner, and see that the disk has room.';
    return [{ check, state: 'fault', message: `The folder cannot be used: ${messageOf(fault)}.`, remedy }];
  }
};

const checkBucket = async (storage: S3Config, parts: StorageParts): Promise<readonly Finding[]> => {
  const { openS3Store } = await import('../../images/s3/open-s3-store.ts');
  const { accessKeyId, prefix, publicBaseUrl, ...account } = storage;
  const { images, ...store } = openS3Store({
    account: { ...account, accessKeyId: accessKeyId.reveal() },
    prefix,
    publicBaseUrl,
    clock: parts.clock,
    pause: (ms) => pause(ms),
  });
  const key = newKey();
  try {
    const trial = await store.check();
    if (trial.state !== 'works') {
      const remedy =
        trial.state === 'away' ? { remedy: 'Pictures wait on the disk until the store is back.' } : {};
      return [{ check, state: 'fault', message: trial.reason, ...remedy }];
    }
    return await inTemporaryFolder(async (folder) => [
      await putAndRead(images, key, folder),
      await followLink(images, key, parts),
      await deleteTrial(images, key),
      ofPermanentLinks(publicBaseUrl),
    ]);
  } catch (fault) {
    return [{ check, state: 'fault', message: messageOf(fault) }];
  } finally {
    await store.close();
  }
};

/** What the trial of the store has found to work. */
const ofPermanentLinks = (publicBaseUrl: string | undefined): Finding => ({
  check,
  state: 'ok',
  message:
    publicBaseUrl === undefined
      ? 'Permanent links (oss_url) lead through Limner.'
      : `Permanent links (oss_url) lead to ${publicBaseUrl}, which anybody may read.`,
});

/** Whether a file can be put, read, followed to by a link, and deleted. */
export const checkStorage = (config: Config, parts: StorageParts): Promise<readonly Finding[]> =>
  config.storage.kind === 'fs' ? checkFolder(config) : checkBucket(config.storage, parts);
