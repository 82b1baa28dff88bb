/**
 * The one way to addresses that come from outside: reference pictures, upstream result links, webhooks. Only
 * public unicast addresses are ever connected to, and the address that was checked is the one that is used.
 */
import { lookup as systemLookup } from 'node:dns/promises';
import { isIP, type LookupFunction } from 'node:net';
import { Agent, request, type Dispatcher } from 'undici';
import {
  type ChunkWriter,
  FetchFailed,
  type Fetched,
  type FetchOrder,
  FetchRefused,
  type GuardedFetcher,
  type PostAnswer,
  type PostOrder,
} from './guarded-fetch.ts';
import { isBlockedPort, isInNet, isPublicAddress, parseNet, type Net } from './public-address.ts';

/** Resolves a host name to all of its addresses. */
export type Lookup = (
  hostname: string,
) => Promise<readonly { readonly address: string; readonly family: number }[]>;

const defaultTimeoutMs = 30_000;
const maxRedirects = 3;
const connectTimeoutMs = 10_000;
const redirectStatuses = new Set([301, 302, 303, 307, 308]);
const retryableStatuses = new Set([408, 425, 429, 500, 502, 503, 504]);

/**
 * The guarded fetcher. `allow` holds what may be reached although it is private: `host`, `host:port` or a CIDR.
 * Throws a `TypeError` for an entry that is none of these.
 */
export const createGuardedFetcher = ({
  allow = [],
  lookup = (hostname) => systemLookup(hostname, { all: true }),
}: {
  readonly allow?: readonly string[];
  readonly lookup?: Lookup;
} = {}): GuardedFetcher => {
  const allowedNets: readonly Net[] = allow.filter((entry) => entry.includes('/')).map(netOf);
  const allowedHosts = new Set(allow.filter((entry) => !entry.includes('/')).map(hostOf));

  const isAllowedAddress = (address: string): boolean =>
    isPublicAddress(address) || allowedNets.some((net) => isInNet(address, net));

  const resolve: Lookup = async (hostname) => {
    const addresses = await lookup(hostname);
    // One bad address among good ones is an attack or a mistake; neither is to be picked from.
    if (addresses.length === 0 || !addresses.every(({ address }) => isAllowedAddress(address))) {
      throw new FetchRefused(`${hostname} does not lead to a public address`);
    }
    return addresses;
  };

  // Checking where the connection is made leaves no moment for the name to change its address.
  const checked = agentWith(resolve);
  // Apart from the other, so that a connection made on trust never serves an address that is not trusted.
  const trusting = agentWith(lookup);

  /** What may connect to this address; throws `FetchRefused`. */
  const dispatcherFor = (url: URL, trustedHost: string | undefined): Dispatcher => {
    if (url.protocol !== 'http:' && url.protocol !== 'https:') {
      throw new FetchRefused('Only http and https addresses are fetched');
    }
    if (url.username !== '' || url.password !== '') {
      throw new FetchRefused(`The address at ${url.host} holds a user name or password`);
    }
    const names = namesOf(url);
    const isTrusted =
      trustedHost !== undefined && (url.host === trustedHost || names.withPort === trustedHost);
    if (isTrusted || allowedHosts.has(names.host) || allowedHosts.has(names.withPort)) return trusting;
    if (isBlockedPort(names.port)) throw new FetchRefused(`${url.host} has a port that is not fetched from`);
    // An address is not looked up, so it is checked here.
    if (isIP(names.bare) !== 0 && !isAllowedAddress(names.bare)) {
      throw new FetchRefused(`${url.host} is no public address`);
    }
    return checked;
  };

  const fetchToSink = async (
    address: string,
    { trustedHost, maxBytes, sink }: FetchOrder,
    signal: AbortSignal,
  ): Promise<Fetched> => {
    let url = parse(address);
    for (let redirects = 0; redirects <= maxRedirects; redirects += 1) {
      const { statusCode, headers, body } = await request(url, {
        dispatcher: dispatcherFor(url, trustedHost?.toLowerCase()),
        headers: { accept: 'image/*, */*;q=0.5', 'accept-encoding': 'identity', 'user-agent': 'limner' },
        signal,
      });
      // A body that is dropped ends in an error that nobody waits for.
      body.on('error', () => {});
      const location = redirectStatuses.has(statusCode) ? headers['location'] : undefined;
      if (typeof location === 'string') {
        body.destroy();
        url = parse(location, url);
        continue;
      }
      if (statusCode !== 200) {
        body.destroy();
        throw failedStatus(url, statusCode);
      }
      const bytes = await drain(body, Number(headers['content-length'] ?? 0), {
        url,
        maxBytes,
        sink,
        signal,
      });
      const contentType = headers['content-type'];
      return { bytes, contentType: typeof contentType === 'string' ? contentType : undefined };
    }
    throw new FetchFailed('redirects', `${url.host} redirects more than ${maxRedirects} times`, {
      retryable: false,
    });
  };

  const post = async (
    address: string,
    { headers, body }: PostOrder,
    signal: AbortSignal,
  ): Promise<PostAnswer> => {
    const url = parse(address);
    const answer = await request(url, {
      dispatcher: dispatcherFor(url, undefined),
      method: 'POST',
      headers: { ...headers, 'user-agent': 'limner' },
      body,
      signal,
    });
    answer.body.on('error', () => {});
    await answer.body.dump({ limit: 64 * 1024 });
    const retryAfter = answer.headers['retry-after'];
    return { status: answer.statusCode, retryAfter: typeof retryAfter === 'string' ? retryAfter : undefined };
  };

  return {
    fetchToSink: (url, order) => withinTime(url, order, (signal) => fetchToSink(url, order, signal)),
    post: (url, order) => withinTime(url, order, (signal) => post(url, order, signal)),
    close: async () => {
      await Promise.all([checked.destroy(), trusting.destroy()]);
    },
  };
};

