import type { FastifyRequest } from 'fastify';
import { LimnerError } from '../core/errors.ts';

// Fatal: a body in GBK or Latin-1 would otherwise turn into a garbled prompt that somebody pays for.
const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Reads a JSON body; throws `invalid_json`. `__proto__` stays an ordinary name, which the schemas refuse. */
export const parseJsonBody = (
  request: FastifyRequest,
  body: Buffer,
  done: (error: Error | null, body?: unknown) => void,
): void => {
  if (body.length === 0) {
    const wantsBody = request.routeOptions.schema?.body !== undefined;
    if (wantsBody) done(new LimnerError('invalid_json', 'The body is empty. Send a JSON object.'));
    else done(null, undefined);
    return;
  }
  let text: string;
  try {
    text = utf8.decode(body);
  } catch (cause) {
    done(new LimnerError('invalid_json', 'The body is not UTF-8. JSON is always sent as UTF-8.', { cause }));
    return;
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    done(new LimnerError('invalid_json', `The body is not valid JSON${placeOf(cause)}.`, { cause }));
    return;
  }
  done(null, value);
};

/** Where the parser stopped. Its message also quotes the body, which may hold anything, so only the place is told. */
const placeOf = (fault: unknown): string => {
  const place = fault instanceof SyntaxError ? /line \d+ column \d+/.exec(fault.message)?.[0] : undefined;
  return place === undefined ? '' : `: it goes wrong at ${place}`;
};
