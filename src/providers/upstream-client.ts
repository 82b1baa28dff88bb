import { Agent, type Dispatcher } from 'undici';
import { BrokenAnswer, createAnswerReader, type AnswerReader, type PictureSink } from './inline-pictures.ts';
import {
  AnswerLost,
  AnswerNotKept,
  inlinePictureName,
  NotSent,
  type UpstreamAnswer,
  type UpstreamClient,
  type UpstreamRequest,
} from './provider.ts';

/** Which call an exchange is made for. */
export interface CallScope {
  /** Names the pictures that come with its answers: `<callId>-inline-0` … */
  readonly callId: string;
  /** Ends its exchanges; the only limit on the time of one besides `answerTimeoutMs`. */
  readonly signal: AbortSignal;
}

/** The HTTP of one provider, to be narrowed to one call. */
export interface UpstreamConnection {
  forCall(scope: CallScope): UpstreamClient;
}

/** What a connection to a provider needs. */
export interface UpstreamConnectionOptions {
  /** With its path, e.g. `https://api.example.com/v1`. */
  readonly baseUrl: string;
  readonly dispatcher: Dispatcher;
  readonly sink: PictureSink;
  /** From the request to the first byte of the answer, and between two parts of it; 10 minutes unless told. */
  readonly answerTimeoutMs?: number;
  /** Of each picture, decoded; 64 MB unless told. */
  readonly maxPictureBytes?: number;
  /** Of an answer without its pictures; 1 MiB unless told. */
  readonly maxTextBytes?: number;
  /** Of an answer as it comes; 512 MB unless told. */
  readonly maxAnswerBytes?: number;
}

/**
 * Connections to upstreams, kept open for a short while: shorter than servers do, because a request on a
 * connection that the server just closed is a lost answer. A server's own `Keep-Alive: timeout` is obeyed.
 */
export const createUpstreamDispatcher = (): Agent =>
  new Agent({
    allowH2: false,
    pipelining: 1,
    keepAliveTimeout: 4_000,
    keepAliveMaxTimeout: 60_000,
    keepAliveTimeoutThreshold: 2_000,
    connect: { timeout: 10_000 },
  });

/**
 * Speaks HTTP with one provider. Sends the headers it is given and no others, follows no redirect, repeats
 * nothing. The pictures of an answer lie complete in the sink before `exchange` returns; those of a broken
 * answer are removed.
 */
export const createUpstreamClient = (options: UpstreamConnectionOptions): UpstreamConnection => {
  const base = new URL(options.baseUrl);
  const basePath = base.pathname.replace(/\/+$/, '');
  return {
    forCall: ({ callId, signal }) => {
      let pictures = 0;
      // Goes on from answer to answer: a second one must not overwrite what was recorded from the first.
      const nextName = (): string => inlinePictureName(callId, pictures++);
      return {
        baseUrl: `${base.origin}${basePath}`,
        exchange: (request) => {
          const path = `${basePath}${request.path}${queryOf(request)}`;
          return exchange(options, { origin: base.origin, path, request, signal, nextName });
        },
      };
    },
  };
};

interface Exchange {
  readonly origin: string;
  readonly path: string;
  readonly request: UpstreamRequest;
  readonly signal: AbortSignal;
  readonly nextName: () => string;
}

const megabyte = 1024 * 1024;

const exchange = async (
  {
    dispatcher,
    sink,
    answerTimeoutMs = 600_000,
    maxPictureBytes = 64 * megabyte,
    maxTextBytes = megabyte,
    maxAnswerBytes = 512 * megabyte,
  }: UpstreamConnectionOptions,
  { origin, path, request, signal, nextName }: Exchange,
): Promise<UpstreamAnswer> => {
  const limits = { pictureBytes: maxPictureBytes, textBytes: maxTextBytes };
  const reader = createAnswerReader({ sink: marked(sink), nextName, limits });
  const progress: Progress = { isSent: false, status: undefined, headers: {} };
  try {
    await new Promise<void>((resolve, reject) => {
      const handler = answerHandler({ progress, reader, signal, maxAnswerBytes, resolve, reject });
      dispatcher.dispatch(
        {
          origin,
          path,
          method: request.method,
          headers: { accept: 'application/json', 'accept-encoding': 'identity', ...request.headers },
          body: request.body ?? null,
          headersTimeout: answerTimeoutMs,
          bodyTimeout: answerTimeoutMs,
        },
        handler,
      );
    });
    const text = await reader.end();
    return { status: progress.status ?? 0, headers: progress.headers, json: parseJson(text) };
  } catch (error) {
    await reader.discard();
    throw translate(error, `${request.method} ${new URL(origin).host}${request.path}`, progress);
  }
};

