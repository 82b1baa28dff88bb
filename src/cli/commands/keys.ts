import type { Actor } from '../../access/audit.ts';
import {
  type KeyChangesJson,
  type KeyJson,
  type KeySettingsJson,
  type NewKeyJson,
  presentKey,
  readKeyChanges,
  readNewKey,
} from '../../access/key-json.ts';
import { keyRoles } from '../../access/keys.ts';
import { budgetPeriods } from '../../access/limits.ts';
import { createKey as createKeyAction } from '../../actions/create-key.ts';
import { revokeKey as revokeKeyAction } from '../../actions/revoke-key.ts';
import { rotateKey as rotateKeyAction } from '../../actions/rotate-key.ts';
import { updateKey as updateKeyAction } from '../../actions/update-key.ts';
import { parseDuration } from '../../config/duration.ts';
import { LimnerError } from '../../core/errors.ts';
import type { KeyWithSecretAnswer } from '../api-client.ts';
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

/** What may be set for a key; `none` takes away what was set. */
export interface SettingOptions {
  readonly models?: string;
  readonly requestsPerMinute?: string;
  readonly concurrentTasks?: string;
  readonly imagesPerDay?: string;
  readonly budget?: string;
  readonly expires?: string;
  readonly allowIps?: string;
}

/** What the commands do with keys, over the network or in the data folder. */
interface KeyAccess {
  create(body: NewKeyJson): Promise<KeyWithSecretAnswer>;
  list(): Promise<readonly KeyJson[]>;
  update(keyId: string, body: KeyChangesJson): Promise<KeyJson>;
  rotate(keyId: string, overlapSeconds: number): Promise<KeyWithSecretAnswer>;
  revoke(keyId: string): Promise<void>;
}

/** Makes a key and prints it, this once. */
export const createKey = async (
  context: CliContext,
  name: string,
  options: KeysOptions & SettingOptions & { readonly role: string },
): Promise<number> => {
  const role = keyRoles.find((one) => one === options.role);
  if (role === undefined)
    throw usageError(`--role wants one of ${keyRoles.join(', ')}, not ${options.role}.`);
  const settings = readSettings(options);
  const body = { name, role, ...(dropNulls(settings) as KeySettingsJson) };
  const created = await withKeys(context, options, (keys) => keys.create(body));
  return tellSecret(context, options, created, `${created.id} (${role}) is made.`);
};

/** Lists all keys, without their secrets. */
export const listKeys = async (context: CliContext, options: KeysOptions): Promise<number> => {
  const list = await withKeys(context, options, (keys) => keys.list());
  if (options.json) {
    context.stdout.write(formatJson({ object: 'list', data: list }));
    return exitCodes.ok;
  }
  const time = (seconds: number | undefined): string => (seconds === undefined ? '' : formatTime(seconds));
  const rows = list.map((key) => [
    key.id,
    key.hint,
    key.role,
    time(key.created_at),
    time(key.last_used_at),
    time(key.expires_at),
    time(key.revoked_at),
    limitsOf(key),
    key.name,
  ]);
  const headings = ['ID', 'KEY', 'ROLE', 'CREATED', 'USED', 'EXPIRES', 'REVOKED', 'LIMITS', 'NAME'];
  context.stdout.write(formatTable(headings, rows, paintFor(context.stdout, context.env)));
  return exitCodes.ok;
};

const limitsOf = (key: KeyJson): string =>
  [
    key.requests_per_minute && `${key.requests_per_minute}/min`,
    key.concurrent_tasks && `${key.concurrent_tasks} at once`,
    key.images_per_day && `${key.images_per_day} images/day`,
    key.budget && `${key.budget.amount} ${key.budget.currency}/${key.budget.period}`,
  ]
    .filter((part) => part !== undefined)
    .join(', ');

/** Changes what a key may do. */
export const updateKey = async (
  context: CliContext,
  keyId: string,
  options: KeysOptions & SettingOptions & { readonly name?: string },
): Promise<number> => {
  const body = { ...(options.name !== undefined && { name: options.name }), ...readSettings(options) };
  if (Object.keys(body).length === 0) throw usageError('Say what is to change, e.g. --images-per-day 100.');
  const key = await withKeys(context, options, (keys) => keys.update(keyId, body));
  context.stdout.write(options.json ? formatJson(key) : `${keyId} is changed.\n`);
  return exitCodes.ok;
};

