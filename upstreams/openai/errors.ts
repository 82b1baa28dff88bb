import type { Fault } from '../faults.ts';
import { jsonReply, textReply } from '../reply.ts';
import type { Reply } from '../reply.ts';

type ErrorFields = {
  readonly type?: string;
  readonly param?: string | null;
  readonly code?: string | null;
  /** Keys beside the usual four. */
  readonly more?: Readonly<Record<string, unknown>>;
};

/** A refusal in the vendor's words; thrown by the checks, answered at the edge. */
export class OpenAiRefusal extends Error {
  readonly status: number;
  readonly fields: ErrorFields;
  /** The delay that the headers tell. */
  readonly retryAfterMs: number | undefined;

  constructor(status: number, message: string, fields: ErrorFields, retryAfterMs?: number) {
    super(message);
    this.status = status;
    this.fields = fields;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Section 4: the envelope. Azure's older shapes leave `type` and `param` out. */
export function errorReply(refusal: OpenAiRefusal): Reply {
  const { status, message, fields, retryAfterMs } = refusal;
  const { type, param, code, more } = fields;
  const error = {
    message,
    ...(type !== undefined && { type }),
    ...(param !== undefined && { param }),
    ...(code !== undefined && { code }),
    ...more,
  };
  return jsonReply(
    status,
    { error },
    retryAfterMs === undefined
      ? {}
      : {
          'retry-after': String(Math.ceil(retryAfterMs / 1000)),
          'retry-after-ms': String(retryAfterMs),
        },
  );
}

const VALIDATOR = 'invalid_request_error';
const USER = 'image_generation_user_error';

/** What the general validator says: a field is missing, of the wrong type, or unknown. */
export function invalidRequest(
  code: string | null,
  param: string | null,
  message: string,
  status = 400,
): OpenAiRefusal {
  return new OpenAiRefusal(status, message, { type: VALIDATOR, param, code });
}

/** What the image service says: the type of every fault that the caller can mend. */
export function invalidImageRequest(code: string, param: string, message: string): OpenAiRefusal {
  return new OpenAiRefusal(400, message, { type: USER, param, code });
}

/** The measured answer for a model that was retired or never was (section 2). */
export function noSuchModel(model: string): OpenAiRefusal {
  return invalidImageRequest('invalid_value', 'model', `The model '${model}' does not exist.`);
}

export function wrongKey(sent: string): OpenAiRefusal {
  const masked = sent.length > 12 ? `${sent.slice(0, 7)}${'*'.repeat(8)}${sent.slice(-4)}` : '****';
  return invalidRequest('invalid_api_key', null, `Incorrect API key provided: ${masked}.`, 401);
}

/** A limit of requests, images or input images per minute. */
export function rateLimited(
  type: string,
  limit: number,
  model: string,
  unit: string,
  waitMs: number,
): OpenAiRefusal {
  return new OpenAiRefusal(
    429,
    `Rate limit reached for ${model} on ${unit} per min: Limit ${limit}, Used ${limit}. Please try again in ${waitMs}ms.`,
    { type, param: null, code: 'rate_limit_exceeded' },
    waitMs,
  );
}

type Row = readonly [status: number, message: string, fields: ErrorFields, retryAfterMs?: number | undefined];

const blocked = (stage: 'input' | 'output' | 'unknown'): Row => [
  400,
  'Your request was rejected by the safety system. safety_violations=[violence].',
  {
    type: USER,
    param: null,
    code: 'moderation_blocked',
    more: { moderation_details: { moderation_stage: stage, categories: ['violence'] } },
  },
];

const validator = (code: string | null, param: string | null, message: string, status = 400): Row => [
  status,
  message,
  { type: VALIDATOR, param, code },
];

const userError = (code: string, param: string, message: string): Row => [
  400,
  message,
  { type: USER, param, code },
];

const limit = (type: string, message: string, code = 'rate_limit_exceeded', retryAfterMs?: number): Row => [
  429,
  message,
  { type, param: null, code },
  retryAfterMs,
];

const quota = (code: string): Row =>
  limit('insufficient_quota', 'You exceeded your current quota, please check your plan and billing.', code);

const AZURE_FILTER = {
  hate: { filtered: false, severity: 'safe' },
  sexual: { filtered: false, severity: 'safe' },
  violence: { filtered: true, severity: 'medium' },
  self_harm: { filtered: false, severity: 'safe' },
  jailbreak: { detected: false, filtered: false },
};

/** Sections 1.1, 4 and 5 by a name for scripts and prompts; texts that are not in the sheet are ours. */
const ROWS: Readonly<Record<string, Row>> = {
  moderation_input: blocked('input'),
  moderation_output: blocked('output'),
  moderation_unknown: blocked('unknown'),
  content_policy: validator('content_policy_violation', null, 'The text of the prompt was rejected.'),
  content_policy_images: validator(
    'content_policy_violation',
    null,
    'Image descriptions generated from the prompt were rejected. Sending it again may succeed.',
  ),
  content_filters: validator(
    'content_policy_violation',
    null,
    'This request has been blocked by our content filters.',
  ),
  retired_model: userError('invalid_value', 'model', "The model 'dall-e-3' does not exist."),
  bad_size: userError('invalid_value', 'size', "Invalid size. Supported values are: 'auto', '1024x1024'."),
  input_fidelity: userError(
    'invalid_input_fidelity_model',
    'input_fidelity',
    'The model does not take input_fidelity.',
  ),
  png_compression: userError(
    'invalid_png_output_compression',
    'output_compression',
    'PNG output has no compression below 100.',
  ),
  unknown_parameter: validator(
    'unknown_parameter',
    'response_format',
    "Unknown parameter: 'response_format'.",
  ),
  missing_parameter: validator(
    'missing_required_parameter',
    'prompt',
    "Missing required parameter: 'prompt'.",
  ),
  invalid_type: validator('invalid_type', 'n', "Invalid type for 'n'."),
  prompt_too_long: validator('string_above_max_length', 'prompt', "Invalid 'prompt': string too long."),
  unsupported_mimetype: validator('unsupported_file_mimetype', 'image', 'Unsupported mimetype.'),
  missing_mimetype: validator('missing_file_mimetype', 'image', 'The file has no mimetype.'),
  billing_hard_limit: validator('billing_hard_limit_reached', null, 'Billing hard limit has been reached.'),
  billing_hard_limit_429: validator(
    'billing_hard_limit_reached',
    null,
    'Billing hard limit has been reached.',
    429,
  ),
  invalid_api_key: validator('invalid_api_key', null, 'Incorrect API key provided: sk-****.', 401),
  missing_scopes: validator(null, null, 'You have insufficient permissions for this operation.', 401),
  invalid_organization: validator('invalid_organization', null, 'No such organization.', 401),
  not_verified: validator(null, null, 'Your organization must be verified to use the model.', 403),
  not_verified_400: validator('unsupported_value', 'model', 'Your organization must be verified.'),
  not_verified_404: validator('model_not_found', null, 'Your organization must be verified.', 404),
  unsupported_country: [
    403,
    'Country, region, or territory not supported.',
    { type: 'request_forbidden', param: null, code: 'unsupported_country_region_territory' },
  ],
  no_model_access: validator('model_not_found', null, 'The project has no access to the model.', 403),
  model_not_found: validator('model_not_found', null, 'The model does not exist or is not open to you.', 404),
  conflict: validator(null, null, 'The request conflicts with another one.', 409),
  too_large: validator(null, null, 'The request body is too large.', 413),
  rate_limited: limit('requests', 'Rate limit reached. Please try again in 2s.', undefined, 2000),
  rate_limited_plain: limit('requests', 'Rate limit reached.'),
  rate_limited_text: limit('requests', 'Rate limit reached. Please try again in 1.5s.'),
  rate_limited_tokens: limit('tokens', 'Rate limit reached. Please try again in 600ms.', undefined, 600),
  rate_limited_input_images: limit(
    'input-images',
    'Rate limit reached on input-images per min. Please try again in 12s.',
    undefined,
    12_000,
  ),
  slow_down: limit('rate_limit_error', 'The rate of requests grew too fast. Slow down.', 'slow_down'),
  insufficient_quota: quota('insufficient_quota'),
  credit_balance_exhausted: quota('credit_balance_exhausted'),
  organization_spend_limit: quota('organization_spend_limit_exceeded'),
  project_spend_limit: quota('project_spend_limit_exceeded'),
  organization_usage_limit: quota('organization_usage_limit_exceeded'),
  internal_error: [500, 'The server had an error.', { type: 'server_error', param: null, code: null }],
  generation_failed: [
    500,
    'The image could not be generated.',
    { type: 'image_generation_server_error', param: null, code: 'image_generation_failed' },
  ],
  overloaded: [
    503,
    'The server is overloaded. Please try again later.',
    { type: 'service_unavailable_error', param: null, code: 'server_is_overloaded' },
    5000,
  ],
  azure_content_filter: [
    400,
    'Your task failed as a result of our safety system.',
    { code: 'contentFilter' },
  ],
  azure_content_filter_image: [
    400,
    'Generated image was filtered as a result of our safety system.',
    { code: 'contentFilter' },
  ],
  azure_responsible_ai: [
    400,
    'Your request was rejected as a result of our safety system.',
    {
      type: VALIDATOR,
      param: null,
      code: 'content_policy_violation',
      more: {
        inner_error: { code: 'ResponsibleAIPolicyViolation', content_filter_results: AZURE_FILTER },
      },
    },
  ],
  azure_moderation: [
    400,
    'Your request was rejected by the safety system. safety_violations=[violence]',
    { type: USER, param: null, code: 'moderation_blocked' },
  ],
  azure_forbidden: [403, 'The resource is temporarily blocked.', { code: 'Forbidden' }],
  azure_bad_key: [401, 'Access denied due to an invalid subscription key.', { code: '401' }],
  azure_no_deployment: [404, 'The deployment does not exist.', { code: 'DeploymentNotFound' }],
  azure_429: [429, 'The call rate limit is exceeded.', { code: '429' }, 20_000],
  azure_rate_limit: [429, 'The rate limit is reached.', { code: 'RateLimitReached' }, 10_000],
};

/** The fault names of single error codes. */
export const ERROR_FAULTS: readonly string[] = Object.keys(ROWS);

/** Refusals that come only after the picture was made. */
export const OUTPUT_REFUSALS: ReadonlySet<string> = new Set([
  'moderation_output',
  'content_policy_images',
  'generation_failed',
  'azure_content_filter_image',
]);

/** The refusal that a fault asks for: a name of the table, or `error` with its own status and code. */
export function refusalOf(fault: Fault): OpenAiRefusal | undefined {
  const row: Row | undefined =
    fault.fault === 'error'
      ? [500, 'The request failed.', { type: 'server_error', param: null, code: null }]
      : ROWS[fault.fault];
  if (row === undefined) return undefined;
  const [status, message, fields, retryAfterMs] = row;
  return new OpenAiRefusal(
    fault.status ?? status,
    fault.message ?? message,
    {
      ...fields,
      ...(fault.code !== undefined && { code: fault.code }),
      ...(fault.type !== undefined && { type: fault.type }),
    },
    fault.retryAfter === undefined ? retryAfterMs : fault.retryAfter * 1000,
  );
}

/** The refusal of this name in the table. Throws for a name that is not there. */
export function refusalNamed(name: string): OpenAiRefusal {
  const refusal = refusalOf({ fault: name });
  if (refusal === undefined) throw new Error(`no error is named ${name}`);
  return refusal;
}

/** The wall in front of the vendor: no JSON, and a delay that nobody should obey (section 4). */
export function cloudflareReply(): Reply {
  const reply = textReply(429, 'text/plain; charset=UTF-8', 'error code: 1015');
  return reply.kind === 'whole' ? { ...reply, headers: { ...reply.headers, 'retry-after': '54749' } } : reply;
}
