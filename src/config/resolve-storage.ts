import { isIP } from 'node:net';
import { Secret } from '../core/secret.ts';
import type { BucketAddressing, S3Config, StorageConfig } from './config.ts';
import type { Path } from './path.ts';
import type { StorageTree } from './schema.ts';
import { baseAddress } from './values.ts';

type Report = (path: Path, message: string) => void;

/** What MinIO, Ceph and R2 take for the region when nothing else was set there. */
const usualRegion = 'us-east-1';

const credentials = [
  ['access_key_id', 'LIMNER_S3_ACCESS_KEY_ID'],
  ['secret_access_key', 'LIMNER_S3_SECRET_ACCESS_KEY'],
] as const;

/** Reports what does not go together; a fault of ours stays one when the first picture comes. */
export const resolveStorage = (tree: StorageTree, report: Report): StorageConfig => {
  const { kind = 'fs', ...keys } = tree;
  if (kind === 's3') return resolveS3(keys, report);
  for (const key of Object.keys(keys)) {
    report(['storage', key], 'is for a bucket; write kind: s3 beside it, or leave it out');
  }
  return { kind };
};

const resolveS3 = (keys: Omit<StorageTree, 'kind'>, report: Report): S3Config => {
  const at = (key: string): Path => ['storage', key];
  const address = (key: 'link_base_url' | 'public_base_url'): string | undefined =>
    keys[key] === undefined ? undefined : baseAddress(keys[key], at(key), report);
  const { bucket = '', region = usualRegion } = keys;
  if (keys.bucket === undefined) report(at('bucket'), 'is missing: the bucket that pictures are kept in');
  for (const [key, variable] of credentials) {
    if (keys[key] === undefined) report(at(key), `is missing (or ${variable})`);
  }
  if (keys.endpoint === undefined && keys.region === undefined) {
    report(at('region'), 'is missing: the region of the bucket at AWS; for another store write its endpoint');
  }
  const endpoint = baseAddress(keys.endpoint ?? awsEndpoint(region), at('endpoint'), report);
  const host = URL.canParse(endpoint) ? new URL(endpoint).hostname : '';
  const addressing = keys.addressing ?? usualAddressing(host);
  checkAddressing({ addressing, host, bucket, isTls: endpoint.startsWith('https:') }, (message) =>
    report(at('addressing'), message),
  );
  if (/^tos-(?!s3-)[\w-]+\.(i?volces|i?bytepluses)\.com$/.test(host)) {
    report(at('endpoint'), `wants the address for S3, ${endpoint.replace('//tos-', '//tos-s3-')}`);
  }
  const [linkBaseUrl, publicBaseUrl] = [address('link_base_url'), address('public_base_url')];
  return {
    kind: 's3',
    endpoint,
    region,
    bucket,
    addressing,
    prefix: keys.prefix === undefined ? '' : `${keys.prefix.replace(/\/$/, '')}/`,
    // A credential is a text until it is wrapped.
    accessKeyId: new Secret(String(keys.access_key_id ?? '')),
    secretAccessKey: new Secret(String(keys.secret_access_key ?? '')),
    ...(linkBaseUrl !== undefined && { linkBaseUrl }),
    ...(publicBaseUrl !== undefined && { publicBaseUrl }),
  };
};

const awsEndpoint = (region: string): string =>
  `https://s3.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`;

/** Stores that take no bucket in the path, by their documentation (docs/storage.md). */
const virtualOnly = /(^|\.)(aliyuncs|i?volces|i?bytepluses|myqcloud)\.com$/;

const usualAddressing = (host: string): BucketAddressing =>
  virtualOnly.test(host) || /\.amazonaws\.com(\.cn)?$/.test(host) ? 'virtual' : 'path';

const checkAddressing = (
  parts: {
    readonly addressing: BucketAddressing;
    readonly host: string;
    readonly bucket: string;
    readonly isTls: boolean;
  },
  report: (message: string) => void,
): void => {
  const { addressing, host, bucket, isTls } = parts;
  if (addressing === 'path' && virtualOnly.test(host)) {
    report(`wants virtual: ${host} takes no bucket in the path`);
  }
  if (addressing !== 'virtual') return;
  if (isIP(host.replaceAll(/[[\]]/g, '')) !== 0) report('wants path: there are no names below an IP address');
  else if (bucket !== '' && host.startsWith(`${bucket}.`)) {
    report('wants cname, or an endpoint without the bucket: it would be in the host name twice');
  } else if (isTls && bucket.includes('.')) {
    report('wants path, or a bucket without a dot in its name: no certificate covers names two levels below');
  }
};
