import type { Fault } from '../faults.ts';
import { jsonReply } from '../reply.ts';
import type { Reply } from '../reply.ts';

const TYPES: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  429: 'TooManyRequests',
  500: 'InternalServerError',
  503: 'ServiceUnavailable',
};

/** A refusal in the vendor's words; thrown by the checks, answered at the edge. */
export class ArkRefusal extends Error {
  readonly status: number;
  readonly code: string;
  readonly type: string;
  readonly retryAfter: number | undefined;

  constructor(
    status: number,
    code: string,
    message: string,
    extra: { readonly type?: string; readonly retryAfter?: number | undefined } = {},
  ) {
    super(message);
    this.status = status;
    this.code = code;
    this.type = extra.type ?? TYPES[status] ?? '';
    this.retryAfter = extra.retryAfter;
  }
}

/** Section 9.1: the envelope, `param` empty, the request id at the end of the message. */
export function errorReply(refusal: ArkRefusal, requestId: string): Reply {
  const { status, code, type, retryAfter } = refusal;
  return jsonReply(
    status,
    { error: { code, message: `${refusal.message} Request id: ${requestId}`, param: '', type } },
    {
      'x-request-id': requestId,
      ...(retryAfter !== undefined && { 'retry-after': String(retryAfter) }),
    },
  );
}

/** A parameter with a bad value. Measured with an empty `type` for sizes and unsupported parameters. */
export function invalidParameter(name: string, problem: string, type?: ''): ArkRefusal {
  const message = `The parameter \`${name}\` specified in the request is not valid: ${problem}`;
  return new ArkRefusal(400, 'InvalidParameter', message, type === undefined ? {} : { type });
}

export function notFound(model: string): ArkRefusal {
  return new ArkRefusal(
    404,
    'InvalidEndpointOrModel.NotFound',
    `The model or endpoint ${model} does not exist or you do not have access to it.`,
  );
}

export function modelNotOpen(account: string, model: string): ArkRefusal {
  return new ArkRefusal(
    404,
    'ModelNotOpen',
    `Your account ${account} has not activated the model ${model}. Please activate the model service in the Ark Console.`,
  );
}

type Row = readonly [status: number, code: string, message: string, type?: string];

const INVALID = 'One or more parameters specified in the request are not valid.';
const OVERDUE = 'The request failed because your account has an overdue balance.';
const DENIED = 'The request failed because you do not have access to the requested resource.';
const SENSITIVE_TEXT = 'The request failed because the input text may contain sensitive information.';
const SENSITIVE_INPUT = 'The request failed because the input image may contain sensitive information.';
const SENSITIVE_OUTPUT = 'The request failed because the output image may contain sensitive information.';
const COPYRIGHT = 'may be related to copyright restrictions.';
const RISK = 'The request failed because the risk control service rejected it.';
const LATER = 'Please try again later.';

