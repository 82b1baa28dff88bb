import { constants } from 'node:fs';
import { access, stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Config } from '../../config/config.ts';
import type { Finding } from '../../core/finding.ts';
import { orMissing } from '../../images/durable-file.ts';

const check = 'data folder';

const GIB = 1024 ** 3;

/** With less, the next large task may not fit. */
const LITTLE_BYTES = 5 * GIB;
const TOO_LITTLE_BYTES = GIB / 4;

const isWritable = (path: string): Promise<boolean> =>
  access(path, constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  );

const ofSpace = async (path: string): Promise<Finding> => {
  const { bavail, bsize } = await statfs(path);
  const bytes = bavail * bsize;
  const message = `${(bytes / GIB).toFixed(1)} GiB are free where ${path} lies.`;
  if (bytes >= LITTLE_BYTES) return { check, state: 'ok', message };
  return {
    check,
    state: bytes < TOO_LITTLE_BYTES ? 'fault' : 'warning',
    message,
    remedy: 'Make room, shorten retention.task_ttl, or keep the pictures in a bucket (storage.kind: s3).',
  };
};

/** Whether the folder can be written to, by us and by nobody else, and has room. */
export const checkDataFolder = async ({ dataDir }: Pick<Config, 'dataDir'>): Promise<readonly Finding[]> => {
  const found = await orMissing(stat(dataDir));
  if (found === undefined) {
    const parent = dirname(dataDir);
    if (await isWritable(parent)) {
      return [
        { check, state: 'ok', message: `There is no ${dataDir} yet; the first start makes it.` },
        await ofSpace(parent),
      ];
    }
    return [
      {
        check,
        state: 'fault',
        message: `There is no ${dataDir}, and it cannot be made here.`,
        remedy: `Make it and give it to the user that runs Limner, or set LIMNER_DATA_DIR.`,
      },
    ];
  }
  if (!found.isDirectory() || !(await isWritable(dataDir))) {
    return [
      {
        check,
        state: 'fault',
        message: `${dataDir} is no folder that this user may write to.`,
        remedy: `Give it to the user that runs Limner (chown), or set LIMNER_DATA_DIR.`,
      },
    ];
  }
  const user = process.getuid?.();
  const owner: readonly Finding[] =
    user === undefined || user === found.uid
      ? []
      : [
          {
            check,
            state: 'warning',
            message: `${dataDir} belongs to the user ${found.uid}, and this is the user ${user}.`,
            remedy: 'Run Limner and its commands as one user: what one makes the other may not change.',
          },
        ];
  const mode = found.mode & 0o777;
  const permissions: Finding =
    (mode & 0o077) === 0
      ? { check, state: 'ok', message: `${dataDir} is ours alone.` }
      : {
          check,
          state: 'warning',
          message: `Other users of this machine may look into ${dataDir} (mode ${mode.toString(8)}), which holds the secret that links are signed with.`,
          remedy: `chmod 700 ${dataDir}`,
        };
  return [...owner, permissions, await ofSpace(dataDir)];
};
