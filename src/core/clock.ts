/** Time, handed in so that tests can hold it still. */
export interface Clock {
  /** Milliseconds since 1970. */
  nowMs(): number;
  /** Calls back once, after the delay, unless the returned function is called first. Holds no process open. */
  after(delayMs: number, callback: () => void): () => void;
}
