/**
 * Ceph's RADOS Gateway on this machine, from Debian's packages: one monitor, one manager, one storage daemon that keeps
 * everything in memory, and the gateway, all on the loopback and below one temporary folder.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { eventually } from '../support/eventually.ts';

const run = promisify(execFile);

/** The packages that have the programs below. */
export const CEPH_PACKAGES = 'radosgw ceph-mon ceph-mgr ceph-osd ceph-common';

/** A gateway that answers, and who may use it. */
export interface RadosGateway extends AsyncDisposable {
  readonly port: number;
  /** Buckets are sub-domains of it as well. */
  readonly baseHost: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly version: string;
  /** From the first process to the first answer. */
  readonly bootMs: number;
}

const BASE_HOST = 's3.localhost';

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
};

const configOf = (folder: string, fsid: string, ports: readonly number[]): string => `[global]
fsid = ${fsid}
mon host = v2:127.0.0.1:${ports[0]},v1:127.0.0.1:${ports[1]}
public addr = 127.0.0.1
ms bind ipv6 = false
run dir = ${folder}
admin socket = ${folder}/$name.asok
pid file = ${folder}/$name.pid
log file = ${folder}/$name.log
keyring = ${folder}/keyring
mon data = ${folder}/mon
mgr data = ${folder}/mgr
mgr initial modules =
osd data = ${folder}/osd
osd objectstore = memstore
memstore device bytes = 1073741824
osd max object name len = 1024
osd max object namespace len = 256
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon warn on pool no redundancy = false
rgw data = ${folder}/rgw
rgw frontends = beast endpoint=127.0.0.1:${ports[2]}
rgw dns name = ${BASE_HOST}
rgw thread pool size = 16
`;

/** Starts all of it. Rejects with what a program wrote when one is missing or fails. */
export const startRadosGateway = async (): Promise<RadosGateway> => {
  const startedAt = performance.now();
  const folder = await mkdtemp(join(tmpdir(), 'limner-ceph-'));
  const [monitorPort, olderPort, port] = [await freePort(), await freePort(), await freePort()] as const;
  const fsid = randomUUID();
  const conf = join(folder, 'ceph.conf');
  const keyring = join(folder, 'keyring');
  const daemons: ChildProcess[] = [];

  const tool = async (name: string, ...args: readonly string[]): Promise<string> =>
    (await run(name, [...args], { cwd: folder, env: { ...process.env, CEPH_CONF: conf } })).stdout;
  const ceph = (...args: readonly string[]): Promise<string> =>
    tool('ceph', '--connect-timeout', '30', ...args);
  const daemon = async (name: string, ...args: readonly string[]): Promise<void> => {
    const child = spawn(name, ['-f', '-c', conf, ...args], { cwd: folder, stdio: 'ignore' });
    await once(child, 'spawn');
    daemons.push(child);
  };
  const stop = async (): Promise<void> => {
    for (const child of daemons.toReversed()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    await rm(folder, { recursive: true, force: true });
  };

  try {
    for (const each of ['mon', 'mgr', 'osd', 'rgw']) await mkdir(join(folder, each));
    await writeFile(conf, configOf(folder, fsid, [monitorPort, olderPort, port]));

    await tool(
      'ceph-authtool',
      '--create-keyring',
      keyring,
      '--gen-key',
      '-n',
      'mon.',
      '--cap',
      'mon',
      'allow *',
    );
    const everything = ['mon', 'osd', 'mgr'].flatMap((each) => ['--cap', each, 'allow *']);
    await tool('ceph-authtool', keyring, '--gen-key', '-n', 'client.admin', ...everything);
    const address = `[v2:127.0.0.1:${monitorPort},v1:127.0.0.1:${olderPort}]`;
    await tool('monmaptool', '--create', '--clobber', '--fsid', fsid, '--addv', 'a', address, 'monmap');
    await tool('ceph-mon', '-c', conf, '--mkfs', '-i', 'a', '--monmap', 'monmap', '--keyring', keyring);
    await daemon('ceph-mon', '-i', 'a');

    const disk = randomUUID();
    const osd = (await ceph('osd', 'new', disk)).trim();
    const osdRights = ['mon', 'allow profile osd', 'mgr', 'allow profile osd', 'osd', 'allow *'];
    await ceph('auth', 'get-or-create', `osd.${osd}`, ...osdRights, '-o', 'osd/keyring');
    await tool('ceph-osd', '-c', conf, '-i', osd, '--mkfs', '--osd-uuid', disk, '--keyring', 'osd/keyring');
    await daemon('ceph-osd', '-i', osd, '--keyring', 'osd/keyring');
    await ceph('osd', 'crush', 'add', `osd.${osd}`, '1.0', 'host=here', 'root=default');

    const mgrRights = ['mon', 'allow profile mgr', 'osd', 'allow *'];
    await ceph('auth', 'get-or-create', 'mgr.x', ...mgrRights, '-o', 'mgr/keyring');
    await daemon('ceph-mgr', '-i', 'x', '--keyring', 'mgr/keyring');
    const rgwRights = ['mon', 'allow rw', 'osd', 'allow rwx', 'mgr', 'allow rw'];
    await ceph('auth', 'get-or-create', 'client.rgw', ...rgwRights, '-o', 'rgw/keyring');
    await daemon('radosgw', '-n', 'client.rgw', '--keyring', 'rgw/keyring');

    const isUp = async (): Promise<true | undefined> =>
      (await fetch(`http://127.0.0.1:${port}/`).catch(() => undefined))?.status === 200 || undefined;
    await eventually(isUp, 'the gateway answers', 90_000);
    const user = JSON.parse(
      await tool('radosgw-admin', 'user', 'create', '--uid', 'limner', '--display-name', 'Limner'),
    ) as { readonly keys: readonly { readonly access_key: string; readonly secret_key: string }[] };
    const [pair] = user.keys;
    if (pair === undefined) throw new Error('The gateway made no key');
    return {
      port,
      baseHost: BASE_HOST,
      accessKeyId: pair.access_key,
      secretAccessKey: pair.secret_key,
      version: (await tool('radosgw', '--version')).trim(),
      bootMs: performance.now() - startedAt,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
};
