import type { TaskErrorCode } from './errors.ts';

/** What an upstream said about itself when it spoke. */
export interface UpstreamTrace {
  readonly status?: number;
  readonly code?: string;
  readonly requestId?: string;
}

/** Why a call failed, in terms that the retry policy and the caller understand. */
export interface CallFailure {
  readonly code: TaskErrorCode;
  /** A sentence fit for the caller; holds no secret and no upstream body. */
  readonly message: string;
  /**
   * Whether the upstream charged for it. `unknown` is a lost answer: it may have been paid, so it is never
   * sent again on a guess.
   */
  readonly charged: 'no' | 'yes' | 'unknown';
  /** Whether the same call may succeed when it is sent again. */
  readonly retryable: boolean;
  /** Tried again once and no more, e.g. a refusal of the result that the vendor does not charge. */
  readonly retryOnce?: true;
  /** The upstream's own hint when to try again. */
  readonly retryAfterMs?: number;
  /** Whether the trouble is the account's (money, key, permission) and the provider should be left alone. */
  readonly account?: boolean;
  readonly upstream?: UpstreamTrace;
}
