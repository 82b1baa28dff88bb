/** One thing that is wrong with the configuration. Never holds the value of a secret. */
export interface ConfigFault {
  /** The path of the key or the name of the variable: `providers.ark.concurrency`, `LIMNER_PORT`. */
  readonly at: string;
  /** Where in a file it is, e.g. `limner.yaml:12`. */
  readonly source?: string;
  /** What was given, what is wanted. */
  readonly message: string;
}

const formatFault = (fault: ConfigFault): string =>
  `${fault.at}: ${fault.message}${fault.source === undefined ? '' : ` (${fault.source})`}`;

/** The configuration cannot be used; holds every fault at once. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly faults: readonly ConfigFault[];

  constructor(faults: readonly ConfigFault[]) {
    const count = faults.length === 1 ? '1 fault' : `${faults.length} faults`;
    super(`The configuration has ${count}:\n${faults.map((fault) => `  ${formatFault(fault)}`).join('\n')}`);
    this.faults = faults;
  }
}
