import { errorOf, isPassing, LimnerError } from './errors.ts';

/** Where Limner is and how patient to be with it. */
export interface ConnectionSettings {
  /** Its address, such as `https://limner.example`. */
  readonly baseUrl: string;
  readonly apiKey: string;
  /** What sends requests; the runtime's own unless told. */
  readonly fetch?: typeof globalThis.fetch;
  /** For how long a request is sent again while no answer comes, or one that says "not now". Two minutes unless told. */
  readonly patienceMs?: number;
}

/** One request. */
export interface Order {
  readonly method?: 'GET' | 'POST' | 'DELETE';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
  /** How long one attempt may take. */
  readonly attemptMs?: number;
  /** Whether sending it twice is as good as once; otherwise it is sent again only when it was refused. */
  readonly isRepeatable: boolean;
}

/** Reads an answer whole; when that breaks off, the request counts as unanswered. */
type Read<Answer> = (response: Response) => Promise<Answer>;

/** Sends requests until they are answered. */
export interface Connection {
  /** The answer to a request for a path such as `/v1/models`. Throws `LimnerError`, or the signal's reason. */
  ask<Answer>(path: string, order: Order, read?: Read<Answer>): Promise<Answer>;
  /** The bytes at an address of its own, to which the key does not go. */
  fetchBytes(url: string, signal: AbortSignal | undefined): Promise<Uint8Array<ArrayBuffer>>;
  /** Sends once, with the key; an answer that is none of success is thrown. */
  open(path: string, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Response>;
}

const PATIENCE_MS = 120_000;
const ATTEMPT_MS = 60_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;

export const createConnection = (settings: ConnectionSettings): Connection => {
  const { apiKey, patienceMs = PATIENCE_MS } = settings;
  const send = settings.fetch ?? globalThis.fetch.bind(globalThis);
  const base = settings.baseUrl.replace(/\/+$/, '');
  const authorization = `Bearer ${apiKey}`;

  const attempt = async <Answer>(
    url: string,
    init: RequestInit & { readonly attemptMs?: number },
    read: Read<Answer>,
  ): Promise<Answer> => {
    const { attemptMs = ATTEMPT_MS, signal, ...rest } = init;
    const signals = [AbortSignal.timeout(attemptMs), ...(signal ? [signal] : [])];
    try {
      const response = await send(url, { ...rest, signal: AbortSignal.any(signals) });
      if (!response.ok) throw await errorOf(response);
      return await read(response);
    } catch (fault) {
      if (signal?.aborted) throw signal.reason;
      throw fault instanceof LimnerError ? fault : lost(fault);
    }
  };

  const insist = async <Answer>(
    order: Pick<Order, 'signal' | 'isRepeatable'>,
    work: () => Promise<Answer>,
  ): Promise<Answer> => {
    const startedAtMs = Date.now();
    for (let attempts = 1; ; attempts += 1) {
      try {
        return await work();
      } catch (fault) {
        if (!(fault instanceof LimnerError) || !isPassing(fault)) throw fault;
        if (!order.isRepeatable && fault.code === 'connection_lost') throw fault;
        const pauseMs = fault.retryAfterMs ?? pauseAfter(attempts);
        if (Date.now() + pauseMs - startedAtMs > patienceMs) throw fault;
        await pause(pauseMs, order.signal);
      }
    }
  };

  return {
    ask: (path, order, read = readJson) => {
      const { method = 'GET', headers = {}, body, signal = null, attemptMs = ATTEMPT_MS } = order;
      const init = {
        method,
        headers: {
          ...headers,
          authorization,
          ...(body !== undefined && { 'content-type': 'application/json' }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        signal,
        attemptMs,
      };
      return insist(order, () => attempt(base + path, init, read));
    },
    fetchBytes: (url, signal) =>
      insist({ signal, isRepeatable: true }, () => attempt(url, { signal: signal ?? null }, readBytes)),
    open: async (path, headers, signal) => {
      const response = await send(base + path, { headers: { ...headers, authorization }, signal });
      if (!response.ok) throw await errorOf(response);
      return response;
    },
  };
};

const readJson = async <Answer>(response: Response): Promise<Answer> => (await response.json()) as Answer;

const readBytes = async (response: Response): Promise<Uint8Array<ArrayBuffer>> =>
  new Uint8Array(await response.arrayBuffer());

const lost = (cause: unknown): LimnerError =>
  new LimnerError('connection_lost', 'No answer came: the connection was lost or could not be made.', {
    cause,
  });

/** Longer each time, and never the same for two clients, which would come back together. */
const pauseAfter = (attempts: number): number =>
  Math.min(FIRST_PAUSE_MS * 2 ** (attempts - 1), LONGEST_PAUSE_MS) * (0.5 + Math.random() / 2);

/** Waits. Rejects with the signal's reason when it aborts first. */
export const pause = (ms: number, signal: AbortSignal | undefined): Promise<void> =>
  new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason as Error);
      return;
    }
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, ms);
    signal?.addEventListener('abort', stop, { once: true });
  });
