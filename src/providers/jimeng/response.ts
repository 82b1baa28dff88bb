/** Reads answers in the order of the sheet: the gateway's error, then `code`, then everything else (section 11). */
import type { Output } from '../../core/call.ts';
import { asList, asRecord, asText } from '../fields.ts';
import type { Fields } from '../fields.ts';
import { AnswerLost, isInlinePicture, ProviderError } from '../provider.ts';
import type { Accepted, Progress, UpstreamAnswer } from '../provider.ts';
import { isAboutQuery, leavesOpen, mayBeAboutQuery, toFailure } from './errors.ts';
import type { Circumstances, JimengError } from './errors.ts';
import type { JimengHandle } from './request.ts';

/** `code` of an answer without an error. */
const success = 10_000;
/** Access denied: the account may not use this model (sheet section 8.2). */
const notActivated = '50400';
/** When asking first makes sense; a picture takes 10 to 40 s, after half a minute asking less often is enough (7.3). */
const firstMs = 2_000;
const youngMs = 30_000;
const oldIntervalMs = 5_000;
/** How long "internal error" may be a query's own trouble, which passes, and not the end of the call. */
const doubtMs = 60_000;

/**
 * The handle of a call that was taken. Throws `ProviderError` for an error in the vendor's words, and `AnswerLost` for
 * anything else: there may be a task that nothing can find again.
 */
export const readSubmit = (
  answer: UpstreamAnswer,
  call: Pick<JimengHandle, 'req_key' | 'watermark'>,
  circumstances: Circumstances,
): Accepted<JimengHandle> => {
  const envelope = readEnvelope(answer);
  if ('error' in envelope) throw new ProviderError(toFailure(envelope.error, answer, circumstances));
  const taskId = envelope.data?.['task_id'];
  if (typeof taskId !== 'string' || taskId === '') throw lost(answer);
  const handle = {
    req_key: call.req_key,
    task_id: taskId,
    watermark: call.watermark,
    accepted_at_ms: circumstances.nowMs,
  };
  return { state: 'accepted', handle, checkAfterMs: firstMs };
};

/** What became of a call. Throws `AnswerLost` when the answer does not say. */
export const readQuery = (
  answer: UpstreamAnswer,
  handle: JimengHandle,
  circumstances: Circumstances,
): Progress => {
  const envelope = readEnvelope(answer);
  if ('error' in envelope) return readError(envelope.error, answer, handle, circumstances);
  const { data } = envelope;
  const status = data?.['status'];
  switch (status) {
    case 'in_queue':
    case 'generating':
      return running(handle, circumstances);
    case 'done':
      return readPictures(data, answer);
    case 'not_found':
    case 'expired':
      return {
        state: 'failed',
        failure: {
          code: 'output_lost',
          message: 'The provider has forgotten the call before its picture was fetched.',
          // It was taken, so it may have been drawn and delivered to nobody.
          charged: 'unknown',
          retryable: false,
          upstream: { status: answer.status, code: status },
        },
      };
    default:
      if (data === undefined) throw lost(answer);
      return {
        ...running(handle, circumstances),
        warning: `Jimeng told a status that is not known: ${JSON.stringify(status)?.slice(0, 40)}`,
      };
  }
};

/**
 * Reads what a query of an unknown task brought. Throws `ProviderError` when the account was refused or nothing was
 * looked up; every other error of the service says that somebody did look.
 */
export const readTrial = (answer: UpstreamAnswer, circumstances: Circumstances): void => {
  const envelope = readEnvelope(answer);
  if (!('error' in envelope)) return;
  const failure = toFailure(envelope.error, answer, circumstances);
  const isLookedUp = envelope.error.from === 'service' && !failure.retryable;
  if (!isLookedUp || envelope.error.code === notActivated) throw new ProviderError(failure);
};

type Running = Extract<Progress, { state: 'running' }>;

/** What an answer holds: the vendor's `data`, or its error. */
type Envelope = { readonly data: Fields | undefined } | { readonly error: JimengError };

