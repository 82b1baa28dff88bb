/**
 * The `fetch` that a package of the AI SDK is given. What it sends to the vendor's address goes by the client of the
 * provider; what it would download is not downloaded: in place of each picture it gets a stand-in, which it hands on as
 * if it were one, and which names where the picture is. So pictures take the way of all pictures: those inside an
 * answer lie in the spool already, and the engine fetches the others, again after a crash.
 */
import type { Output } from '../../core/call.ts';
import { isInlinePicture, NotSent, type UpstreamAnswer, type UpstreamClient } from '../provider.ts';

/** What became of the requests of one call. */
export interface FetchLog {
  /** Whether the vendor answered a request that may have begun a picture with a success. */
  isAccepted: boolean;
  /** The first fault of the client: the packages wrap what they are thrown in errors of their own. */
  fault: unknown;
}

const MARK = 'limner-stands-in-for:';

const standIn = (output: Output): Uint8Array<ArrayBuffer> =>
  new TextEncoder().encode(`${MARK}${JSON.stringify(output)}`);

/** The picture that a stand-in names; `undefined` for a picture that is one. */
export const readStandIn = (picture: string | Uint8Array): Output | undefined => {
  const bytes = typeof picture === 'string' ? Buffer.from(picture, 'base64') : Buffer.from(picture);
  return bytes.subarray(0, MARK.length).toString('latin1') === MARK
    ? (JSON.parse(bytes.subarray(MARK.length).toString('utf8')) as Output)
    : undefined;
};

/** A `fetch` over the client of one call; writes into the log what the packages do not tell. */
export const createUpstreamFetch =
  (http: UpstreamClient, log: FetchLog): typeof globalThis.fetch =>
  async (input, init) => {
    const address = input instanceof Request ? input.url : String(input);
    const spooled = readStandIn(address.replace(/^data:[^,]*,/, ''));
    if (spooled !== undefined) return pictureAnswer(spooled);
    const request = new Request(input, init);
    const url = new URL(request.url);
    const base = new URL(http.baseUrl);
    const isVendor = url.origin === base.origin && isBelow(url.pathname, base.pathname);
    try {
      if (!isVendor && request.method === 'GET') return pictureAnswer({ at: 'link', url: request.url });
      if (!isVendor) throw new NotSent(`${url.host} is not the configured address of the provider`);
      const answer = await http.exchange({
        method: request.method === 'GET' ? 'GET' : 'POST',
        path: url.pathname.slice(base.pathname === '/' ? 0 : base.pathname.length),
        query: Object.fromEntries(url.searchParams),
        headers: Object.fromEntries(request.headers),
        ...(request.body !== null && { body: new Uint8Array(await request.arrayBuffer()) }),
      });
      if (answer.status < 300 && request.method !== 'GET') log.isAccepted = true;
      return toResponse(answer);
    } catch (fault) {
      log.fault ??= fault;
      throw fault;
    }
  };

const isBelow = (path: string, base: string): boolean =>
  base === '/' || path === base || path.startsWith(`${base}/`);

const pictureAnswer = (output: Output): Response =>
  new Response(standIn(output), { headers: { 'content-type': 'image/png' } });

const toResponse = ({ status, headers, json }: UpstreamAnswer): Response => {
  const { 'content-length': _length, 'content-encoding': _encoding, ...rest } = headers;
  const text = json === undefined ? '' : JSON.stringify(withStandIns(json));
  const isEmpty = status === 204 || status === 304;
  return new Response(isEmpty ? null : text, { status, headers: rest });
};

const withStandIns = (value: unknown): unknown => {
  if (isInlinePicture(value))
    return Buffer.from(standIn({ at: 'spool', name: value.spooled })).toString('base64');
  if (Array.isArray(value)) return value.map(withStandIns);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, withStandIns(member)]));
};
