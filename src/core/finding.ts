/** What one check of an installation found. */
export interface Finding {
  /** What was looked at, such as `database` or `provider kling`. */
  readonly check: string;
  /** A warning may be meant; with a fault something does not work. */
  readonly state: 'ok' | 'warning' | 'fault';
  /** What is so, in a sentence. */
  readonly message: string;
  /** How to mend it, in a sentence; absent when nothing is to be done. */
  readonly remedy?: string;
}
