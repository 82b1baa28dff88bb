/**
 * The one catalogue of errors. What the outside sees of an error is decided here and nowhere else:
 * its HTTP status, its type in OpenAI's envelope, and the page `docs/errors/<code>.md`.
 */

/** What one code means to the outside. */
interface CatalogueEntry {
  /** HTTP status when a request is answered with it; a task's own error travels in a 200. */
  readonly status: number;
  /** `error.type` of OpenAI's envelope, which picks the class an OpenAI SDK raises. */
  readonly type:
    | 'invalid_request_error'
    | 'authentication_error'
    | 'permission_error'
    | 'not_found_error'
    | 'rate_limit_error'
    | 'server_error'
    | 'upstream_error';
  /** One line for a page title or a list. */
  readonly title: string;
  /** Whether an operator should hear of it: it means that something is broken on our side. */
  readonly report: boolean;
  /** Whether the same request may succeed later, unchanged. */
  readonly retryable: boolean;
}

const entry = (
  status: number,
  type: CatalogueEntry['type'],
  title: string,
  flags: { report?: boolean; retryable?: boolean } = {},
): CatalogueEntry => ({
  status,
  type,
  title,
  report: flags.report ?? false,
  retryable: flags.retryable ?? false,
});

/** Codes that answer an HTTP request. */
const requestErrors = {
  invalid_json: entry(400, 'invalid_request_error', 'The body is not valid JSON'),
  invalid_parameter: entry(400, 'invalid_request_error', 'A parameter is missing or not valid'),
  unknown_parameter: entry(400, 'invalid_request_error', 'A parameter does not exist'),
  missing_api_key: entry(401, 'authentication_error', 'No API key was sent'),
  invalid_api_key: entry(401, 'authentication_error', 'The API key is not known'),
  insufficient_role: entry(403, 'permission_error', 'The key may not do this'),
  model_not_allowed: entry(403, 'permission_error', 'The key may not use this model'),
  address_not_allowed: entry(403, 'permission_error', 'The key may not be used from this address'),
  model_not_found: entry(404, 'not_found_error', 'There is no such model'),
  task_not_found: entry(404, 'not_found_error', 'There is no such task'),
  key_not_found: entry(404, 'not_found_error', 'There is no such key'),
  image_not_found: entry(404, 'not_found_error', 'There is no such image'),
  webhook_endpoint_not_found: entry(404, 'not_found_error', 'There is no such webhook endpoint'),
  delivery_not_found: entry(404, 'not_found_error', 'There is no such delivery'),
  route_not_found: entry(404, 'not_found_error', 'There is nothing at this address'),
  method_not_allowed: entry(405, 'invalid_request_error', 'This address does not take this method'),
  task_already_ended: entry(409, 'invalid_request_error', 'The task has already ended'),
  webhook_endpoint_disabled: entry(409, 'invalid_request_error', 'The webhook endpoint is disabled'),
  idempotency_in_progress: entry(
    409,
    'invalid_request_error',
    'The first request with this key is not answered yet',
    {
      retryable: true,
    },
  ),
  image_expired: entry(410, 'invalid_request_error', 'The link has expired'),
  payload_too_large: entry(413, 'invalid_request_error', 'The body is too large'),
  unsupported_media_type: entry(415, 'invalid_request_error', 'The body is not JSON'),
  idempotency_key_reused: entry(
    422,
    'invalid_request_error',
    'The idempotency key was used with another body',
  ),
  rate_limit_exceeded: entry(429, 'rate_limit_error', 'Too many requests', { retryable: true }),
  concurrency_limit_exceeded: entry(429, 'rate_limit_error', 'Too many tasks at once', { retryable: true }),
  insufficient_quota: entry(429, 'rate_limit_error', 'The budget of this key is used up'),
  queue_full: entry(429, 'rate_limit_error', 'The queue is full', { retryable: true }),
  internal_error: entry(500, 'server_error', 'Something went wrong here', { report: true, retryable: true }),
  result_not_ready: entry(504, 'server_error', 'The pictures are not ready yet', { retryable: true }),
  model_unavailable: entry(503, 'server_error', 'No provider serves this model now', { retryable: true }),
  database_unavailable: entry(503, 'server_error', 'The database cannot be reached', {
    report: true,
    retryable: true,
  }),
  moderation_unavailable: entry(503, 'server_error', 'Nobody could judge the prompt', {
    report: true,
    retryable: true,
  }),
  shutting_down: entry(503, 'server_error', 'The server is shutting down', { retryable: true }),
} as const satisfies Record<string, CatalogueEntry>;