/** Gives a key a new secret and prints it, this once. */
export const rotateKey = async (
  context: CliContext,
  keyId: string,
  options: KeysOptions & { readonly overlap: string },
): Promise<number> => {
  const overlapMs = parseDuration(options.overlap);
  if (overlapMs === undefined) {
    throw usageError(`--overlap wants a duration such as 30m or 24h, not ${options.overlap}.`);
  }
  const rotated = await withKeys(context, options, (keys) => keys.rotate(keyId, Math.ceil(overlapMs / 1000)));
  const until = rotated.previous_expires_at;
  const told = until === undefined ? '' : ` The one before works until ${formatTime(until)}.`;
  return tellSecret(context, options, rotated, `${keyId} has a new secret.${told}`);
};

/** Revokes a key for good. */
export const revokeKey = async (
  context: CliContext,
  keyId: string,
  options: KeysOptions,
): Promise<number> => {
  await withKeys(context, options, (keys) => keys.revoke(keyId));
  context.stdout.write(options.json ? formatJson({ id: keyId, revoked: true }) : `${keyId} is revoked.\n`);
  return exitCodes.ok;
};

/** The secret alone on standard output, so that it can be piped; the rest beside it. */
const tellSecret = (
  context: CliContext,
  { json }: KeysOptions,
  made: KeyWithSecretAnswer,
  sentence: string,
): number => {
  if (json) context.stdout.write(formatJson(made));
  else {
    context.stdout.write(`${made.key}\n`);
    context.stderr.write(`${sentence} Keep the key: it is not shown again.\n`);
  }
  return exitCodes.ok;
};

const readSettings = (options: SettingOptions): Omit<KeyChangesJson, 'name'> => {
  const read = <Value>(
    key: keyof KeySettingsJson,
    text: string | undefined,
    of: (text: string) => Value,
  ): Record<string, Value | null> => (text === undefined ? {} : { [key]: text === 'none' ? null : of(text) });
  return {
    ...read('models', options.models, listIn),
    ...read('allowed_ips', options.allowIps, listIn),
    ...read('requests_per_minute', options.requestsPerMinute, countIn('--requests-per-minute')),
    ...read('concurrent_tasks', options.concurrentTasks, countIn('--concurrent-tasks')),
    ...read('images_per_day', options.imagesPerDay, countIn('--images-per-day')),
    ...read('budget', options.budget, budgetIn),
    ...read('expires_at', options.expires, timeIn),
  };
};

/** A new key has nothing that could be taken away. */
const dropNulls = (settings: object): object =>
  Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== null));

const listIn = (text: string): string[] => text.split(',').map((item) => item.trim());

const countIn =
  (flag: string) =>
  (text: string): number => {
    if (!/^[1-9]\d{0,7}$/.test(text)) throw usageError(`${flag} wants a whole number or none, not ${text}.`);
    return Number(text);
  };

const budgetIn = (text: string) => {
  const [, amount, currency, name] = /^(\d+(?:\.\d+)?) ?([A-Z]{3})\/(\w+)$/.exec(text) ?? [];
  const period = budgetPeriods.find((one) => one === name);
  if (amount === undefined || currency === undefined || period === undefined) {
    throw usageError(
      `--budget wants an amount such as 25USD/month, with one of ${budgetPeriods.join(', ')}, or none, not ${text}.`,
    );
  }
  return { amount: Number(amount), currency, period };
};

const timeIn = (text: string): number => {
  const timeMs = Date.parse(text);
  if (Number.isNaN(timeMs))
    throw usageError(`--expires wants a date such as 2027-01-31 or none, not ${text}.`);
  return Math.floor(timeMs / 1000);
};

/** Who the audit log says it was. */
const actor: Actor = { name: 'command line' };

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
      create: (body) => client.createKey(body),
      list: async () => (await client.listKeys()).data,
      update: (keyId, body) => client.updateKey(keyId, body),
      rotate: (keyId, overlapSeconds) => client.rotateKey(keyId, overlapSeconds),
      revoke: (keyId) => client.revokeKey(keyId),
    });
  }
  const opened = await context.program.openKeys(await configOf(context, options));
  try {
    return await work({
      create: async (body) => {
        const { key, secret } = await createKeyAction(opened, readNewKey(body), actor);
        return { ...presentKey(key), key: secret };
      },
      list: async () => (await opened.keys.list()).map(presentKey),
      update: async (keyId, body) =>
        presentKey(await updateKeyAction(opened, keyId, readKeyChanges(body), actor)),
      rotate: async (keyId, overlapSeconds) => {
        const { key, secret } = await rotateKeyAction(opened, keyId, overlapSeconds * 1000, actor);
        return { ...presentKey(key), key: secret };
      },
      revoke: async (keyId) => void (await revokeKeyAction(opened, keyId, actor)),
    });
  } catch (fault) {
    if (!(fault instanceof LimnerError)) throw fault;
    throw new CommandError(fault.detail, { code: fault.code, cause: fault });
  } finally {
    await opened.close();
  }
};