/** Throws `AnswerLost` for what the vendor is not known to send. */
const readEnvelope = (answer: UpstreamAnswer): Envelope => {
  // A proxy's own complaints, whatever body they carry: the service may have done its work.
  if (answer.status === 502 || answer.status === 504) throw lost(answer);
  const body = asRecord(answer.json);
  const error = gatewayErrorIn(body) ?? serviceErrorIn(body);
  if (error !== undefined) {
    if (leavesOpen(error)) throw lost(answer);
    return { error };
  }
  if (answer.status !== 200 || body?.['code'] !== success) throw lost(answer);
  return { data: asRecord(body['data']) };
};

const gatewayErrorIn = (body: Fields | undefined): JimengError | undefined => {
  const metadata = asRecord(body?.['ResponseMetadata']);
  if (metadata === undefined) return undefined;
  const error = asRecord(metadata['Error']);
  return {
    from: 'gateway',
    code: asText(error?.['Code']) || 'unknown',
    message: asText(error?.['Message']),
    requestId: asText(metadata['RequestId']) || undefined,
  };
};

/** `data` is null whenever `code` is not the one of success, so `code` is judged first. */
const serviceErrorIn = (body: Fields | undefined): JimengError | undefined => {
  const code = body?.['code'];
  if (typeof code !== 'number' || code === success) return undefined;
  return {
    from: 'service',
    code: String(code),
    message: asText(body?.['message']),
    requestId: asText(body?.['request_id']) || undefined,
  };
};

const running = ({ accepted_at_ms }: JimengHandle, { nowMs }: Circumstances): Running => ({
  state: 'running',
  // While the call is young, as often as the provider's `poll_interval` says.
  checkAfterMs: nowMs - accepted_at_ms < youngMs ? 0 : oldIntervalMs,
});

/** A task that failed shows as an error of the query; so does a query that failed itself. */
const readError = (
  error: JimengError,
  answer: UpstreamAnswer,
  handle: JimengHandle,
  circumstances: Circumstances,
): Progress => {
  const failure = toFailure(error, answer, circumstances);
  const isYoung = circumstances.nowMs - handle.accepted_at_ms < doubtMs;
  if (isAboutQuery(error) || (mayBeAboutQuery(error) && isYoung)) {
    const { checkAfterMs } = running(handle, circumstances);
    return {
      state: 'running',
      checkAfterMs: Math.max(checkAfterMs, failure.retryAfterMs ?? 0),
      warning: `Jimeng answered a query with ${error.code}: ${failure.message}`,
    };
  }
  // In doubt the picture may exist: the call is given up, and not paid for again.
  if (mayBeAboutQuery(error)) {
    const { retryOnce: _, ...final } = failure;
    return { state: 'failed', failure: { ...final, charged: 'unknown', retryable: false } };
  }
  return { state: 'failed', failure };
};

const readPictures = (data: Fields | undefined, answer: UpstreamAnswer): Progress => {
  const links = asList(data?.['image_urls']).flatMap((url): Output[] => {
    const text = asText(url);
    return text === '' ? [] : [{ at: 'link', url: text }];
  });
  const inline = asList(data?.['binary_data_base64']).flatMap((picture): Output[] =>
    isInlinePicture(picture) ? [{ at: 'spool', name: picture.spooled }] : [],
  );
  const outputs = links.length > 0 ? links : inline;
  if (outputs.length > 0) return { state: 'produced', outputs };
  const body = asRecord(answer.json);
  const requestId = asText(body?.['request_id']);
  return {
    state: 'failed',
    failure: {
      code: 'provider_bad_response',
      message: 'The provider says that the call is done and shows no picture.',
      // Only pictures that were delivered are billed.
      charged: 'no',
      retryable: true,
      retryOnce: true,
      upstream: { status: answer.status, ...(requestId !== '' && { requestId }) },
    },
  };
};

const lost = ({ status }: UpstreamAnswer): AnswerLost =>
  new AnswerLost(`Jimeng answered ${status} without a body that it is known to send`, { status });
