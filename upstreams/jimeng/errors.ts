import type { Fault } from '../faults.ts';

/** A refusal by the service behind the gateway: its envelope with `code` and `data: null` (section 7.4). */
export type ServiceRefusal = {
  readonly kind: 'service';
  readonly status: number;
  readonly code: number;
  readonly message: string;
};

/** A refusal by the gateway before the service: `ResponseMetadata` and nothing else (section 8.3). */
export type GatewayRefusal = {
  readonly kind: 'gateway';
  readonly status: number;
  readonly codeN: number | undefined;
  readonly code: string;
  readonly message: string;
};

/** A refusal in the vendor's words; thrown by the checks, answered at the edge. */
export class JimengRefusal extends Error {
  readonly refusal: ServiceRefusal | GatewayRefusal;
  /** Seconds. */
  readonly retryAfter: number | undefined;

  constructor(refusal: ServiceRefusal | GatewayRefusal, retryAfter?: number) {
    super(`${refusal.code} ${refusal.message}`);
    this.refusal = refusal;
    this.retryAfter = retryAfter;
  }
}

type ServiceRow = readonly [status: number, message: string];
type GatewayRow = readonly [status: number, code: string, message: string];

const LATER = 'Please Try Later';
const INPUT_INVALID = 'Input invalid for this service.';

/** Sections 8.1 and 8.2, by code. The wording of the 502xx family is the vendor's names for it, spelled out. */
const SERVICE_ROWS: Readonly<Record<string, ServiceRow>> = {
  '50411': [400, 'Pre Img Risk Not Pass'],
  '50412': [400, 'Text Risk Not Pass'],
  '50413': [400, 'Post Text Risk Not Pass'],
  '50511': [400, 'Post Img Risk Not Pass'],
  '50512': [400, 'Post Text Risk Not Pass'],
  '50516': [400, 'Post Video Risk Not Pass'],
  '50517': [400, 'Post Audio Risk Not Pass'],
  '50518': [400, 'Pre Img Risk Not Pass: Copyright'],
  '50519': [400, 'Post Img Risk Not Pass: Copyright'],
  '50520': [400, 'Risk Internal Error'],
  '50521': [400, 'Antidirt Internal Error'],
  '50522': [400, 'Image Copyright Internal Error'],
  '50429': [429, `Request Has Reached API Limit, ${LATER}`],
  '50430': [429, `Request Has Reached API Concurrent Limit, ${LATER}`],
  '50500': [500, 'Internal Error'],
  '50501': [500, 'Internal RPC Error'],
  '50218': [400, 'Resource exists risk'],
  '50200': [400, 'Invalid Argument'],
  '50201': [400, 'Missing Argument'],
  '50204': [400, 'Parse Argument Error'],
  '50205': [400, 'Image Size Limited'],
  '50206': [400, 'Image Empty'],
  '50207': [400, 'Image Decode Error'],
  '50209': [400, 'Video Size Limited'],
  '50210': [400, 'Video Empty'],
  '50211': [400, 'Video Decode Error'],
  '50213': [400, 'Request Body Size Limited'],
  '50214': [400, 'Video Time Limited'],
  '50215': [400, INPUT_INVALID],
  '60102': [400, 'Face Not Detected'],
  '60208': [400, 'Image Risk Not Pass'],
  '50400': [401, 'Access Denied: Internal Error'],
  '50402': [404, 'Method Not Found'],
};