/** What the sink said, told apart from what happened to the connection. */
class SinkFault extends Error {
  override readonly name = 'SinkFault';
}

const sinkFault = (cause: unknown): never => {
  throw new SinkFault('The picture could not be kept', { cause });
};

/** The sink, with faults that are known as its own. */
const marked = (sink: PictureSink): PictureSink => ({
  create: async (name) => {
    const file = await sink.create(name).catch(sinkFault);
    return {
      write: (chunk) => {
        const writing = file.write(chunk);
        return writing === undefined ? undefined : writing.catch(sinkFault);
      },
      finish: () => file.finish().catch(sinkFault),
      discard: () => file.discard(),
    };
  },
  remove: (name) => sink.remove(name),
});

/** How far an exchange came. */
interface Progress {
  /** Whether a connection was given the request, so that it may have left. */
  isSent: boolean;
  status: number | undefined;
  headers: Readonly<Record<string, string>>;
}

interface AnswerHandlerParts {
  readonly progress: Progress;
  readonly reader: AnswerReader;
  readonly signal: AbortSignal;
  readonly maxAnswerBytes: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Leads undici's events into the reader, and holds the socket back while the reader is behind. */
const answerHandler = ({
  progress,
  reader,
  signal,
  maxAnswerBytes,
  resolve,
  reject,
}: AnswerHandlerParts): Dispatcher.DispatchHandler => {
  let bytes = 0;
  let reading: Promise<void> | undefined;
  let readingFault: unknown;
  let abort: ((reason: Error) => void) | undefined;

  const settle = (outcome: () => void): void => {
    signal.removeEventListener('abort', onAbort);
    // What the reader was given last must be done before the picture is finished or discarded.
    void Promise.allSettled([reading]).then(outcome);
  };
  const fail = (error: unknown): void => settle(() => reject(error));
  const onAbort = (): void => {
    if (abort === undefined) fail(signal.reason);
    else abort(asError(signal.reason));
  };
  signal.addEventListener('abort', onAbort, { once: true });

  return {
    onRequestStart: (controller) => {
      abort = (reason) => controller.abort(reason);
      if (signal.aborted) abort(asError(signal.reason));
      else progress.isSent = true;
    },
    onResponseStart: (_controller, status, headers) => {
      progress.status = status;
      progress.headers = Object.fromEntries(
        Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value)]),
      );
    },
    onResponseData: (controller, chunk) => {
      bytes += chunk.length;
      try {
        if (bytes > maxAnswerBytes)
          throw new BrokenAnswer(`The answer has more than ${maxAnswerBytes} bytes`);
        const writing = reader.write(chunk);
        if (writing === undefined) return;
        controller.pause();
        reading = writing.then(
          () => controller.resume(),
          (error: unknown) => {
            readingFault = error;
            controller.abort(asError(error));
          },
        );
      } catch (error) {
        controller.abort(asError(error));
      }
    },
    onResponseEnd: () => settle(() => (readingFault === undefined ? resolve() : reject(readingFault))),
    onResponseError: (_controller, error) => fail(error),
  };
};

const asError = (reason: unknown): Error =>
  reason instanceof Error ? reason : new Error('Stopped', { cause: reason });

/** The query as RFC 3986 writes it, which signatures over it agree on: a space is `%20`. */
const queryOf = ({ query }: UpstreamRequest): string => {
  const pairs = Object.entries(query ?? {}).map(
    ([name, value]) => `${encodeQuery(name)}=${encodeQuery(value)}`,
  );
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`;
};

const encodeQuery = (text: string): string =>
  encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  );

/** The value; `undefined` for an empty or foreign body. A text that begins like JSON and is none was cut off. */
const parseJson = (text: string): unknown => {
  const trimmed = text.replace(/^\uFEFF/, '').trim();
  try {
    return trimmed === '' ? undefined : JSON.parse(trimmed);
  } catch (error) {
    if (/^[[{]/.test(trimmed)) throw new BrokenAnswer('The answer is not complete JSON', { cause: error });
    return undefined;
  }
};

const translate = (error: unknown, what: string, { isSent, status }: Progress): Error => {
  const code = error instanceof Error && 'code' in error ? String(error.code) : undefined;
  const isOurs = error instanceof SinkFault;
  const why = error instanceof BrokenAnswer || isOurs ? error.message : (code ?? 'stopped');
  if (!isSent) return new NotSent(`${what}: ${why}`, { cause: error });
  const isPaid = status !== undefined && status >= 200 && status < 300;
  const Lost = isOurs && isPaid ? AnswerNotKept : AnswerLost;
  return new Lost(`${what}: ${why}`, { cause: error, ...(status === undefined ? {} : { status }) });
};
