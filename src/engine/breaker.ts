import type { Clock } from '../core/clock.ts';

/** Why a provider is left alone: it does not answer, or it refuses the account. */
export type Break = 'unavailable' | 'refused';

/** Calls without an answer in a row before the breaker opens. */
const STUMBLES = 5;

/** For how long a provider is passed over where another one can serve: each failed probe takes the next of these. */
const passedOverMs: Readonly<Record<Break, readonly number[]>> = {
  unavailable: [5_000, 15_000, 60_000],
  // What is wrong with an account is mended by people.
  refused: [60_000, 300_000, 900_000],
};

/** How long a task waits that has nowhere else to go; it doubles with each failed probe. */
const FIRST_PROBE_MS = 1_000;

interface Opened {
  readonly kind: Break;
  readonly reason: string;
  readonly sinceMs: number;
  readonly failedProbes: number;
  /** From when on it is tried although another provider could serve. */
  readonly dueMs: number;
  /** From when on it is tried by who has nowhere else to go. */
  readonly probeMs: number;
}

/** Leave to send a call. */
export interface Pass {
  /** Whether the call is the only one that goes, to see whether the provider is back. */
  readonly isProbe: boolean;
  /** The call has been answered, or never will be. */
  close(): void;
}

/** Keeps calls from a provider that cannot serve them, but for one now and then. */
export class Breaker {
  readonly #clock: Pick<Clock, 'nowMs'>;
  #opened: Opened | undefined;
  #stumbles = 0;
  #isProbed = false;

  constructor(clock: Pick<Clock, 'nowMs'>) {
    this.#clock = clock;
  }

  /** Since when and why the provider is left alone; `undefined` while it is not. */
  get opened(): Pick<Opened, 'kind' | 'reason' | 'sinceMs' | 'dueMs' | 'probeMs'> | undefined {
    return this.#opened;
  }

  /** Whether the provider is as good a choice as any: it works, or is due to be tried. */
  get isEligible(): boolean {
    return this.#opened === undefined || (!this.#isProbed && this.#hasCome(this.#opened.dueMs));
  }

  /** Whether somebody may try who has nowhere else to go. */
  get mayProbe(): boolean {
    return this.#opened === undefined || (!this.#isProbed && this.#hasCome(this.#opened.probeMs));
  }

  /** When to ask again for leave to send; 0 when nothing is wrong. */
  get nextTryMs(): number {
    if (this.#opened === undefined) return 0;
    // However long the probe is out: nobody knows when it comes back.
    return this.#isProbed ? this.#clock.nowMs() + FIRST_PROBE_MS : this.#opened.probeMs;
  }

  /** Leave to send a call now; `undefined` when it has to wait. */
  enter(): Pass | undefined {
    if (this.#opened === undefined) return { isProbe: false, close: () => {} };
    if (!this.mayProbe) return undefined;
    this.#isProbed = true;
    // Who comes while the probe is out waits for what becomes of it.
    this.#opened = { ...this.#opened, probeMs: this.#clock.nowMs() + FIRST_PROBE_MS };
    return { isProbe: true, close: () => void (this.#isProbed = false) };
  }

  /** The provider answered a call. @returns whether it had been left alone. */
  work(): boolean {
    const wasOpen = this.#opened !== undefined;
    this.#opened = undefined;
    this.#stumbles = 0;
    return wasOpen;
  }

  /** The provider did not answer. @returns whether it is left alone from now on, and was not before. */
  stumble(reason: string, isProbe: boolean): boolean {
    this.#stumbles += 1;
    if (this.#opened !== undefined) {
      if (isProbe) this.#open(this.#opened.kind, this.#opened.reason);
      return false;
    }
    if (this.#stumbles < STUMBLES) return false;
    this.#open('unavailable', reason);
    return true;
  }

  /** The provider refuses the account. @returns whether that is news. */
  refuse(reason: string, isProbe: boolean): boolean {
    const isNews = this.#opened?.kind !== 'refused';
    if (isNews || isProbe) this.#open('refused', reason);
    return isNews;
  }

  /** A clock that went back to before the trouble must not keep a provider out for as long. */
  #hasCome(atMs: number): boolean {
    const nowMs = this.#clock.nowMs();
    return nowMs >= atMs || nowMs < (this.#opened?.sinceMs ?? 0);
  }

  #open(kind: Break, reason: string): void {
    const nowMs = this.#clock.nowMs();
    const earlier = this.#opened?.kind === kind ? this.#opened : undefined;
    const failedProbes = earlier === undefined ? 0 : earlier.failedProbes + 1;
    const waits = passedOverMs[kind];
    const waitMs = waits[Math.min(failedProbes, waits.length - 1)] ?? 0;
    this.#opened = {
      kind,
      reason,
      sinceMs: earlier?.sinceMs ?? nowMs,
      failedProbes,
      dueMs: nowMs + waitMs,
      probeMs: nowMs + Math.min(waitMs, FIRST_PROBE_MS * 2 ** failedProbes),
    };
  }
}
