/** Made from openapi.json by scripts/write-client-types.ts. */

/**
 * You asked for A, Limner did B, because of C.
 */
export interface Adjustment {
  parameter: string;
  asked?: string | number | boolean;
  used?: string | number | boolean;
  reason: string;
}
export interface AuditEntry {
  id: string;
  /**
   * In Unix seconds.
   */
  at: number;
  act: 'key.create' | 'key.update' | 'key.rotate' | 'key.revoke';
  /**
   * The `id` of what it was done to.
   */
  target: string;
  actor: {
    /**
     * The key that was used.
     */
    key_id?: string;
    /**
     * Its name then; or `command line`, `first start`.
     */
    name: string;
    /**
     * Where the request came from.
     */
    address?: string;
  };
  /**
   * What was set, without any secret.
   */
  details: {
    [k: string]: unknown;
  };
}
export interface AuditList {
  object: 'list';
  data: AuditEntry[];
  has_more: boolean;
  /**
   * Send it as `after` for the next page. Absent in an empty page.
   */
  last_id?: string;
}
export interface Budget {
  /**
   * In units of the currency, to the millionth.
   */
  amount: number;
  /**
   * ISO 4217; the one that the models are paid in.
   */
  currency: string;
  /**
   * A day or a month of UTC, after which it begins anew; or `total`.
   */
  period: 'day' | 'month' | 'total';
}
export interface CreatedKey {
  id: string;
  name: string;
  role: 'user' | 'admin';
  /**
   * The key itself. This is the only time it is shown.
   */
  key: string;
  /**
   * Until when the key before works too, in Unix seconds.
   */
  previous_expires_at?: number;
  /**
   * The public models that it may use; every one unless told.
   *
   * @minItems 1
   * @maxItems 100
   */
  models?: [string, ...string[]];
  /**
   * Addresses and CIDR ranges that it may be used from. Behind a proxy `server.trusted_proxies` has to name it.
   *
   * @minItems 1
   * @maxItems 100
   */
  allowed_ips?: [string, ...string[]];
  /**
   * In Unix seconds.
   */
  expires_at?: number;
  /**
   * Requests of any kind; a minute begins with its first request.
   */
  requests_per_minute?: number;
  /**
   * Tasks that have not ended.
   */
  concurrent_tasks?: number;
  /**
   * Pictures asked for in a day of UTC, less those that were not delivered.
   */
  images_per_day?: number;
  budget?: Budget;
}
export interface ErrorBody {
  error: {
    /**
     * What is wrong and what to do, for a person.
     */
    message: string;
    /**
     * The family of the error, as OpenAI names it.
     */
    type: string;
    /**
     * The parameter at fault.
     */
    param: string | null;
    /**
     * The stable name of the error. Each has a page in `docs/errors`.
     */
    code:
      | 'invalid_json'
      | 'invalid_parameter'
      | 'unknown_parameter'
      | 'missing_api_key'
      | 'invalid_api_key'
      | 'insufficient_role'
      | 'model_not_allowed'
      | 'address_not_allowed'
      | 'model_not_found'
      | 'task_not_found'
      | 'key_not_found'
      | 'image_not_found'
      | 'webhook_endpoint_not_found'
      | 'delivery_not_found'
      | 'route_not_found'
      | 'method_not_allowed'
      | 'task_already_ended'
      | 'webhook_endpoint_disabled'
      | 'idempotency_in_progress'
      | 'image_expired'
      | 'payload_too_large'
      | 'unsupported_media_type'
      | 'idempotency_key_reused'
      | 'rate_limit_exceeded'
      | 'concurrency_limit_exceeded'
      | 'insufficient_quota'
      | 'queue_full'
      | 'internal_error'
      | 'result_not_ready'
      | 'model_unavailable'
      | 'database_unavailable'
      | 'moderation_unavailable'
      | 'shutting_down'
      | 'content_policy_violation'
      | 'prompt_rejected'
      | 'reference_unreachable'
      | 'reference_invalid'
      | 'provider_rejected_request'
      | 'provider_auth_failed'
      | 'provider_quota_exhausted'
      | 'provider_rate_limited'
      | 'provider_unavailable'
      | 'provider_timeout'
      | 'provider_bad_response'
      | 'submission_unconfirmed'
      | 'output_lost'
      | 'storage_failed'
      | 'deadline_exceeded'
      | 'cancelled';
    /**
     * The `x-request-id` of this answer, for the log.
     */
    request_id?: string;
  };
}
export interface FreshWebhookEndpoint {
  id: string;
  url: string;
  /**
   * When it was made, in Unix seconds.
   */
  created_at: number;
  /**
   * When it was disabled; absent while events are sent, in Unix seconds.
   */
  disabled_at?: number;
  disabled_reason?: string;
  /**
   * What signs its events, `whsec_…`. This is the only time it is shown.
   */
  secret: string;
}
export interface GenerationRequest {
  /**
   * The public name of a model; `GET /v1/models` lists them.
   */
  model: string;
  /**
   * What the picture shows. With `url` it says how the reference picture is to be changed.
   */
  prompt: string;
  /**
   * A reference picture, for image to image: an `http(s)` address without user name and password, or a `data:image/…;base64,` URI of at most 10 MB. It is fetched once, by Limner.
   */
  url?: string;
  /**
   * How many pictures.
   */
  n?: number;
  /**
   * `url`: a signed link that expires. `b64_json`: the bytes, as base64. `oss_url`: a permanent link that nobody can guess.
   */
  response_format?: 'url' | 'b64_json' | 'oss_url';
  /**
   * `WIDTHxHEIGHT` in pixels. `1024x1024`, `1024x1792`, `1792x1024` and `1328x1328` work with every model; the model card tells what else does. You get exactly these pixels.
   */
  size?: string;
  /**
   * What the picture must not show.
   */
  negative_prompt?: string;
  /**
   * The same seed gives a similar picture again.
   */
  seed?: number;
  /**
   * How closely the picture follows the prompt.
   */
  guidance_scale?: number;
  /**
   * In the model's own words, e.g. `high`.
   */
  quality?: string;
  /**
   * In the model's own words, e.g. `vivid`.
   */
  style?: string;
  /**
   * Whether the model puts its visible mark on the picture.
   */
  watermark?: boolean;
  /**
   * The file format. `auto` keeps the bytes of the model when they fit.
   */
  output_format?: 'auto' | 'png' | 'jpeg' | 'webp';
  /**
   * Your own name for your end user.
   */
  user?: string;
  /**
   * Up to 16 pairs of your own, given back with the task.
   */
  metadata?: {
    [k: string]: string;
  };
  /**
   * An address that is told when the task has ended.
   */
  webhook_url?: string;
}
export interface Health {
  status: 'ok';
}
export interface TaskImage {
  /**
   * A signed link, until `expires_at`. Reading the task again gives a fresh one.
   */
  url?: string;
  /**
   * The bytes as base64. Lists and event streams leave it out: read the task for it.
   */
  b64_json?: string;
  /**
   * A permanent link.
   */
  oss_url?: string;
  width: number;
  height: number;
  format: 'png' | 'jpeg' | 'webp';
  /**
   * When `url` stops working, in Unix seconds.
   */
  expires_at?: number;
}
export interface Key {
  id: string;
  name: string;
  role: 'user' | 'admin';
  /**
   * The first characters of the key, to tell keys apart.
   */
  hint: string;
  /**
   * In Unix seconds.
   */
  created_at: number;
  /**
   * In Unix seconds; absent while the key works.
   */
  revoked_at?: number;
  /**
   * Until when the key before the last rotation works too, in Unix seconds.
   */
  previous_expires_at?: number;
  /**
   * To the minute or so, in Unix seconds; absent when it never was.
   */
  last_used_at?: number;
  /**
   * The public models that it may use; every one unless told.
   *
   * @minItems 1
   * @maxItems 100
   */
  models?: [string, ...string[]];
  /**
   * Addresses and CIDR ranges that it may be used from. Behind a proxy `server.trusted_proxies` has to name it.
   *
   * @minItems 1
   * @maxItems 100
   */
  allowed_ips?: [string, ...string[]];
  /**
   * In Unix seconds.
   */
  expires_at?: number;
  /**
   * Requests of any kind; a minute begins with its first request.
   */
  requests_per_minute?: number;
  /**
   * Tasks that have not ended.
   */
  concurrent_tasks?: number;
  /**
   * Pictures asked for in a day of UTC, less those that were not delivered.
   */
  images_per_day?: number;
  budget?: Budget;
}
/**
 * What is absent stays as it is; `null` takes away what was set.
 */
