import type { Fault } from '../faults.ts';
import { jsonReply } from '../reply.ts';
import type { Reply } from '../reply.ts';

/** A refusal in the vendor's words; thrown by the checks, answered at the edge. */
export class KlingRefusal extends Error {
  readonly status: number;
  readonly code: number;
  readonly retryAfter: number | undefined;

  constructor(status: number, code: number, message: string, retryAfter?: number) {
    super(message);
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
  }
}

/** Section 9: the envelope. Both of its shapes are met: server errors carry `data: null`, the rest omit it. */
export function errorReply({ status, code, message, retryAfter }: KlingRefusal, requestId: string): Reply {
  return jsonReply(
    status,
    { code, message, request_id: requestId, ...(status >= 500 && { data: null }) },
    retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) },
  );
}

type Row = readonly [status: number, code: number, message: string];

/** The whole table of section 9 by a name for scripts and prompts; texts not in the sheet are ours. */
const ROWS: Readonly<Record<string, Row>> = {
  auth_failed: [401, 1000, 'Authentication failed'],
  auth_empty: [401, 1001, 'Authorization is empty'],
  auth_invalid: [401, 1002, 'Authorization is invalid'],
  auth_not_yet_valid: [401, 1003, 'Authorization is not yet valid'],
  auth_expired: [401, 1004, 'Authorization has expired'],
  account_exception: [429, 1100, 'Account exception'],
  account_arrears: [429, 1101, 'Account in arrears'],
  no_balance: [429, 1102, 'Account balance not enough'],
  no_permission: [403, 1103, 'No permission to access the requested resource'],
  invalid_parameters: [400, 1200, 'Invalid request parameters'],
  invalid_value: [400, 1201, 'Invalid parameters, incorrect key or illegal value'],
  bad_body: [400, 1201, 'Failed to resolve the request body'],
  bad_base64: [400, 1201, 'File is not in a valid base64 format'],
  invalid_method: [404, 1202, 'The requested method is invalid'],
  not_found: [404, 1203, 'The requested resource does not exist'],
  policy: [400, 1300, 'Trigger strategy of the platform'],
  mod_in: [400, 1301, 'Trigger the content security policy of the platform'],
  rate_limited: [429, 1302, 'API requests are too fast'],
  concurrency: [429, 1303, 'parallel task over resource pack limit'],
  ip_denied: [429, 1304, 'Trigger the IP whitelist policy of the platform'],
  internal_error: [500, 5000, 'Internal server error'],
  unavailable: [503, 5001, 'Server temporarily unavailable'],
  timeout: [504, 5002, 'Server internal timeout'],
};

/** The fault names of single errors. */
export const ERROR_FAULTS: readonly string[] = Object.keys(ROWS);

/** Each code's number as another name for its error. The two special texts of 1201 have only names. */
export const CODE_ALIASES: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(ROWS)
    .map(([name, [, code]]) => [String(code), name] as const)
    .filter(([, name]) => name !== 'bad_body' && name !== 'bad_base64'),
);

/** The refusal of this name in the table, in other words if given. Throws for a name that is not there. */
export function refusalNamed(name: string, message?: string): KlingRefusal {
  const row = ROWS[name];
  if (row === undefined) throw new Error(`no error is named ${name}`);
  return new KlingRefusal(row[0], row[1], message ?? row[2]);
}

/** The refusal that a fault asks for: a name of the table, or `error` with its own status and code. */
export function refusalOf(fault: Fault | undefined): KlingRefusal | undefined {
  if (fault === undefined) return undefined;
  const row = fault.fault === 'error' ? ROWS['internal_error'] : ROWS[fault.fault];
  if (row === undefined) return undefined;
  const [status, code, message] = row;
  return new KlingRefusal(
    fault.status ?? status,
    fault.code === undefined ? code : Number(fault.code),
    fault.message ?? message,
    fault.retryAfter,
  );
}

/** A 1201 with a text of its own. */
export function invalidValue(message: string): KlingRefusal {
  return refusalNamed('invalid_value', message);
}
