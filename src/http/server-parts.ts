import type { AuditLog } from '../access/audit.ts';
import type { KeyStore } from '../access/keys.ts';
import type { LinkKeys } from '../access/link-keys.ts';
import type { RequestLimiter } from '../access/request-limiter.ts';
import type { UsageStore } from '../access/usage.ts';
import type { CancelTaskParts } from '../actions/cancel-task.ts';
import type { CreateTaskParts } from '../actions/create-task.ts';
import type { DeleteTaskParts } from '../actions/delete-task.ts';
import type { WaitTaskParts } from '../actions/wait-task.ts';
import type { Clock } from '../core/clock.ts';
import type { ProviderState } from '../engine/provider-health.ts';
import type { ImageStore } from '../images/image-store.ts';
import type { Spool } from '../images/spool.ts';
import type { JobQueue } from '../jobs/job-queue.ts';
import type { TaskEvents } from '../observe/events.ts';
import type { Logger } from '../observe/logger.ts';
import type { Meter } from '../observe/meter.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { TaskStore } from '../tasks/task-store.ts';
import type { WebhookStore } from '../webhooks/webhook-store.ts';
import type { SocketLimits } from './socket-limits.ts';

/** Everything the HTTP interface works with. */
export interface ServerParts extends CreateTaskParts, WaitTaskParts, CancelTaskParts, DeleteTaskParts {
  readonly tasks: Pick<TaskStore, 'insert' | 'get' | 'list' | 'cancel' | 'delete' | 'image'>;
  readonly images: Pick<ImageStore, 'open' | 'stat' | 'delete' | 'link'>;
  /** Takes uploads while they arrive. */
  readonly spool: Pick<Spool, 'create'>;
  readonly events: TaskEvents;
  readonly queue: Pick<JobQueue, 'announce' | 'wake'>;
  readonly keys: Pick<KeyStore, 'authenticate' | 'create' | 'list' | 'get' | 'update' | 'rotate' | 'revoke'>;
  readonly limiter: RequestLimiter;
  readonly usage: UsageStore;
  readonly audit: AuditLog;
  /** Proxies whose `X-Forwarded-For` is believed: addresses and CIDR ranges. */
  readonly trustedProxies: readonly string[];
  readonly webhooks: Pick<
    WebhookStore,
    | 'createEndpoint'
    | 'endpoint'
    | 'endpoints'
    | 'deleteEndpoint'
    | 'rotateSecret'
    | 'enableEndpoint'
    | 'signingSecret'
    | 'rotateSigningSecret'
    | 'deliveries'
    | 'delivery'
    | 'redeliver'
  >;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly meter: Pick<Meter, 'answered' | 'taskAccepted' | 'taskEnded'>;
  readonly readMetrics: Metrics['read'];
  /** Sign the links to stored images; the same in every process of an installation. */
  readonly linkKeys: LinkKeys;
  readonly sockets: SocketLimits;
  /** Origins whose pages may read answers. */
  readonly corsOrigins: readonly string[];
  /** Where callers reach this server, without a slash at the end; otherwise the address it listens on. */
  readonly publicUrl: string | undefined;
  /** How long a link of the format `url` works. */
  readonly urlTtlMs: number;
  /** How long an ended task is kept; a link never outlives its task. */
  readonly taskTtlMs: number;
  /** What is thought of each configured provider with an upstream. */
  readonly providers: () => readonly ProviderState[];
  /** Whether start-up is complete; while draining `draining` says no. */
  readonly isReady: () => boolean;
  /** Aborts when the process is about to stop: held answers and event streams end at once. */
  readonly draining: AbortSignal;
}
