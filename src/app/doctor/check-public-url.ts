import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { standingKeyOnly } from '../../access/link-keys.ts';
import type { Config } from '../../config/config.ts';
import type { Finding } from '../../core/finding.ts';
import { createLinks } from '../../http/links.ts';

const check = 'public URL';

const PATIENCE_MS = 5_000;

const select = "select value from installation_secrets where name = 'links'";

/** What this installation signs its links with; `undefined` before its first start. */
const linkSecretOf = async ({ database, dataDir }: Config): Promise<string | undefined> => {
  if (database.kind === 'sqlite') {
    const file = join(dataDir, 'limner.db');
    if (!existsSync(file)) return undefined;
    const handle = new DatabaseSync(file, { readOnly: true, timeout: 5_000 });
    try {
      return handle.prepare(select).get()?.['value']?.toString();
    } finally {
      handle.close();
    }
  }
  const { Client } = await import('pg');
  const client = new Client({ connectionString: database.url.reveal() });
  try {
    await client.connect();
    return (await client.query<{ readonly value: string }>(select)).rows[0]?.value;
  } finally {
    await client.end();
  }
};

/** A link that is over since 1970: who knows our secret answers 410 to it, and anybody else 404. */
const expiredLink = (origin: string, secret: string): string =>
  createLinks({
    keys: standingKeyOnly(Buffer.from(secret, 'base64url')),
    origin: () => origin,
    images: { link: () => undefined },
  }).expiring({ id: `img_${'0'.repeat(26)}`, format: 'png', key: '' }, 1_000);

const isLocal = (host: string): boolean => /^(localhost|127\.|\[?::1)/.test(host);

const ofUnset = ({ server }: Config): Finding => {
  const remedy = 'Set LIMNER_PUBLIC_URL to the address that callers use.';
  const own = `http://${server.host}:${server.port}`;
  return isLocal(server.host)
    ? { check, state: 'ok', message: `None is set: links begin with ${own}, which works on this machine.` }
    : { check, state: 'warning', message: `None is set: links begin with ${own} or localhost.`, remedy };
};

const ofScheme = (publicUrl: string): readonly Finding[] => {
  const { protocol, hostname } = new URL(publicUrl);
  if (protocol === 'https:' || isLocal(hostname)) return [];
  return [
    {
      check,
      state: 'warning',
      message: `${publicUrl} is not https: keys and pictures travel in the open.`,
      remedy: 'Put a proxy with a certificate in front, and set LIMNER_PUBLIC_URL to its address.',
    },
  ];
};

const ofAnswer = async (
  publicUrl: string,
  secret: string | undefined,
  fetch: typeof globalThis.fetch,
): Promise<Finding> => {
  const url = secret === undefined ? `${publicUrl}/healthz` : expiredLink(publicUrl, secret);
  let status: number;
  try {
    const answer = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(PATIENCE_MS) });
    await answer.body?.cancel();
    ({ status } = answer);
  } catch (fault) {
    const cause = fault instanceof Error ? (fault.cause ?? fault) : fault;
    const { code = '' } = cause as { readonly code?: string };
    return {
      check,
      state: 'warning',
      message: `Nobody answers at ${publicUrl}, asked from here (${code === '' ? String(cause) : code}).`,
      remedy:
        'Start the server; if it runs, see name, proxy and firewall. A network may not let its own machines in by the outside.',
    };
  }
  if (status === (secret === undefined ? 200 : 410)) {
    const who = secret === undefined ? 'A server' : 'This installation';
    return { check, state: 'ok', message: `${who} answers at ${publicUrl}.` };
  }
  return {
    check,
    state: 'fault',
    message: `Something else answers at ${publicUrl}, or another installation of Limner (status ${status}).`,
    remedy:
      'Links would not work: correct LIMNER_PUBLIC_URL, or let the proxy pass path and query as they are.',
  };
};

/** Whether links lead to this installation, asked from here. */
export const checkPublicUrl = async (
  config: Config,
  fetch: typeof globalThis.fetch,
): Promise<readonly Finding[]> => {
  const { publicUrl } = config.server;
  if (publicUrl === undefined) return [ofUnset(config)];
  // Without a database there is another finding already.
  const secret = await linkSecretOf(config).catch(() => undefined);
  return [...ofScheme(publicUrl), await ofAnswer(publicUrl, secret, fetch)];
};