export interface KeyChanges {
  /**
   * Who or what uses it.
   */
  name?: string;
  models?: [string, ...string[]] | null;
  allowed_ips?: [string, ...string[]] | null;
  expires_at?: number | null;
  requests_per_minute?: number | null;
  concurrent_tasks?: number | null;
  images_per_day?: number | null;
  budget?: Budget | null;
}
export interface KeyList {
  object: 'list';
  data: Key[];
}
export interface KeyRotation {
  /**
   * How long the key before works too.
   */
  overlap_seconds?: number;
}
export interface Model {
  id: string;
  object: 'model';
  /**
   * Always 0: a public name is a promise without a date.
   */
  created: number;
  owned_by: string;
  /**
   * Whether a provider serves it now.
   */
  available: boolean;
  /**
   * Any `WIDTHxHEIGHT` within these bounds is served, to the pixel.
   */
  sizes?: {
    /**
     * Sizes that every model serves.
     */
    always: string[];
    min_side: number;
    max_side: number;
    max_pixels: number;
  };
  /**
   * Largest `n`.
   */
  max_images: number;
  max_prompt_characters?: number;
  /**
   * Whether `url` may be sent.
   */
  image_to_image?: boolean;
  /**
   * Which optional parameters have an effect. The others are accepted, and told in `adjustments`.
   */
  parameters?: {
    negative_prompt: boolean;
    seed: boolean;
    guidance_scale: boolean;
    quality: boolean;
    style: boolean;
    watermark: boolean;
  };
  /**
   * What one delivered picture costs; the first tier that fits counts.
   */
  price?: {
    currency: string;
    tiers: {
      up_to_pixels?: number;
      quality?: string;
      /**
       * For pictures made from a reference, or for those without one.
       */
      with_reference?: boolean;
      per_image: number;
    }[];
  };
  /**
   * When a vendor stops serving an upstream model behind it (Unix seconds); absent while no end is known.
   */
  retires_at?: number;
  notice?: string;
}
export interface ModelList {
  object: 'list';
  data: Model[];
}
export interface NewKey {
  /**
   * Who or what uses it.
   */
  name: string;
  /**
   * `admin` may also use `/admin`.
   */
  role?: 'user' | 'admin';
  /**
   * The public models that it may use; every one unless told.
   *
   * @minItems 1
   * @maxItems 100
   */
  models?: [string, ...string[]];
  /**
   * Addresses and CIDR ranges that it may be used from. Behind a proxy `server.trusted_proxies` has to name it.
   *
   * @minItems 1
   * @maxItems 100
   */
  allowed_ips?: [string, ...string[]];
  /**
   * In Unix seconds.
   */
  expires_at?: number;
  /**
   * Requests of any kind; a minute begins with its first request.
   */
  requests_per_minute?: number;
  /**
   * Tasks that have not ended.
   */
  concurrent_tasks?: number;
  /**
   * Pictures asked for in a day of UTC, less those that were not delivered.
   */
  images_per_day?: number;
  budget?: Budget;
}
export interface NewWebhookEndpoint {
  /**
   * Where events are posted: an `http(s)` address without user name and password. It must be reachable on the public network, unless the operator allows otherwise.
   */
  url: string;
}
export interface Readiness {
  /**
   * `degraded`: it takes tasks, and a provider cannot serve for now.
   */
  status: 'ok' | 'degraded' | 'starting' | 'draining';
  /**
   * What is thought of each configured provider.
   */
  providers: {
    name: string;
    /**
     * `unavailable`: it does not answer. `refused`: it refuses the account. Either way it gets no calls but for a try now and then.
     */
    state: 'ok' | 'unavailable' | 'refused';
    /**
     * The error code of the call that showed it.
     */
    reason?: string;
    /**
     * Unix seconds.
     */
    since?: number;
  }[];
}
export interface Task {
  task_id: string;
  status: 'pending' | 'processing' | 'completed' | 'failed';
  /**
   * When the task was accepted, in Unix seconds.
   */
  created_at: number;
  model: string;
  prompt: string;
  response_format: 'url' | 'b64_json' | 'oss_url';
  /**
   * Present when, and only when, the task is completed.
   */
  images?: TaskImage[];
  error?: TaskError;
  n: number;
  size: string;
  /**
   * When the work began, in Unix seconds.
   */
  started_at?: number;
  /**
   * When the task ended, in Unix seconds.
   */
  completed_at?: number;
  adjustments?: Adjustment[];
  usage?: {
    /**
     * Pictures delivered.
     */
    images: number;
    /**
     * In units of `currency`.
     */
    cost: number;
    /**
     * ISO 4217; absent when the model has no price.
     */
    currency?: string;
  };
  /**
   * What was looked at before the task was accepted; absent where nobody does.
   */
  content_checks?: {
    checked: 'prompt';
    /**
     * Who looked at it.
     */
    by: 'word_list' | 'moderation';
    /**
     * Host of the moderation service.
     */
    service?: string;
    /**
     * `unchecked`: the service did not answer, and its operator lets prompts pass then.
     */
    verdict: 'allowed' | 'unchecked';
  }[];
  metadata?: {
    [k: string]: string;
  };
}
export interface TaskError {
  /**
   * The stable name of the reason. Each has a page in `docs/errors`.
   */
  code:
    | 'content_policy_violation'
    | 'prompt_rejected'
    | 'reference_unreachable'
    | 'reference_invalid'
    | 'provider_rejected_request'
    | 'provider_auth_failed'
    | 'provider_quota_exhausted'
    | 'provider_rate_limited'
    | 'provider_unavailable'
    | 'provider_timeout'
    | 'provider_bad_response'
    | 'submission_unconfirmed'
    | 'output_lost'
    | 'storage_failed'
    | 'deadline_exceeded'
    | 'cancelled'
    | 'internal_error'
    | 'model_unavailable';
  message: string;
  /**
   * Whether the same request may succeed later, unchanged.
   */
  retryable: boolean;
  /**
   * Present when a provider spoke.
   */
  upstream?: {
    provider: string;
    /**
     * The provider's own error code.
     */
    code?: string;
    /**
     * The provider's own name for the request.
     */
    request_id?: string;
  };
}
export interface TaskList {
  object: 'list';
  data: Task[];
  has_more: boolean;
  /**
   * Send it as `after` for the next page. Absent in an empty page.
   */
  last_id?: string;
}
export interface Usage {
  object: 'usage';
  key_id: string;
  /**
   * First day that is counted, in UTC.
   */
  from: string;
  /**
   * Last day that is counted, in UTC.
   */
  to: string;
  /**
   * By model and currency.
   */
  data: UsageLine[];
  /**
   * What holds for this key; what is absent is not limited.
   */
  limits: {
    /**
     * Requests of any kind; a minute begins with its first request.
     */
    requests_per_minute?: number;
    /**
     * Tasks that have not ended.
     */
    concurrent_tasks?: number;
    /**
     * Pictures asked for in a day of UTC, less those that were not delivered.
     */
    images_per_day?: number;
    budget?: Budget;
  };
  /**
   * What is left of each limit.
   */
  remaining: {
    concurrent_tasks?: number;
    images_today?: number;
    budget?: {
      /**
       * What is neither spent in this period nor reserved for tasks that have not ended.
       */
      amount: number;
      currency: string;
      /**
       * When the next period begins, in Unix seconds.
       */
      resets_at?: number;
    };
  };
  /**
   * Tasks that have not ended.
   */
  open_tasks: number;
}
export interface UsageLine {
  /**
   * In UTC, by when tasks ended.
   */
  day?: string;
  key_id?: string;
  key_name?: string;
  model?: string;
  /**
   * Empty for tasks that ended before any call.
   */
  provider?: string;
  /**
   * Tasks that have ended.
   */
  tasks: number;
  failed_tasks: number;
  /**
   * Pictures delivered.
   */
  images: number;
  /**
   * Requests to providers, retries included.
   */
  calls: number;
  failed_calls: number;
  /**
   * Calls of which nobody knows whether they were charged; `cost` does not have them.
   */
  unconfirmed_calls: number;
  cost: number;
  /**
   * ISO 4217; absent when nothing had a price.
   */
  currency?: string;
}
export interface UsageReport {
  object: 'list';
  from: string;
  to: string;
  data: UsageLine[];
}
export interface WebhookDelivery {
  /**
   * The `webhook-id` of every attempt.
   */
  id: string;
  type: 'task.completed' | 'task.failed';
  task_id: string;
  /**
   * Absent when it goes to the task's own `webhook_url`.
   */
  endpoint_id?: string;
  url: string;
  state: 'pending' | 'delivered' | 'failed';
  /**
   * Attempts so far, of at most 10; redelivering starts again at 0.
   */
  attempts: number;
  /**
   * When the task ended, in Unix seconds.
   */
  created_at: number;
  /**
   * When it is tried next; only while it is pending, in Unix seconds.
   */
  next_attempt_at?: number;
  /**
   * When it was tried last, in Unix seconds.
   */
  last_attempt_at?: number;
  /**
   * The HTTP status of the last answer; absent when there was none.
   */
  last_status?: number;
  /**
   * What was wrong with the last attempt, for a person.
   */
  last_error?: string;
  /**
   * When the receiver took it, in Unix seconds.
   */
  delivered_at?: number;
}
export interface WebhookDeliveryList {
  object: 'list';
  data: WebhookDelivery[];
  has_more: boolean;
  /**
   * Send it as `after` for the next page. Absent in an empty page.
   */
  last_id?: string;
}
export interface WebhookEndpoint {
  id: string;
  url: string;
  /**
   * When it was made, in Unix seconds.
   */
  created_at: number;
  /**
   * When it was disabled; absent while events are sent, in Unix seconds.
   */
  disabled_at?: number;
  disabled_reason?: string;
}
export interface WebhookEndpointList {
  object: 'list';
  data: WebhookEndpoint[];
}
/**
 * The ending of a task. The task is without base64.
 */
export interface WebhookEvent {
  type: 'task.completed' | 'task.failed';
  /**
   * When the task ended.
   */
  timestamp: string;
  data: Task;
}
export interface WebhookSigningSecret {
  /**
   * What signs the events that go to a `webhook_url`: `whsec_…`.
   */
  secret: string;
  /**
   * When it was made, in Unix seconds.
   */
  created_at: number;
  /**
   * Until when the secret before it signs too, in Unix seconds.
   */
  previous_expires_at?: number;
}
