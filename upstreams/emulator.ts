/**
 * The frame of every emulator: an HTTP server with a ledger of charges, a request log and a fault switch.
 * A vendor adds its routes. Nothing here comes from `src/`: the emulators are an independent reading of the
 * vendors' sheets, so that a misreading in an adapter meets somebody who read it otherwise.
 *
 * Control, open to whoever reaches the port (they listen on the loopback unless told):
 *   GET    /__emulator            name and fault names
 *   GET    /__emulator/ledger     { charges, images }          DELETE resets it
 *   GET    /__emulator/requests   { requests }                 DELETE resets it
 *   GET    /__emulator/faults     { faults } still to come     PUT replaces (a JSON list), DELETE clears
 */
import { createServer } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { disturbed, FaultScript, FaultScriptError } from './faults.ts';
import type { Fault } from './faults.ts';
import type { Ledger } from './ledger.ts';
import type { FetchReference } from './reference-reader.ts';
import { emptyReply, jsonReply, textReply } from './reply.ts';
import type { Reply } from './reply.ts';
import { RequestLog } from './request-log.ts';

/** One request on its way through an emulator. */
export type Exchange = {
  readonly method: string;
  /** The request target as sent: path and query. */
  readonly target: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** The exact bytes, for signatures and multipart. */
  readonly body: Buffer;
  /** The scripted fault this request met. Transport faults are already dealt with. */
  readonly fault: Fault | undefined;
  /** Waits on the emulator's time; rejects when the emulator closes. */
  readonly sleep: (ms: number) => Promise<void>;
};

export type Route = {
  /** What the fault script calls it. */
  readonly operation: string;
  /** Absent: any method. */
  readonly method?: string;
  /** A whole path, or a pattern of one. */
  readonly path: string | RegExp;
  /** Query parameters that must have these values. */
  readonly query?: Readonly<Record<string, string>>;
  readonly handle: (exchange: Exchange) => Reply | Promise<Reply>;
};

/** What any vendor's emulator may be told. */
export type VendorOptions = {
  /** Default 127.0.0.1. */
  readonly host?: string | undefined;
  /** Default 0: any free port. */
  readonly port?: number | undefined;
  /** Unix milliseconds; default the system clock. */
  readonly now?: (() => number) | undefined;
  /** Pads every picture to this many bytes. */
  readonly pictureBytes?: number | undefined;
  /** Fetches references that are http(s) addresses; default: none can be reached. */
  readonly fetchReference?: FetchReference | undefined;
};

export type EmulatorOptions = Pick<VendorOptions, 'host' | 'port' | 'now'> & {
  readonly name: string;
  readonly routes: readonly Route[];
  /** Fault names of the vendor, beside the transport faults and `error`. */
  readonly faultNames: Iterable<string>;
  /** Answer for a path that no route knows; default 404 with an empty body. */
  readonly notFound?: () => Reply;
  /** Default 512 MiB; more is 413. */
  readonly maxBodyBytes?: number;
  readonly ledger: Ledger;
};

/** A running emulator. */
export type Emulator = AsyncDisposable & {
  readonly name: string;
  /** `http://host:port`. */
  readonly origin: string;
  readonly port: number;
  readonly ledger: Ledger;
  readonly requests: RequestLog;
  readonly faults: FaultScript;
  /** Closes the port and every connection, also those that hang. */
  readonly close: () => Promise<void>;
};

