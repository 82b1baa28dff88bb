import type { ApiKey } from '../../access/keys.ts';
import { keyRoles } from '../../access/keys.ts';
import type { KeyAnswer } from '../api-client.ts';
import { CommandError, usageError } from '../command-error.ts';
import { configOf, remoteOf } from '../connect.ts';
import type { CliContext } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { formatJson, formatTable, formatTime, paintFor } from '../output.ts';

/** Options of every `limner keys` command. */
export interface KeysOptions {
  readonly json?: boolean;
  readonly config?: string;
  readonly dataDir?: string;
}

/** What the commands do with keys, over the network or in the data folder. */
interface KeyAccess {
  create(name: string, role: (typeof keyRoles)[number]): Promise<KeyAnswer & { readonly key: string }>;
  list(): Promise<readonly KeyAnswer[]>;
  /** `false` when there is no such key. */
  revoke(keyId: string): Promise<boolean>;
}

/** Makes a key and prints it, this once. */
export const createKey = async (
  context: CliContext,
  name: string,
  options: KeysOptions & { readonly role: string },
): Promise<number> => {
  const role = keyRoles.find((one) => one === options.role);
  if (role === undefined)
    throw usageError(`--role wants one of ${keyRoles.join(', ')}, not ${options.role}.`);
  const created = await withKeys(context, options, (keys) => keys.create(name, role));
  if (options.json) context.stdout.write(formatJson(created));
  else {
    context.stdout.write(`${created.key}\n`);
    context.stderr.write(`${created.id} (${role}) is made. Keep the key: it is not shown again.\n`);
  }
  return exitCodes.ok;
};

/** Lists all keys, without their secrets. */
export const listKeys = async (context: CliContext, options: KeysOptions): Promise<number> => {
  const list = await withKeys(context, options, (keys) => keys.list());
  if (options.json) {
    context.stdout.write(formatJson({ object: 'list', data: list }));
    return exitCodes.ok;
  }
  const rows = list.map((key) => [
    key.id,
    key.hint ?? '',
    key.role,
    key.created_at === undefined ? '' : formatTime(key.created_at),
    key.revoked_at === undefined ? '' : formatTime(key.revoked_at),
    key.name,
  ]);
  const headings = ['ID', 'KEY', 'ROLE', 'CREATED', 'REVOKED', 'NAME'];
  context.stdout.write(formatTable(headings, rows, paintFor(context.stdout, context.env)));
  return exitCodes.ok;
};

/** Revokes a key for good. */
export const revokeKey = async (
  context: CliContext,
  keyId: string,
  options: KeysOptions,
): Promise<number> => {
  const isFound = await withKeys(context, options, (keys) => keys.revoke(keyId));
  if (!isFound) throw new CommandError(`There is no key ${keyId}.`, { code: 'key_not_found' });
  context.stdout.write(options.json ? formatJson({ id: keyId, revoked: true }) : `${keyId} is revoked.\n`);
  return exitCodes.ok;
};

const withKeys = async <Result>(
  context: CliContext,
  options: KeysOptions,
  work: (keys: KeyAccess) => Promise<Result>,
): Promise<Result> => {
  const remote = await remoteOf(context);
  if (remote !== undefined) {
    const { createRemoteClient } = await import('../remote-client.ts');
    const client = createRemoteClient(remote);
    return work({
      create: (name, role) => client.createKey(name, role),
      list: async () => (await client.listKeys()).data,
      revoke: async (keyId) => {
        await client.revokeKey(keyId);
        return true;
      },
    });
  }
  const opened = await context.program.openKeys(await configOf(context, options));
  try {
    return await work({
      create: async (name, role) => {
        const { key, secret } = await opened.keys.create(name, role);
        return { ...answerOf(key), key: secret };
      },
      list: async () => (await opened.keys.list()).map(answerOf),
      revoke: async (keyId) => (await opened.keys.revoke(keyId)) !== undefined,
    });
  } finally {
    await opened.close();
  }
};

const answerOf = (key: ApiKey): KeyAnswer => ({
  id: key.id,
  name: key.name,
  role: key.role,
  hint: key.hint,
  created_at: Math.floor(key.createdAtMs / 1000),
  ...(key.revokedAtMs !== undefined && { revoked_at: Math.floor(key.revokedAtMs / 1000) }),
});
