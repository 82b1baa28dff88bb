/**
 * For `node --import`: watches how late the event loop of the main thread is, from the first SIGUSR2 on. On each it
 * writes what it saw since the last one, as JSON, to the file that `BENCH_EVENT_LOOP_FILE` names.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';

/** How late the event loop was. */
export interface EventLoopDelay {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** The timer that is measured by; what it takes anyhow is subtracted. */
const RESOLUTION_MS = 5;

const file = process.env['BENCH_EVENT_LOOP_FILE'];
if (isMainThread && file !== undefined) {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  process.on('SIGUSR2', () => {
    const late = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);
    const seen: EventLoopDelay = {
      p50Ms: late(delay.percentile(50)),
      p99Ms: late(delay.percentile(99)),
      maxMs: late(delay.max),
    };
    writeFileSync(`${file}.part`, JSON.stringify(seen));
    renameSync(`${file}.part`, file);
    delay.reset();
    delay.enable();
  });
}
