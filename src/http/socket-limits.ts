/** What one client may take of the server's sockets and memory before anybody looks at its key. */
export interface SocketLimits {
  /** At once; what comes beyond is closed without an answer. */
  readonly connections: number;
  /** From the first byte, or from the connection, to the end of the headers. */
  readonly headersTimeoutMs: number;
  /** For a whole request to arrive, a 20 MB body over a slow line included. Answers may take longer. */
  readonly requestTimeoutMs: number;
  /** How often both are looked at. */
  readonly checkEveryMs: number;
  /** Without a byte in either direction: longer than any answer is silent (`Prefer: wait=120`). */
  readonly silenceMs: number;
  /** Longer than the 60 s after which common load balancers drop an idle connection, so that they close it. */
  readonly keepAliveMs: number;
  readonly headerBytes: number;
  readonly headers: number;
}

/**
 * What holds unless configured otherwise. How many requests a connection may carry is not limited: proxies keep theirs
 * for days, and each request is counted by its key.
 */
export const socketLimits: SocketLimits = {
  connections: 10_000,
  headersTimeoutMs: 15_000,
  requestTimeoutMs: 120_000,
  checkEveryMs: 5_000,
  silenceMs: 180_000,
  keepAliveMs: 72_000,
  headerBytes: 16 * 1024,
  headers: 100,
};
