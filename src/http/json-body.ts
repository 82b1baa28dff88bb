import type { FastifyRequest } from 'fastify';
import { LimnerError } from '../core/errors.ts';

// Fatal: a body in GBK or Latin-1 would otherwise turn into a garbled prompt that somebody pays for.
const utf8 = new TextDecoder('utf-8', { fatal: true });

/** More than any request needs, and far less than what exhausts the stack of whoever walks through the value. */
const MAX_LEVELS = 64;

/** Reads a JSON body; throws `invalid_json` and `unsupported_media_type`. `__proto__` stays an ordinary name, which the schemas refuse. */
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
  if ((request.headers['content-encoding'] ?? 'identity').toLowerCase() !== 'identity') {
    const detail = 'Send the body as it is, without `Content-Encoding`: compressed bodies are not read.';
    done(new LimnerError('unsupported_media_type', detail));
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
  if (isDeeper(value, MAX_LEVELS)) {
    done(new LimnerError('invalid_json', `The body is nested more than ${MAX_LEVELS} levels deep.`));
    return;
  }
  done(null, value);
};

const isDeeper = (value: unknown, levels: number): boolean =>
  typeof value === 'object' &&
  value !== null &&
  (levels === 0 || Object.values(value).some((member) => isDeeper(member, levels - 1)));

/** Where the parser stopped. Its message also quotes the body, which may hold anything, so only the place is told. */
const placeOf = (fault: unknown): string => {
  const place = fault instanceof SyntaxError ? /line \d+ column \d+/.exec(fault.message)?.[0] : undefined;
  return place === undefined ? '' : `: it goes wrong at ${place}`;
};
