import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { catalogue, type ErrorCode, LimnerError } from '../core/errors.ts';
import { requestLimits } from '../core/request.ts';
import type { Logger } from '../observe/logger.ts';

/** OpenAI's error envelope, from which every OpenAI SDK picks the class to raise. */
export const errorBody = (error: LimnerError, requestId: string | undefined) => ({
  error: {
    message: error.detail,
    type: catalogue[error.code].type,
    param: error.param ?? null,
    code: error.code,
    ...(requestId !== undefined && { request_id: requestId }),
  },
});

/** Answers a request that threw. What is not a `LimnerError` is a fault of ours, and only the log hears of it. */
export const answerError = (
  logger: Logger,
  fault: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): void => {
  const error = toLimnerError(fault);
  const entry = catalogue[error.code];
  if (entry.report) logger.error({ requestId: request.id, err: fault }, 'a request failed');
  if (entry.status === 401) reply.header('www-authenticate', 'Bearer');
  if (error.retryAfterMs !== undefined) reply.header('retry-after', Math.ceil(error.retryAfterMs / 1000));
  void reply.code(entry.status).header('cache-control', 'no-store').send(errorBody(error, request.id));
};

/** Answers what Fastify refuses before it looks for a route. */
export const answerFrameworkError = (
  fault: { readonly code: string },
  request: FastifyRequest,
  reply: FastifyReply,
): void => {
  const error = toLimnerError(fault);
  void reply
    .code(catalogue[error.code].status)
    .header('x-request-id', request.id)
    .header('x-content-type-options', 'nosniff')
    .header('cache-control', 'no-store')
    .send(errorBody(error, request.id));
};

/** Fastify's own complaints in our words. */
const known: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: [
    'payload_too_large',
    `The body is larger than ${requestLimits.bodyBytes / 1024 / 1024} MB. Put the reference picture at an address and send that.`,
  ],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [
    'unsupported_media_type',
    'Send the body as JSON, with `Content-Type: application/json`.',
  ],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['invalid_json', 'The body is not as long as Content-Length says.'],
  FST_ERR_BAD_URL: [
    'invalid_parameter',
    'The address is not valid: `%` must be followed by two hexadecimal digits.',
  ],
  FST_ERR_MAX_PARAM_LENGTH: ['route_not_found', 'There is nothing at this address.'],
};

const somethingWrong = 'Something went wrong here. Trying again may help.';

/** What SQLite, the operating system and a store of pictures say when nothing can be written or read; they cross threads as texts. */
const storageTrouble = (fault: unknown): string | undefined => {
  const text =
    fault instanceof Error ? `${fault.message} ${(fault as NodeJS.ErrnoException).code ?? ''}` : '';
  if (/disk is full|ENOSPC|EDQUOT/.test(text))
    return 'The disk of this server is full, so nothing was stored. Its operator has to make room.';
  if (/database is locked/.test(text))
    return 'Another process keeps the database of this server locked, so nothing was stored. Try again later.';
  if (fault instanceof Error && /^S3(Error|Unreachable)$/.test(fault.name))
    return 'The store that keeps the pictures of this server is not to be had. Try again later.';
  return undefined;
};

/** Whatever was thrown as an error of the catalogue; what is not ours becomes `internal_error`. */
export const toLimnerError = (fault: unknown): LimnerError => {
  if (fault instanceof LimnerError) return fault;
  const { code, statusCode } = (fault ?? {}) as { readonly code?: unknown; readonly statusCode?: unknown };
  const [ours, detail] = (typeof code === 'string' ? known[code] : undefined) ?? [];
  if (ours !== undefined && detail !== undefined) return new LimnerError(ours, detail, { cause: fault });
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500) {
    return new LimnerError('invalid_parameter', 'The request could not be read.', { cause: fault });
  }
  return new LimnerError('internal_error', storageTrouble(fault) ?? somethingWrong, { cause: fault });
};

/** Answers what Node's HTTP parser refuses; there is no request yet, only a socket. */
export const answerClientError = (fault: Error & { readonly code?: string }, socket: Socket): void => {
  // ECONNRESET: the client is gone. Not writable: an answer is under way already.
  if (fault.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const [status, error] = clientErrorOf(fault.code);
  const body = JSON.stringify(errorBody(error, undefined));
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: application/json; charset=utf-8\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
};

const clientErrorOf = (code: string | undefined): readonly [number, LimnerError] => {
  if (code === 'HPE_HEADER_OVERFLOW') {
    return [431, new LimnerError('payload_too_large', 'The headers are larger than 16 KB.')];
  }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return [408, new LimnerError('invalid_parameter', 'The request took too long to arrive.')];
  }
  return [400, new LimnerError('invalid_parameter', 'This is not a valid HTTP request.')];
};
