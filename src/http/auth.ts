import type { FastifyReply, FastifyRequest } from 'fastify';
import { isInRanges } from '../access/addresses.ts';
import type { Actor } from '../access/audit.ts';
import type { Caller, KeyStore } from '../access/keys.ts';
import type { RequestLimiter } from '../access/request-limiter.ts';
import { LimnerError } from '../core/errors.ts';
import { tellRequestLimit } from './limit-headers.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Whose key it is, on every route behind `requireKey`. */
    caller: Caller;
  }
}

type Hook = (request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void) => void;

/** Finds the secret of a request, or what to complain about. */
type ReadSecret = (request: FastifyRequest) => string | LimnerError;

/** What letting a key in needs. */
interface EntryParts {
  readonly keys: Pick<KeyStore, 'authenticate'>;
  readonly limiter: RequestLimiter;
}

/** Lets only requests with a valid key through that comes from where it may and not too often, before their body is read. */
export const requireKey =
  (parts: EntryParts, readSecret: ReadSecret = bearerOf): Hook =>
  (request, reply, done) => {
    const secret = readSecret(request);
    if (secret instanceof LimnerError) {
      done(secret);
      return;
    }
    enter(parts, secret, request, reply).then(done, (fault: Error) => done(fault));
  };

const enter = async (
  { keys, limiter }: EntryParts,
  secret: string,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<undefined> => {
  const caller = await keys.authenticate(secret);
  if (caller === undefined) {
    throw new LimnerError('invalid_api_key', 'This API key is not known here, was revoked, or has expired.');
  }
  if (caller.allowedIps !== undefined && !isInRanges(request.ip, caller.allowedIps)) {
    throw new LimnerError('address_not_allowed', `This key may not be used from ${request.ip}.`);
  }
  request.caller = caller;
  const { requestsPerMinute } = caller.limits;
  if (requestsPerMinute === undefined) return;
  const taken = await limiter.take(caller.id, requestsPerMinute);
  tellRequestLimit(reply, caller.limits, taken);
  if (taken.isAllowed) return;
  throw new LimnerError(
    'rate_limit_exceeded',
    `This key may send ${requestsPerMinute} requests a minute. Try again in ${Math.ceil(taken.resetMs / 1000)} s.`,
    { retryAfterMs: taken.resetMs },
  );
};

/** Lets only keys with the role `admin` through; comes after `requireKey`. */
export const requireAdmin: Hook = (request, _reply, done) => {
  if (request.caller.role === 'admin') done();
  else done(new LimnerError('insufficient_role', 'This needs a key with the role `admin`.'));
};

/** Who acts with this request, for the audit log. */
export const actorOf = ({ caller, ip }: FastifyRequest): Actor => ({
  keyId: caller.id,
  name: caller.name,
  address: ip,
});

/** The secret of `Authorization: Bearer`. */
export const bearerOf: ReadSecret = (request) => {
  if (countOfAuthorization(request.raw.rawHeaders) > 1) {
    return new LimnerError('invalid_parameter', 'Send the Authorization header once.', {
      param: 'Authorization',
    });
  }
  const secret = /^bearer +(\S+) *$/i.exec(request.headers.authorization ?? '')?.[1];
  return secret ?? new LimnerError('missing_api_key', 'Send your API key as `Authorization: Bearer <key>`.');
};

/** How often the header was sent: Node keeps the first and hides the others. */
const countOfAuthorization = (rawHeaders: readonly string[]): number => {
  let count = 0;
  for (let place = 0; place < rawHeaders.length; place += 2) {
    const name = rawHeaders[place];
    if (name?.length === 13 && name.toLowerCase() === 'authorization') count += 1;
  }
  return count;
};
