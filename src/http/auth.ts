import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ApiKey, KeyStore } from '../access/keys.ts';
import { LimnerError } from '../core/errors.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Whose key it is, on every route behind `requireKey`. */
    caller: ApiKey;
  }
}

type Hook = (request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void) => void;

/** Finds the secret of a request, or what to complain about. */
type ReadSecret = (request: FastifyRequest) => string | LimnerError;

/** Lets only requests with a valid key through, before their body is read. */
export const requireKey =
  (keys: Pick<KeyStore, 'authenticate'>, readSecret: ReadSecret = bearerOf): Hook =>
  (request, _reply, done) => {
    const secret = readSecret(request);
    if (secret instanceof LimnerError) {
      done(secret);
      return;
    }
    keys.authenticate(secret).then(
      (key) => {
        if (key === undefined) {
          done(new LimnerError('invalid_api_key', 'This API key is not known here, or it was revoked.'));
          return;
        }
        request.caller = key;
        done();
      },
      (fault: Error) => done(fault),
    );
  };

/** Lets only keys with the role `admin` through; comes after `requireKey`. */
export const requireAdmin: Hook = (request, _reply, done) => {
  if (request.caller.role === 'admin') done();
  else done(new LimnerError('insufficient_role', 'This needs a key with the role `admin`.'));
};

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