/** Codes that a failed task carries; the status serves endpoints that wait for the result and cannot answer a task. */
const taskErrors = {
  content_policy_violation: entry(400, 'invalid_request_error', 'Refused for its content'),
  prompt_rejected: entry(400, 'invalid_request_error', 'The model cannot take this prompt'),
  reference_unreachable: entry(400, 'invalid_request_error', 'The reference picture could not be fetched'),
  reference_invalid: entry(400, 'invalid_request_error', 'The reference picture cannot be used'),
  provider_rejected_request: entry(400, 'upstream_error', 'The provider rejected the request', {
    report: true,
  }),
  provider_auth_failed: entry(502, 'upstream_error', 'The provider refused our credentials', {
    report: true,
  }),
  provider_quota_exhausted: entry(
    502,
    'upstream_error',
    'The account at the provider is out of funds or quota',
    {
      report: true,
    },
  ),
  provider_rate_limited: entry(503, 'upstream_error', 'The provider is limiting our rate', {
    retryable: true,
  }),
  provider_unavailable: entry(503, 'upstream_error', 'The provider is not available', { retryable: true }),
  provider_timeout: entry(504, 'upstream_error', 'The provider took too long', { retryable: true }),
  provider_bad_response: entry(502, 'upstream_error', 'The provider answered nonsense', {
    report: true,
    retryable: true,
  }),
  submission_unconfirmed: entry(
    502,
    'upstream_error',
    'The answer was lost and the call may have been charged',
    {
      report: true,
    },
  ),
  output_lost: entry(502, 'upstream_error', 'A finished picture could not be fetched', {
    report: true,
    retryable: true,
  }),
  storage_failed: entry(500, 'server_error', 'A picture could not be stored', {
    report: true,
    retryable: true,
  }),
  deadline_exceeded: entry(504, 'server_error', 'The task did not end in time', { retryable: true }),
  cancelled: entry(409, 'invalid_request_error', 'The task was cancelled'),
} as const satisfies Record<string, CatalogueEntry>;

/** Every error code that may leave the process. */
export const catalogue = { ...requestErrors, ...taskErrors } as const;

/** A code of the catalogue. */
export type ErrorCode = keyof typeof catalogue;

/** A code that a failed task may carry. */
export type TaskErrorCode = keyof typeof taskErrors | 'internal_error' | 'model_unavailable';

/** Every code that a failed task may carry. */
export const taskErrorCodes = [
  ...(Object.keys(taskErrors) as (keyof typeof taskErrors)[]),
  'internal_error',
  'model_unavailable',
] as const satisfies readonly TaskErrorCode[];

/** Whether a text is a code that a failed task may carry. */
export const isTaskErrorCode = (code: string): code is TaskErrorCode =>
  taskErrorCodes.some((known) => known === code);

/** An error with a code of the catalogue; `detail` may leave the process, `cause` is for logs only. */
export class LimnerError extends Error {
  override readonly name = 'LimnerError';
  readonly code: ErrorCode;
  /** The sentence for the caller: what is wrong and what to do. */
  readonly detail: string;
  /** The parameter that is at fault, as the caller wrote it. */
  readonly param: string | undefined;
  /** When trying again makes sense, if that is known. */
  readonly retryAfterMs: number | undefined;

  constructor(
    code: ErrorCode,
    detail: string,
    options: {
      readonly param?: string | undefined;
      readonly retryAfterMs?: number;
      readonly cause?: unknown;
    } = {},
  ) {
    super(`${code}: ${detail}`, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.detail = detail;
    this.param = options.param;
    this.retryAfterMs = options.retryAfterMs;
  }

  /** Whether the same request may succeed later, unchanged. */
  get isRetryable(): boolean {
    return catalogue[this.code].retryable;
  }
}