/** An agent that connects to the very addresses that this lookup gives. */
const agentWith = (lookup: Lookup): Agent => {
  const connectLookup: LookupFunction = (hostname, { all }, callback) => {
    lookup(hostname).then(
      (addresses) => {
        const [first] = addresses;
        if (all === true || first === undefined) callback(null, [...addresses]);
        else callback(null, first.address, first.family);
      },
      (error: unknown) => callback(error as NodeJS.ErrnoException, []),
    );
  };
  return new Agent({
    // One connection serves one fetch at a time, and idles for less long than servers let it.
    allowH2: false,
    keepAliveTimeout: 4_000,
    // The limit on the whole time covers these.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: { timeout: connectTimeoutMs, lookup: connectLookup },
  });
};

/** Runs work under a time limit, and words what goes wrong in it. The caller's own abort passes as it is. */
const withinTime = async <T>(
  address: string,
  {
    timeoutMs = defaultTimeoutMs,
    signal: given,
  }: { readonly timeoutMs?: number; readonly signal?: AbortSignal | undefined },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> => {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  // NOTE: by hand, since `AbortSignal.timeout` goes off at its time although the fetch ended long before.
  const stop = new AbortController();
  let isLate = false;
  const end = (reason: unknown): void => {
    stop.abort(reason);
    reject(reason);
  };
  const onAbort = (): void => end(given?.reason);
  const timer = setTimeout(() => {
    isLate = true;
    end(new Error('Time is up'));
  }, timeoutMs).unref();
  given?.addEventListener('abort', onAbort, { once: true });
  try {
    given?.throwIfAborted();
    // A name that takes long to resolve does not hear of the signal, so the waiting ends by itself.
    return await Promise.race([work(stop.signal), aborted]);
  } catch (error) {
    if (error instanceof FetchRefused || error instanceof FetchFailed) throw error;
    if (error instanceof SinkFault) throw error.cause;
    given?.throwIfAborted();
    const host = parse(address).host;
    if (isLate) {
      throw new FetchFailed('timeout', `${host} took longer than ${timeoutMs} ms`, {
        retryable: true,
        cause: error,
      });
    }
    const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
    throw new FetchFailed('network', `The connection to ${host} failed${code}`, {
      retryable: true,
      cause: error,
    });
  } finally {
    clearTimeout(timer);
    given?.removeEventListener('abort', onAbort);
  }
};

interface Draining {
  readonly url: URL;
  readonly maxBytes: number;
  readonly sink: ChunkWriter;
  readonly signal: AbortSignal;
}

const drain = async (
  body: AsyncIterable<Uint8Array> & { destroy(): unknown },
  announcedBytes: number,
  { url, maxBytes, sink, signal }: Draining,
): Promise<number> => {
  const tooLarge = (): FetchFailed =>
    new FetchFailed('too-large', `${url.host} sent more than ${maxBytes} bytes`, { retryable: false });
  if (announcedBytes > maxBytes) {
    body.destroy();
    throw tooLarge();
  }
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes) throw tooLarge();
    await hand(chunk, sink, signal);
  }
  return bytes;
};

/** What the sink threw, so that a full disk is not taken for a network that fails. */
class SinkFault extends Error {}

const hand = async (chunk: Uint8Array, sink: ChunkWriter, signal: AbortSignal): Promise<void> => {
  // Whoever was told that time is up has given the sink away by now.
  signal.throwIfAborted();
  try {
    const writing = sink.write(chunk);
    if (writing !== undefined) await writing;
  } catch (error) {
    throw new SinkFault('The sink failed', { cause: error });
  }
};

const failedStatus = (url: URL, status: number): FetchFailed =>
  new FetchFailed('status', `${url.host} answered ${status}`, {
    status,
    retryable: retryableStatuses.has(status),
  });

const parse = (address: string, base?: URL): URL => {
  const url = URL.parse(address, base?.href);
  if (url === null) throw new FetchRefused('That is not an address');
  return url;
};

/** Without the dot that may end a full name, and without the brackets of IPv6. */
const namesOf = (url: URL): { host: string; port: number; withPort: string; bare: string } => {
  const host = url.hostname.replace(/\.$/, '');
  const port = Number(url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : url.port);
  return { host, port, withPort: `${host}:${port}`, bare: host.replace(/^\[(.*)\]$/, '$1') };
};

const netOf = (entry: string): Net => {
  const net = parseNet(entry);
  if (net === undefined) throw new TypeError(`Not a net: ${entry}`);
  return net;
};

const hostOf = (entry: string): string => {
  const isBareIpv6 = isIP(entry) === 6;
  const url = URL.parse(`http://${isBareIpv6 ? `[${entry}]` : entry}`);
  if (url === null || url.pathname !== '/' || url.username !== '')
    throw new TypeError(`Not a host: ${entry}`);
  // The port as it is written: as part of a URL, `:80` would be dropped.
  const port = isBareIpv6 ? undefined : /:(\d+)$/.exec(entry)?.[1];
  return port === undefined || entry.endsWith(']') ? url.hostname : `${url.hostname}:${Number(port)}`;
};
