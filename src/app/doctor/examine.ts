/** Looks whether an installation works, part by part, and what to do where it does not. Nothing is charged by it. */
import type { Config } from '../../config/config.ts';
import type { Clock } from '../../core/clock.ts';
import type { Finding } from '../../core/finding.ts';
import { checkDataFolder } from './check-data-folder.ts';
import { checkDatabase } from './check-database.ts';
import { checkFetchGuard } from './check-fetch-guard.ts';
import { checkProviders } from './check-providers.ts';
import { checkPublicUrl } from './check-public-url.ts';
import { checkStorage } from './check-storage.ts';
import { createClockReadings } from './clock-readings.ts';

type Check = () => readonly Finding[] | Promise<readonly Finding[]>;

/** What the checks are made with. */
export interface Examiner {
  readonly clock: Clock;
  /** Follows links as callers do. */
  readonly fetch: typeof globalThis.fetch;
}

/** The findings, each as soon as it is there; throws nothing, also while a server works on the same data. */
export const examine = async function* (config: Config, { clock, fetch }: Examiner): AsyncGenerator<Finding> {
  const clocks = createClockReadings();
  const parts = { clock, clocks, fetch };
  const checks: Readonly<Record<string, Check>> = {
    configuration: () =>
      config.notices.map((notice) => ({ check: 'configuration', state: 'warning', message: `${notice}.` })),
    'data folder': () => checkDataFolder(config),
    database: () => checkDatabase(config, clock, clocks),
    storage: () => checkStorage(config, parts),
    providers: () => checkProviders(config, parts),
    'public URL': () => checkPublicUrl(config, fetch),
    'fetch guard': () => checkFetchGuard(config),
    clock: () => clocks.findings(),
  };
  for (const [check, look] of Object.entries(checks)) {
    try {
      yield* await look();
    } catch (fault) {
      const message = fault instanceof Error ? fault.message : String(fault);
      yield { check, state: 'fault', message: `It could not be looked at: ${message}.` };
    }
  }
};
