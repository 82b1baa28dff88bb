import type { FastifyReply, FastifyRequest } from 'fastify';
import { LimnerError } from '../core/errors.ts';

/** Which methods each address takes, to tell a wrong method from a wrong address. */
export const createRouteTable = () => {
  const methodsByPath = new Map<string, Set<string>>();

  const methodsAt = (path: string): readonly string[] => {
    const found = [...methodsByPath].find(([pattern]) => isMatch(pattern, path));
    return found === undefined ? [] : [...found[1], 'OPTIONS'];
  };

  return {
    /** Notes a route as it is registered. */
    add(path: string, method: string | readonly string[]): void {
      const methods = methodsByPath.get(path) ?? new Set();
      for (const name of [method].flat()) methods.add(name);
      methodsByPath.set(path, methods);
    },
    /** Answers a request that no route takes: `OPTIONS` with what there is, the rest with 404 or 405. */
    answerMissing(request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void): void {
      const path = request.url.split('?', 1)[0] ?? '';
      const allowed = methodsAt(path);
      if (allowed.length === 0) {
        done(new LimnerError('route_not_found', `There is nothing at ${request.method} ${shorten(path)}.`));
        return;
      }
      reply.header('allow', allowed.join(', '));
      if (request.method === 'OPTIONS') void reply.code(204).send();
      else
        done(
          new LimnerError(
            'method_not_allowed',
            `${shorten(path)} takes ${allowed.join(', ')}, not ${request.method}.`,
          ),
        );
    },
  };
};

const isMatch = (pattern: string, path: string): boolean => {
  const [wanted, given] = [pattern.split('/'), path.split('/')];
  return (
    wanted.length === given.length &&
    wanted.every((part, place) => (part.startsWith(':') ? given[place] !== '' : part === given[place]))
  );
};

const shorten = (path: string): string => (path.length > 200 ? `${path.slice(0, 200)}…` : path);