/** Section 8.3, by number; one row has no number and one number has two names. */
const GATEWAY_ROWS: Readonly<Record<string, GatewayRow>> = {
  '100002': [400, 'MissingParameter', 'The request is missing Action parameter.'],
  '100003': [401, 'MissingAuthenticationToken', 'Request is missing Authentication Token.'],
  '100004': [400, 'MissingRequestInfo', 'The request is missing X-Date information.'],
  '100005': [401, 'MissingSignature', 'The request is missing signature.'],
  '100006': [400, 'InvalidTimestamp', 'The signature of the request is expired.'],
  '100007': [404, 'ServiceNotFound', 'This service not found.'],
  '100008': [404, 'InvalidActionOrVersion', 'Could not find the operation.'],
  '100009': [401, 'InvalidAccessKey', 'The accesskey included in the request is invalid.'],
  '100010': [
    401,
    'SignatureDoesNotMatch',
    'The request signature we calculated does not match the signature you provided. Check your Secret Access Key and signing method. Consult the service documentation for details.',
  ],
  '100012': [403, 'LackPolicy', 'Request was rejected because of lack of policy.'],
  '100013': [403, 'AccessDenied', 'User is not authorized to perform: cv:Submit on resource: *.'],
  '100014': [500, 'InternalError', 'The request has failed due to some unknown error, exception or failure.'],
  fail_to_connect: [502, 'FailToConnect', 'Failed to connect to the service.'],
  '100016': [504, 'InternalServiceTimeout', 'The service did not answer in time.'],
  '100018': [429, 'FlowLimitExceeded', 'The request was denied because of flow limiting.'],
  account_flow_limit: [
    429,
    'AccountFlowLimitExceeded',
    'The request was denied because of flow limiting of the account.',
  ],
  '100019': [503, 'ServiceUnavailableTemp', 'The service is temporarily unavailable.'],
  '100023': [502, 'InternalServiceError', 'The service failed.'],
  '100024': [401, 'InvalidAuthorization', 'The Authorization header is malformed.'],
  '100025': [401, 'InvalidCredential', 'The Credential of the request is malformed.'],
  '100026': [401, 'InvalidSecretToken', 'The security token included in the request is invalid.'],
};

/** Codes for what was drawn: the submission is accepted and the task ends with them. */
const OUTPUT_CODES = ['50511', '50512', '50516', '50517', '50519'];

/** A `run_` before these: the submission is accepted, and the task ends with the code. */
const RUN_CODES = ['50215', '50500', '50501', '50520', '50521', '50522'];

/** The fault names of single errors: their codes. */
export const ERROR_FAULTS: readonly string[] = [...Object.keys(SERVICE_ROWS), ...Object.keys(GATEWAY_ROWS)];

/** The faults of a task that is accepted and ends with an error. */
export const RUN_FAULTS: readonly string[] = [...OUTPUT_CODES, ...RUN_CODES.map((code) => `run_${code}`)];

/** A refusal by the service with this code, with words of its own if given. */
export function service(code: number, message?: string): JimengRefusal {
  const row = SERVICE_ROWS[code];
  if (row === undefined) throw new Error(`no error has the code ${code}`);
  return new JimengRefusal({ kind: 'service', status: row[0], code, message: message ?? row[1] });
}

/** A refusal by the gateway with this number, with words of its own if given. */
export function gateway(codeN: number, message?: string): JimengRefusal {
  const refusal = gatewayNamed(String(codeN));
  if (refusal === undefined) throw new Error(`the gateway has no error ${codeN}`);
  return new JimengRefusal({ ...refusal, message: message ?? refusal.message });
}

/** The refusal that a fault asks for: a code, or `error` with its own status and code. */
export function refusalOf(fault: Fault): JimengRefusal | undefined {
  const named =
    fault.fault === 'error'
      ? ({ kind: 'service', status: 500, code: 50500, message: 'Internal Error' } as const)
      : (serviceNamed(fault.fault) ?? gatewayNamed(fault.fault));
  if (named === undefined) return undefined;
  const told = {
    status: fault.status ?? named.status,
    message: fault.message ?? named.message,
  };
  const code = fault.code ?? String(named.code);
  return new JimengRefusal(
    named.kind === 'service' && /^\d+$/.test(code)
      ? { kind: 'service', code: Number(code), ...told }
      : { kind: 'gateway', codeN: named.kind === 'gateway' ? named.codeN : undefined, code, ...told },
    fault.retryAfter,
  );
}

/** How a task ends that met this fault, if it ends with an error. */
export function runRefusalOf(fault: Fault): JimengRefusal | undefined {
  return RUN_FAULTS.includes(fault.fault)
    ? refusalOf({ ...fault, fault: fault.fault.replace('run_', '') })
    : undefined;
}

function serviceNamed(name: string): ServiceRefusal | undefined {
  const row = SERVICE_ROWS[name];
  return row && { kind: 'service', status: row[0], code: Number(name), message: row[1] };
}

function gatewayNamed(name: string): GatewayRefusal | undefined {
  const row = GATEWAY_ROWS[name];
  if (row === undefined) return undefined;
  const [status, code, message] = row;
  return { kind: 'gateway', status, codeN: /^\d+$/.test(name) ? Number(name) : undefined, code, message };
}
