/** What fetching from outside promises, and how it fails; `fetch-guard.ts` does it. */

/** Takes the bytes of a download; a promise asks to wait. The caller finishes it, or discards it on an error. */
export interface ChunkWriter {
  write(chunk: Uint8Array): Promise<void> | void;
}

/** What to fetch besides the address. */
export interface FetchOrder {
  /** `host[:port]` of the provider's base URL, which is trusted although it may be private. */
  readonly trustedHost?: string | undefined;
  readonly maxBytes: number;
  /** For the whole of it, redirects and body included; 30 seconds unless told. */
  readonly timeoutMs?: number;
  readonly sink: ChunkWriter;
  readonly signal?: AbortSignal | undefined;
}

/** What was fetched. */
export interface Fetched {
  readonly bytes: number;
  /** As the server wrote it; says nothing reliable about the content. */
  readonly contentType: string | undefined;
}

/** What to post, and how long that may take. */
export interface PostOrder {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
  /** For the whole of it; 30 seconds unless told. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/** How a post was answered. */
export interface PostAnswer {
  readonly status: number;
  readonly retryAfter: string | undefined;
}

/** Reaches addresses that come from outside. Throws `FetchRefused` and `FetchFailed`. */
export interface GuardedFetcher {
  /** Downloads into the sink, over three redirects at most; an answer other than 200 is a `FetchFailed`. */
  fetchToSink(url: string, order: FetchOrder): Promise<Fetched>;
  /** Posts once, follows no redirect and throws the answer's body away. */
  post(url: string, order: PostOrder): Promise<PostAnswer>;
  close(): Promise<void>;
}

/** The guard does not let us there; trying again is of no use. Its message names the host and nothing behind it. */
export class FetchRefused extends Error {
  override readonly name = 'FetchRefused';
}

/** Why a fetch failed. */
export type FetchFault = 'status' | 'too-large' | 'timeout' | 'network' | 'redirects';

/** The address was allowed, and the content did not come. Its message names the host and nothing behind it. */
export class FetchFailed extends Error {
  override readonly name = 'FetchFailed';
  readonly fault: FetchFault;
  /** The HTTP status when that is the fault. */
  readonly status: number | undefined;
  /** Whether the same fetch may succeed later. */
  readonly retryable: boolean;

  constructor(
    fault: FetchFault,
    message: string,
    options: { readonly retryable: boolean; readonly status?: number; readonly cause?: unknown },
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.fault = fault;
    this.status = options.status;
    this.retryable = options.retryable;
  }
}
