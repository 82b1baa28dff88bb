import { randomUUID } from 'node:crypto';
import { text } from 'node:stream/consumers';
import type { Dispatcher } from 'undici';
import type { Clock } from '../../core/clock.ts';
import { bodyOf } from './s3-body.ts';
import type { S3Client } from './s3-client.ts';
import { S3Error } from './s3-error.ts';

/** What came of a trial. `away` may pass by itself; `misconfigured` does not. */
export type StoreTrial =
  | { readonly state: 'works' }
  | { readonly state: 'away' | 'misconfigured'; readonly reason: string };

interface TrialParts {
  readonly client: S3Client;
  readonly dispatcher: Dispatcher;
  readonly clock: Clock;
  readonly prefix: string;
  readonly publicBaseUrl: string | undefined;
}

const CONTENTS = 'Limner tries whether this store works. This object may be deleted.';

/** Longer than a store takes that works. */
const PATIENCE_MS = 10_000;

/**
 * Puts a small object, reads it by a signed link, by the public address where there is one, and deletes it. Throws
 * nothing: who starts while the store is away works, and the pictures wait.
 */
export const checkS3Store = async (parts: TrialParts): Promise<StoreTrial> => {
  const { promise: late, resolve } = Promise.withResolvers<StoreTrial>();
  const cancel = parts.clock.after(PATIENCE_MS, () =>
    resolve({ state: 'away', reason: 'The store takes over 10 seconds to answer.' }),
  );
  try {
    return await Promise.race([trial(parts), late]);
  } finally {
    cancel();
  }
};

const trial = async (parts: TrialParts): Promise<StoreTrial> => {
  const { client, prefix, publicBaseUrl } = parts;
  const key = `${prefix}trials/${randomUUID()}`;
  try {
    const headers = { 'content-type': 'text/plain' };
    const put = await client.send({ method: 'PUT', key, headers, body: bodyOf(Buffer.from(CONTENTS)) });
    put.body.resume();
    const outcome =
      publicBaseUrl === undefined ? works : await readPublicly(parts, `${publicBaseUrl}/${key}`);
    const deleted = await client.send({ method: 'DELETE', key });
    deleted.body.resume();
    return outcome;
  } catch (fault) {
    const state = fault instanceof S3Error && !fault.isPassing ? 'misconfigured' : 'away';
    return { state, reason: fault instanceof Error ? fault.message : String(fault) };
  }
};

const works: StoreTrial = { state: 'works' };

const readPublicly = async ({ dispatcher }: TrialParts, url: string): Promise<StoreTrial> => {
  const { origin, pathname } = new URL(url);
  const remedy =
    'Let everybody read the objects of the bucket, correct storage.public_base_url, or leave it out: then oss_url leads through Limner.';
  try {
    const answer = await dispatcher.request({
      origin,
      path: pathname,
      method: 'GET',
      headersTimeout: PATIENCE_MS,
    });
    const { statusCode: status } = answer;
    const contents = await text(answer.body);
    if (status === 200 && contents === CONTENTS) return works;
    // A redirection is followed by whoever has the link, and a gateway may be back soon.
    const state = status < 300 || (status >= 400 && status < 500) ? 'misconfigured' : 'away';
    const said = status === 200 ? 'something else' : `status ${status}`;
    return {
      state,
      reason: `oss_url cannot work: ${url} answered ${said} for an object that had just been stored. ${remedy}`,
    };
  } catch (fault) {
    const code = fault instanceof Error && 'code' in fault ? String(fault.code) : 'stopped';
    return {
      state: 'away',
      reason: `oss_url could not be tried: ${origin} cannot be reached from here (${code}).`,
    };
  }
};
