/** What a request to a store went wrong with, in words that say what to do about it. */
import { elementOf } from './xml.ts';

/** What is known of the store that answered. */
export interface S3Place {
  readonly endpoint: string;
  readonly bucket: string;
}

/** The store answered, and the answer is no. */
export class S3Error extends Error {
  override readonly name = 'S3Error';
  /** Such as `NoSuchBucket`; `HTTP 503` when the answer has no code. */
  readonly code: string;
  readonly status: number;

  constructor(message: string, { code, status }: { readonly code: string; readonly status: number }) {
    super(message);
    this.code = code;
    this.status = status;
  }

  /** Whether the same request may well succeed in a moment. */
  get isPassing(): boolean {
    return this.status >= 500 || this.status === 429 || passingCodes.has(this.code);
  }
}

/** The store was not reached, or did not answer. */
export class S3Unreachable extends Error {
  override readonly name = 'S3Unreachable';
  /** The network's word for it, such as `ECONNREFUSED`. */
  readonly code: string;

  constructor(message: string, options: { readonly code: string; readonly cause: unknown }) {
    super(message, { cause: options.cause });
    this.code = options.code;
  }
}

/** Codes that come with a status below 500. */
const passingCodes = new Set(['RequestTimeout', 'OperationAborted']);

/** An answer with a status that is not a success. */
export interface S3Refused {
  readonly status: number;
  /** The body: XML, or nothing for HEAD, or the page of something in between. */
  readonly text: string;
  /** The `Date` header: what the store's clock says. */
  readonly date: string | undefined;
  readonly nowMs: number;
}

/** @param what the request, such as `PUT images/call_1-0`. */
export const readS3Error = (what: string, place: S3Place, refused: S3Refused): S3Error => {
  const { status, text } = refused;
  const code = elementOf(text, 'Code') ?? `HTTP ${status}`;
  const said = elementOf(text, 'Message');
  const advice = adviceFor(code, place, refused);
  const details = [code, said].filter((part) => part !== undefined).join(': ');
  return new S3Error(`${what}: ${advice === undefined ? '' : `${advice} `}(${details})`, { code, status });
};

/** @param fault what the network threw. */
export const readNetworkFault = (what: string, { endpoint }: S3Place, fault: unknown): S3Unreachable => {
  const code = fault instanceof Error && 'code' in fault ? String(fault.code) : 'stopped';
  const advice = /CERT|SELF_SIGNED|ALTNAME/.test(code)
    ? `The certificate of ${endpoint} is not trusted; NODE_EXTRA_CA_CERTS names a file with further authorities.`
    : (networkAdvice[code] ?? 'The connection to the store failed.');
  return new S3Unreachable(`${what}: ${advice} (${code} at ${endpoint})`, { code, cause: fault });
};

const networkAdvice: Readonly<Record<string, string>> = {
  ENOTFOUND: 'There is no such host; check storage.endpoint and storage.addressing.',
  ECONNREFUSED: 'Nothing listens there; check storage.endpoint and whether the store runs.',
  UND_ERR_CONNECT_TIMEOUT: 'The store could not be reached in time.',
  UND_ERR_HEADERS_TIMEOUT: 'The store took too long to answer.',
  UND_ERR_BODY_TIMEOUT: 'The store stopped in the middle of its answer.',
};

const adviceFor = (
  code: string,
  { bucket, endpoint }: S3Place,
  { text, date, nowMs }: S3Refused,
): string | undefined => {
  switch (code) {
    case 'NoSuchBucket':
      return `There is no bucket ${bucket} at ${endpoint}; create it, or correct storage.bucket.`;
    case 'SignatureDoesNotMatch':
      return 'The signature is not accepted: storage.secret_access_key does not belong to storage.access_key_id, or something in between changes the Host header.';
    case 'InvalidAccessKeyId':
      return 'The store does not know storage.access_key_id.';
    case 'AccessDenied':
    case 'HTTP 403':
      return `The access key may not do this in the bucket ${bucket}: it needs s3:PutObject, s3:GetObject, s3:DeleteObject and s3:ListBucket.`;
    case 'RequestTimeTooSkewed':
      return `The clocks are apart by over 15 minutes: here it is ${new Date(nowMs).toUTCString()}, at the store ${date ?? 'unknown'}.`;
    case 'AuthorizationHeaderMalformed':
    case 'PermanentRedirect':
    case 'TemporaryRedirect':
    case 'HTTP 301':
      return `The bucket ${bucket} belongs to another region or endpoint; correct storage.region${regionIn(text)} and storage.endpoint.`;
    case 'SecondLevelDomainForbidden':
      return 'The store wants the bucket in the host name; set storage.addressing to virtual.';
    case 'SlowDown':
    case 'ServiceUnavailable':
      return 'The store asks for fewer requests.';
    case 'QuotaExceeded':
    case 'XMinioStorageFull':
      return 'The store is full.';
    case 'XAmzContentSHA256Mismatch':
    case 'BadDigest':
      return 'What arrived is not what was sent.';
    default:
      return undefined;
  }
};

const regionIn = (text: string): string => {
  const region = elementOf(text, 'Region');
  return region === undefined ? '' : ` (the store says ${region})`;
};
