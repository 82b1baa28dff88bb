import type { Clock } from '../core/clock.ts';
import type { Fleet } from '../fleet/fleet.ts';
import type { RandomBytes } from '../core/ids.ts';
import type { ImageStore } from '../images/image-store.ts';
import type { Spool } from '../images/spool.ts';
import type { TaskEvents } from '../observe/events.ts';
import type { Logger } from '../observe/logger.ts';
import type { Meter } from '../observe/meter.ts';
import type { ModelCatalog } from '../providers/catalog.ts';
import type { GuardedFetcher } from '../providers/guarded-fetch.ts';
import type { TaskStore } from '../tasks/task-store.ts';
import type { Backlog } from './backlog.ts';
import type { ReachFaultPoint } from './fault-points.ts';
import type { ProviderHealth } from './provider-health.ts';

/** What the engine works with. */
export interface EngineParts {
  readonly tasks: TaskStore;
  readonly images: ImageStore;
  readonly spool: Spool;
  readonly models: ModelCatalog;
  readonly health: ProviderHealth;
  readonly backlog: Backlog;
  readonly fetcher: GuardedFetcher;
  readonly events: TaskEvents;
  readonly fleet: Pick<Fleet, 'partOf'>;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  /** From 0 to 1. */
  readonly random: () => number;
  readonly logger: Logger;
  readonly meter: Meter;
  readonly reach: ReachFaultPoint;
  /** Aborted when the process is told to stop: from then on no call is sent that was not on its way. */
  readonly draining: AbortSignal;
  /** From acceptance to the end of a task, at most. */
  readonly taskDeadlineMs: number;
  /** What to do with a call that may have been charged and that nobody can ask about. */
  readonly onUnconfirmed: 'fail' | 'resend';
  /** Who has the spool; `undefined` where everybody who works has it. */
  readonly holder: string | undefined;
}
