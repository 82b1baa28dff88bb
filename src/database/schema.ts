/** The tables, in the words of the glossary. Times are milliseconds since 1970; JSON is text, so both databases share every statement. */

/** One row per task. */
export interface TaskRow {
  readonly id: string;
  readonly key_id: string;
  readonly status: string;
  readonly model: string;
  readonly response_format: string;
  /** JSON of a `GenerationRequest`. */
  readonly request: string;
  readonly created_at: number;
  readonly started_at: number | null;
  readonly completed_at: number | null;
  /** JSON of `Adjustment[]`. */
  readonly adjustments: string;
  /** JSON of `Usage`. */
  readonly usage: string | null;
  /** JSON of `TaskError`. */
  readonly error: string | null;
  /** Token of the worker that may write; see `Claim`. */
  readonly claim: string | null;
}

/** One row per call. */
export interface CallRow {
  readonly id: string;
  readonly task_id: string;
  readonly slot: number;
  readonly attempt: number;
  readonly provider: string;
  /** JSON of a `CallRequest`. */
  readonly request: string;
  readonly state: string;
  /** JSON of the whole `CallStep`. */
  readonly step: string;
  readonly created_at: number;
  readonly sent_at: number | null;
}

/** One row per stored image. */
export interface ImageRow {
  readonly id: string;
  readonly task_id: string;
  readonly call_id: string;
  readonly place: number;
  readonly file_key: string;
  readonly width: number;
  readonly height: number;
  readonly format: string;
  readonly bytes: number;
  readonly created_at: number;
}

/** One row per open task: whose turn it will be. */
export interface JobRow {
  readonly task_id: string;
  readonly lane: string;
  readonly key_id: string;
}

/** What an `Idempotency-Key` made. */
export interface IdempotencyRow {
  readonly key_id: string;
  readonly idempotency_key: string;
  readonly body_hash: string;
  readonly task_id: string;
  readonly created_at: number;
}

/** One row per API key; only its hash is kept. */
export interface ApiKeyRow {
  readonly id: string;
  readonly name: string;
  readonly role: string;
  readonly hash: string;
  readonly hint: string;
  readonly created_at: number;
  readonly revoked_at: number | null;
  /** JSON of `KeySettings`. */
  readonly settings: string;
  /** Hash of the secret before this one, which still works until `previous_until`. */
  readonly previous_hash: string | null;
  readonly previous_until: number | null;
  /** Written now and then, not for every request. */
  readonly last_used_at: number | null;
}

/** One row per key with a limit that tasks count against: what it has taken of it. */
export interface KeyBalanceRow {
  readonly key_id: string;
  /** Of the budget; empty without one. */
  readonly currency: string;
  readonly period_start: number;
  /** Spent in the period, or reserved for tasks that have not ended; micro-units. */
  readonly committed: number;
  readonly day_start: number;
  readonly day_images: number;
}

/** What happened to a key's money, and why; rows are added and never changed. */
export interface LedgerRow {
  readonly task_id: string;
  /** A `LedgerKind`. */
  readonly kind: string;
  /** Who was paid; only of what was settled. */
  readonly provider: string;
  readonly key_id: string;
  readonly model: string;
  /** 1 in one row of each task that has ended, so that tasks can be counted. */
  readonly tasks: number;
  readonly failed_tasks: number;
  /** Reserved, delivered, or given back. */
  readonly images: number;
  readonly calls: number;
  readonly failed_calls: number;
  readonly unconfirmed_calls: number;
  /** By how much this changes what the key has spent or reserved. */
  readonly micros: number;
  /** What was paid for the task's calls to the provider. */
  readonly cost_micros: number;
  /** Empty when nothing has a price. */
  readonly currency: string;
  /** Decides the day and the period that it belongs to. */
  readonly counted_at: number;
  readonly at: number;
}

/** What an administrator did; rows are added and never changed. */
export interface AuditRow {
  readonly id: string;
  readonly at: number;
  readonly actor_key_id: string | null;
  readonly actor_name: string;
  readonly address: string | null;
  readonly act: string;
  readonly target: string;
  /** JSON of what changed. */
  readonly details: string;
}

/** How many requests a key has sent since its minute began. */
export interface RequestWindowRow {
  readonly key_id: string;
  readonly started_at: number;
  readonly taken: number;
}

/** A secret that this installation made for itself, e.g. to sign links. */
export interface InstallationSecretRow {
  readonly name: string;
  readonly value: string;
}

/** An address that hears of every task of a key. */
export interface WebhookEndpointRow {
  readonly id: string;
  readonly key_id: string;
  readonly url: string;
  readonly secret: string;
  readonly secret_previous: string | null;
  /** Until when the previous secret signs too. */
  readonly secret_previous_until: number | null;
  readonly disabled_at: number | null;
  readonly disabled_reason: string | null;
  readonly created_at: number;
}

/** What signs the events of tasks with a `webhook_url`, one row per key that has used one. */
export interface WebhookSecretRow {
  readonly key_id: string;
  readonly secret: string;
  readonly secret_previous: string | null;
  readonly secret_previous_until: number | null;
  readonly created_at: number;
}

/** One row per ending of a task and address that is told of it. */
export interface WebhookDeliveryRow {
  readonly id: string;
  readonly key_id: string;
  readonly task_id: string;
  readonly endpoint_id: string | null;
  readonly url: string;
  /** Host and port of `url`: addresses of one host share its places. */
  readonly host: string;
  readonly type: string;
  readonly state: string;
  readonly attempts: number;
  /** Set while it is pending, and then only. */
  readonly next_attempt_at: number | null;
  readonly last_attempt_at: number | null;
  readonly last_status: number | null;
  readonly last_error: string | null;
  readonly created_at: number;
  readonly delivered_at: number | null;
}

/** One row per node of a fleet. */
export interface NodeRow {
  readonly id: string;
  readonly role: string;
  /** JSON of what it serves. */
  readonly offer: string;
  readonly started_at: number;
  /** By the database's clock. */
  readonly seen_at: number;
}

export interface Tables {
  readonly tasks: TaskRow;
  readonly calls: CallRow;
  readonly images: ImageRow;
  readonly jobs: JobRow;
  readonly idempotency: IdempotencyRow;
  readonly api_keys: ApiKeyRow;
  readonly installation_secrets: InstallationSecretRow;
  readonly webhook_endpoints: WebhookEndpointRow;
  readonly webhook_secrets: WebhookSecretRow;
  readonly webhook_deliveries: WebhookDeliveryRow;
  readonly nodes: NodeRow;
  readonly key_balances: KeyBalanceRow;
  readonly usage_ledger: LedgerRow;
  readonly audit_log: AuditRow;
  readonly request_windows: RequestWindowRow;
}