/** The whole table of section 9.2 by a name for scripts and prompts; texts not in the sheet are ours. */
const ROWS: Readonly<Record<string, Row>> = {
  missing_parameter: [
    400,
    'MissingParameter',
    'The request failed because it is missing one or multiple required parameters.',
  ],
  invalid_parameter: [400, 'InvalidParameter', INVALID],
  unsupported_parameter: [400, 'InvalidParameter.UnsupportedParameter', INVALID],
  tos_url_invalid: [400, 'InvalidParameter.TosURLInvalid', INVALID],
  empty_image_url: [400, 'InvalidImageURL.EmptyURL', 'The image URL is empty.'],
  invalid_image_url: [
    400,
    'InvalidImageURL.InvalidFormat',
    'The image URL or its base64 content cannot be parsed.',
  ],
  invalid_argument: [400, 'InvalidArgumentError', INVALID],
  out_of_context: [400, 'OutofContextError', 'The input exceeds the context of the model.'],
  duplicate_tags: [400, 'Duplicate.Tags.Key', 'The tag keys are duplicated.'],
  endpoint_closed: [
    400,
    'InvalidEndpoint.ClosedEndpoint',
    'The endpoint is closed or temporarily unavailable.',
  ],
  sensitive_content: [400, 'SensitiveContentDetected', SENSITIVE_TEXT],
  sensitive_severe: [400, 'SensitiveContentDetected.SevereViolation', SENSITIVE_TEXT],
  sensitive_violence: [400, 'SensitiveContentDetected.Violence', SENSITIVE_TEXT],
  mod_in: [400, 'InputTextSensitiveContentDetected', SENSITIVE_TEXT],
  mod_in_policy: [
    400,
    'InputTextSensitiveContentDetected.PolicyViolation',
    `The request failed because the input text ${COPYRIGHT}`,
  ],
  mod_image: [400, 'InputImageSensitiveContentDetected', SENSITIVE_INPUT],
  mod_image_policy: [
    400,
    'InputImageSensitiveContentDetected.PolicyViolation',
    `The request failed because the input image ${COPYRIGHT}`,
  ],
  mod_face: [
    400,
    'InputImageSensitiveContentDetected.PrivacyInformation',
    'The request failed because the input image may contain a real person.',
  ],
  mod_out: [400, 'OutputImageSensitiveContentDetected', SENSITIVE_OUTPUT],
  mod_out_deepfake: [400, 'OutputImageSensitiveContentDetected.DeepFake', SENSITIVE_OUTPUT],
  mod_out_policy: [
    400,
    'OutputImageSensitiveContentDetected.PolicyViolation',
    `The request failed because the output image ${COPYRIGHT}`,
  ],
  risk_input_text: [400, 'InputTextRiskDetection', RISK],
  risk_input_image: [400, 'InputImageRiskDetection', RISK],
  risk_output_text: [400, 'OutputTextRiskDetection', RISK],
  risk_output_image: [400, 'OutputImageRiskDetection', RISK],
  security_detection_error: [
    400,
    'ContentSecurityDetectionError',
    'The request failed because the content security service failed.',
  ],
  invalid_subscription: [400, 'InvalidSubscription', 'Your plan has expired.', 'Forbidden'],
  authentication_error: [
    401,
    'AuthenticationError',
    'the API key or AK/SK in the request is missing or invalid.',
  ],
  invalid_account_status: [
    401,
    'InvalidAccountStatus',
    'The request failed because your account is blocked.',
  ],
  access_denied: [403, 'AccessDenied', DENIED],
  overdue: [403, 'AccountOverdueError', OVERDUE],
  service_overdue: [403, 'OperationDenied.ServiceOverdue', OVERDUE],
  service_not_open: [403, 'OperationDenied.ServiceNotOpen', 'The service is not activated for your account.'],
  permission_denied: [403, 'OperationDenied.PermissionDenied', DENIED],
  invalid_state: [403, 'OperationDenied.InvalidState', 'The operation is not allowed in the current state.'],
  unsupported_phase: [
    403,
    'OperationDenied.UnsupportedPhase',
    'The operation is not allowed in the current phase.',
  ],
  file_quota_exceeded: [403, 'OperationDenied.FileQuotaExceeded', 'The file quota is used up.'],
  model_not_found: [
    404,
    'InvalidEndpointOrModel.NotFound',
    'The model or endpoint does not exist or you do not have access to it.',
  ],
  model_id_disabled: [
    404,
    'InvalidEndpointOrModel.ModelIDAccessDisabled',
    'Accessing the model via Model ID is not allowed for your account. Please use a custom endpoint ID instead.',
  ],
  // The formatting bug is the vendor's: a real body showed it in place of the account.
  model_not_open: [
    404,
    'ModelNotOpen',
    'Your account %!s(int64=2100000000) has not activated the model. Please activate the model service in the Ark Console.',
  ],
  not_found: [404, 'NotFound.Resource', 'The requested resource does not exist.'],
  unsupported_model: [404, 'UnsupportedModel', 'Your plan does not include this model.', ''],
  rate_limited_endpoint_rpm: [
    429,
    'RateLimitExceeded.EndpointRPMExceeded',
    `RPM (Requests Per Minute) limit of the endpoint is exceeded. ${LATER}`,
  ],
  rate_limited_endpoint_tpm: [
    429,
    'RateLimitExceeded.EndpointTPMExceeded',
    `TPM (Tokens Per Minute) limit of the endpoint is exceeded. ${LATER}`,
  ],
  rate_limited_rpm: [
    429,
    'ModelAccountRpmRateLimitExceeded',
    'RPM (Requests Per Minute) limit of the model is exceeded. Please try again later',
  ],
  rate_limited_tpm: [
    429,
    'ModelAccountTpmRateLimitExceeded',
    'TPM (Tokens Per Minute) limit of the model is exceeded. Please try again later',
  ],
  rate_limited_ipm: [
    429,
    'ModelAccountIpmRateLimitExceeded',
    'IPM (Images Per Minute) limit of the model is exceeded.',
  ],
  rate_limited_api_account_rpm: [
    429,
    'APIAccountRpmRateLimitExceeded',
    `RPM (Requests Per Minute) limit of your account is exceeded. ${LATER}`,
  ],
  rate_limited_account: [
    429,
    'AccountRateLimitExceeded',
    `The rate limit of your account is exceeded. ${LATER}`,
  ],
  quota_free_used_up: [429, 'QuotaExceeded', 'Your free quota of the model is used up.'],
  quota_queue_full: [429, 'QuotaExceeded', `The number of queued tasks exceeds the limit. ${LATER}`],
  quota_plan: [429, 'AccountQuotaExceeded', 'You have exceeded the 5-hour usage quota of your plan.'],
  spending_limit: [
    429,
    'SetLimitExceeded',
    'The model is paused because the limit set in Safe Experience Mode is reached.',
  ],
  inflight_exceeded: [429, 'InflightBatchsizeExceeded', 'Too many requests are in flight for your account.'],
  overloaded: [429, 'ServerOverloaded', `The service is currently overloaded. ${LATER}`],
  burst: [429, 'RequestBurstTooFast', 'Requests increase too fast. Please ramp up slowly.'],
  internal_error: [
    500,
    'InternalServiceError',
    `The service encountered an unexpected internal error. ${LATER}`,
  ],
};

/** The fault names of single error codes. */
export const ERROR_FAULTS: readonly string[] = Object.keys(ROWS);

/** The refusal of this name in the table. Throws for a name that is not there. */
export function refusalNamed(name: string): ArkRefusal {
  const refusal = refusalOf({ fault: name });
  if (refusal === undefined) throw new Error(`no error is named ${name}`);
  return refusal;
}

/** The refusal that a fault asks for: a name of the table, or `error` with its own status and code. */
export function refusalOf(fault: Fault): ArkRefusal | undefined {
  const row: Row | undefined =
    fault.fault === 'error' ? [500, 'InternalServiceError', 'The request failed.'] : ROWS[fault.fault];
  if (row === undefined) return undefined;
  const [status, code, message] = row;
  const type = fault.type ?? (fault.status === undefined ? row[3] : undefined);
  return new ArkRefusal(fault.status ?? status, fault.code ?? code, fault.message ?? message, {
    ...(type !== undefined && { type }),
    retryAfter: fault.retryAfter,
  });
}