/** Starts the server; rejects when the port is taken. */
export async function startEmulator(options: EmulatorOptions): Promise<Emulator> {
  const host = options.host ?? '127.0.0.1';
  const now = options.now ?? Date.now;
  const maxBodyBytes = options.maxBodyBytes ?? 512 * 1024 * 1024;
  const closing = new AbortController();
  const { ledger } = options;
  const requests = new RequestLog();
  const faults = new FaultScript(
    options.faultNames,
    options.routes.map((route) => route.operation),
  );
  const sleep = async (ms: number): Promise<void> => {
    if (ms > 0) await wait(ms, undefined, { signal: closing.signal });
  };

  async function answer(request: IncomingMessage): Promise<Reply> {
    const body = await readBody(request, maxBodyBytes);
    if (body === undefined) return emptyReply(413, { connection: 'close' });
    const target = request.url ?? '/';
    const method = request.method ?? 'GET';
    const cut = target.indexOf('?');
    const path = cut < 0 ? target : target.slice(0, cut);
    if (path === '/__emulator' || path.startsWith('/__emulator/')) return control(method, path, body);

    requests.record(now(), method, target, request.headers, body);
    const query = new URLSearchParams(cut < 0 ? '' : target.slice(cut + 1));
    const route = options.routes.find((candidate) => isFor(candidate, method, path, query));
    if (route === undefined) return options.notFound?.() ?? emptyReply(404);
    const fault = faults.take(route.operation);
    const exchange = { method, target, path, query, headers: request.headers, body, fault, sleep };
    const handled = async (): Promise<Reply> => withDate(fault, await route.handle(exchange));
    return disturbed(fault, sleep, handled);
  }

  function control(method: string, path: string, body: Buffer): Reply {
    switch (`${method} ${path.slice('/__emulator'.length)}`) {
      case 'GET ':
        return jsonReply(200, { name: options.name, faults: faults.names });
      case 'GET /ledger':
        return jsonReply(200, { charges: ledger.charges, images: ledger.images });
      case 'DELETE /ledger':
        ledger.reset();
        return emptyReply(204);
      case 'GET /requests':
        return jsonReply(200, { requests: requests.all });
      case 'DELETE /requests':
        requests.reset();
        return emptyReply(204);
      case 'GET /faults':
        return jsonReply(200, { faults: faults.rules });
      case 'PUT /faults':
        return setFaults(body);
      case 'DELETE /faults':
        faults.clear();
        return emptyReply(204);
      default:
        return jsonReply(404, { error: `no such control: ${method} ${path}` });
    }
  }

  function setFaults(body: Buffer): Reply {
    try {
      faults.set(JSON.parse(body.toString()));
    } catch (error) {
      if (!(error instanceof FaultScriptError || error instanceof SyntaxError)) throw error;
      return jsonReply(400, { error: error.message });
    }
    return jsonReply(200, { faults: faults.rules });
  }

  const server = createServer((request, response) => {
    answer(request)
      .catch((error: unknown) => {
        // A bug in the emulator must look like one, and never like a vendor's failure.
        if (closing.signal.aborted || !request.complete) return { kind: 'drop' } as const;
        const trace = error instanceof Error ? (error.stack ?? error.message) : String(error);
        return textReply(599, 'text/plain', `emulator "${options.name}" failed: ${trace}`);
      })
      .then((reply) => send(reply, request, response))
      .catch(() => request.socket.destroy());
  });
  server.keepAliveTimeout = 60_000;
  server.requestTimeout = 0;

  const port = await new Promise<number>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, host, 1024, () => resolve((server.address() as AddressInfo).port));
  });

  const close = async (): Promise<void> => {
    if (closing.signal.aborted) return;
    closing.abort();
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    await closed;
  };

  return {
    name: options.name,
    origin: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    port,
    ledger,
    requests,
    faults,
    close,
    [Symbol.asyncDispose]: close,
  };
}

function isFor(route: Route, method: string, path: string, query: URLSearchParams): boolean {
  return (
    (route.method === undefined || route.method === method) &&
    (typeof route.path === 'string' ? route.path === path : route.path.test(path)) &&
    Object.entries(route.query ?? {}).every(([name, value]) => query.get(name) === value)
  );
}

/** The reply with its `Retry-After` as a date, where the fault says so. */
function withDate(fault: Fault | undefined, reply: Reply): Reply {
  if (fault?.retryAfterAs !== 'date' || reply.kind !== 'whole') return reply;
  // A vendor that says the same in milliseconds besides would not need the date.
  const { 'retry-after': seconds, 'retry-after-ms': _, ...headers } = reply.headers;
  // The clock of the wire, which is also that of the `Date` header, whatever time the vendor plays.
  const at = new Date(Math.ceil(Date.now() / 1000 + Number(seconds)) * 1000);
  return { ...reply, headers: { ...headers, 'retry-after': at.toUTCString() } };
}

async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes) return undefined;
    chunks.push(chunk);
  }
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, bytes);
}

async function send(reply: Reply, request: IncomingMessage, response: ServerResponse): Promise<void> {
  switch (reply.kind) {
    case 'hang':
      return;
    case 'drop':
      request.socket.destroy();
      return;
    case 'stream':
      response.writeHead(reply.status, reply.headers);
      for await (const chunk of reply.chunks) response.write(chunk);
      if (!reply.cut) response.end();
      // An empty write calls back once everything before it has left.
      else response.write('', () => request.socket.destroy());
      return;
    case 'cut': {
      const whole = Buffer.concat(reply.body);
      response.writeHead(reply.status, { ...reply.headers, 'content-length': whole.length });
      response.write(whole.subarray(0, reply.sentBytes), () => request.socket.destroy());
      return;
    }
    case 'whole': {
      const length = reply.body.reduce((sum, part) => sum + part.length, 0);
      response.writeHead(reply.status, { ...reply.headers, 'content-length': length });
      if (request.method === 'HEAD') {
        response.end();
        return;
      }
      response.cork();
      for (const part of reply.body) response.write(part);
      response.end();
      response.uncork();
    }
  }
}
