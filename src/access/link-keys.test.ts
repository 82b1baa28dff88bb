import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createManualClock } from '../../test/support/manual-clock.ts';
import { openSqliteDatabase } from '../database/sqlite/sqlite-database.ts';
import type { Database } from '../database/database.ts';
import { createLinks } from '../http/links.ts';
import { openLinkKeys } from './link-keys.ts';
import { installationSecretsLike } from './sql-key-store.ts';

const HOUR = 60 * 60 * 1000;
const WEEK = 7 * 24 * HOUR;
const image = { id: `img_${'0'.repeat(26)}`, format: 'png', key: '' } as const;

let folder: string;
let database: Database;
const stops: (() => void)[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'limner-link-keys-'));
  database = await openSqliteDatabase({
    file: join(folder, 'limner.db'),
    operationModules: [new URL('sql-key-store.ts', import.meta.url).href],
  });
});
afterEach(async () => {
  for (const stop of stops.splice(0)) stop();
  await database.close();
  await rm(folder, { recursive: true });
});

/** A process of the installation. */
const open = async (clock: ReturnType<typeof createManualClock>) => {
  const faults: unknown[] = [];
  const onFault = (fault: unknown): void => void faults.push(fault);
  const keys = await openLinkKeys({ database, clock, randomBytes, keepMs: 24 * HOUR, onFault });
  stops.push(() => keys.stop());
  const links = createLinks({ keys, origin: () => '', images: { link: () => undefined } });
  const check = (link: string) => {
    const url = new URL(link, 'http://localhost');
    return links.check(url.pathname.replace('/files/', ''), Object.fromEntries(url.searchParams));
  };
  return { links, check, keys, faults };
};

test('every week another key signs, and the links of the one before work on', async () => {
  const clock = createManualClock(100 * WEEK);
  const one = await open(clock);
  const other = await open(clock);
  const link = one.links.expiring(image, 101 * WEEK + 12 * HOUR);
  const permanent = one.links.permanent(image);
  expect(link).toContain('&key=100&');

  // As a timer would have it, each half day.
  for (let hours = 0; hours < 7 * 24 + 6; hours += 6) clock.advance(6 * HOUR);
  expect(one.links.expiring(image, 102 * WEEK)).toContain('&key=101&');
  for (const process of [one, other, await open(clock)]) {
    expect(process.check(link)).toEqual({ imageId: image.id, expiresAtMs: 101 * WEEK + 12 * HOUR });
    expect(process.check(one.links.expiring(image, 102 * WEEK))).toBeDefined();
    expect(process.check(permanent)).toEqual({ imageId: image.id });
    expect(process.faults).toEqual([]);
  }
});

test('a key is forgotten when its last link has expired, and signs nothing that lasts', async () => {
  const early = await open(createManualClock(100 * WEEK));
  const link = early.links.expiring(image, 101 * WEEK);
  const late = await open(createManualClock(101 * WEEK + 25 * HOUR));
  expect(late.check(link)).toBeUndefined();
  const names = (await installationSecretsLike(database, 'links%')).map(({ name }) => name);
  expect(names.toSorted()).toEqual(['links', 'links-101', 'links-102']);
  expect(late.check(early.links.permanent(image))).toEqual({ imageId: image.id });
  expect(late.check(`${early.links.permanent(image)}&key=101`)).toBeUndefined();
  expect(late.check(late.links.expiring(image, 102 * WEEK).replace('key=101', 'key=102'))).toBeUndefined();
});
