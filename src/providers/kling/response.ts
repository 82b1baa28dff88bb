import type { Adjustment } from '../../core/adjustment.ts';
import type { Output } from '../../core/call.ts';
import type { CallFailure } from '../../core/failure.ts';
import { asList, asRecord, asText } from '../fields.ts';
import type { Fields } from '../fields.ts';
import { AnswerLost, ProviderError } from '../provider.ts';
import type { Progress, UpstreamAnswer } from '../provider.ts';
import { toFailure, toTaskFailure } from './errors.ts';
import type { Circumstances, KlingError } from './errors.ts';

/** What Kling tells in its envelope: a task, or an error in its own words. */
export type KlingAnswer =
  | { readonly kind: 'task'; readonly task: Fields; readonly requestId: string | undefined }
  | { readonly kind: 'error'; readonly error: KlingError };

/**
 * Reads the envelope `{code, message, request_id, data}` (sheet sections 4.4 and 9). Throws `AnswerLost` for
 * anything else, for a gateway's 502 and 504, and for the vendor's own time-out (5002), after which the task may
 * exist; and `ProviderError` for a 404 without a body, with which no address of Kling answers.
 */
export const readEnvelope = (answer: UpstreamAnswer): KlingAnswer => {
  const { status } = answer;
  const body = asRecord(answer.json);
  if (status === 404 && answer.json === undefined) throw wrongAddress(answer);
  const code = body?.['code'];
  if (status === 502 || status === 504 || code === 5002 || !Number.isInteger(code)) throw lost(answer);
  const requestId = asText(body?.['request_id']) || undefined;
  if (code !== 0) {
    return { kind: 'error', error: { code: code as number, message: asText(body?.['message']), requestId } };
  }
  const task = asRecord(body?.['data']);
  if (status !== 200 || task === undefined) throw lost(answer);
  return { kind: 'task', task, requestId };
};

/** The vendor's id of a task. Throws `AnswerLost` when there is none: the task exists, and we cannot name it. */
export const taskIdOf = (task: Fields, answer: UpstreamAnswer): string => {
  const id = asText(task['task_id']);
  if (id === '') throw lost(answer);
  return id;
};

/** Whether a create was refused because its call id already made a task: ours, of the answer that was lost. */
export const isDuplicate = ({ code, message }: KlingError): boolean =>
  code === 1201 && /external_task_id.*already exists/is.test(message);

/** Whether a query was refused because there is no such task; measured as 1201, documented as 1203. */
export const isUnknownTask = ({ code, message }: KlingError): boolean =>
  code === 1203 || (code === 1201 && /task not found/i.test(message));

/** Asking again grows slower with the age of the task (sheet section 5). */
const soonestMs = 2_500;
const latestMs = 10_000;

const checkAfterMs = (task: Fields, nowMs: number): number => {
  const createdAtMs = task['created_at'];
  const ageMs = typeof createdAtMs === 'number' ? nowMs - createdAtMs : 0;
  return Math.min(latestMs, Math.max(soonestMs, ageMs / 10));
};

/** For how long a paid success without pictures may be a matter of order; asking again is free. */
const settlingMs = 30_000;

const isSettling = (task: Fields, nowMs: number): boolean => {
  const endedAtMs = task['updated_at'];
  return deductionOf(task) !== 0 && typeof endedAtMs === 'number' && Math.abs(nowMs - endedAtMs) < settlingMs;
};

/** What a query tells of an accepted call (sheet section 5). */
export const readProgress = (answer: UpstreamAnswer, circumstances: Circumstances): Progress => {
  const read = readEnvelope(answer);
  if (read.kind === 'error') return progressOfError(read.error, answer, circumstances);
  const { task } = read;
  const status = asText(task['task_status']);
  const again = { state: 'running', checkAfterMs: checkAfterMs(task, circumstances.nowMs) } as const;
  switch (status) {
    case 'submitted':
    case 'processing':
      return again;
    // The newer family of the vendor's API says `succeeded`.
    case 'succeed':
    case 'succeeded': {
      const outputs = outputsOf(task);
      if (outputs.length > 0) return { state: 'produced', outputs, adjustments: markAdjustments(task) };
      if (isSettling(task, circumstances.nowMs)) {
        return { ...again, warning: 'Kling says that a task succeeded and shows no picture yet' };
      }
      return { state: 'failed', failure: emptySuccess(task, read.requestId) };
    }
    case 'failed':
      return { state: 'failed', failure: taskFailure(task, read.requestId, circumstances) };
    default:
      return { ...again, warning: `Kling named an unknown task status: ${status.slice(0, 40)}` };
  }
};

/**
 * An error instead of the task. Trouble with the account or the service says nothing about the task, which may be
 * paid and is asked for again; a task that the vendor does not know cannot be.
 */
const progressOfError = (
  error: KlingError,
  answer: UpstreamAnswer,
  circumstances: Circumstances,
): Progress => {
  const failure = toFailure(error, answer, circumstances);
  if (isUnknownTask(error)) {
    return {
      state: 'failed',
      failure: {
        ...failure,
        code: 'provider_bad_response',
        message: 'The provider accepted the call and no longer knows it.',
        charged: 'unknown',
        retryable: false,
      },
    };
  }
  if (failure.retryable) throw new ProviderError(failure);
  if (failure.account) {
    const warning = `Kling refuses to tell of a task: ${error.code}`;
    return { state: 'running', checkAfterMs: latestMs, warning };
  }
  const charged = failure.code === 'content_policy_violation' ? 'no' : 'unknown';
  return { state: 'failed', failure: { ...failure, charged } };
};

/** The pictures in their order; the marked one where a mark was asked for, which is when there is one. */
const outputsOf = (task: Fields): readonly Output[] =>
  imagesOf(task)
    .toSorted((one, other) => Number(one['index']) - Number(other['index']))
    .flatMap((image): readonly Output[] => {
      const url = asText(image['watermark_url']) || asText(image['url']);
      return url === '' ? [] : [{ at: 'link', url }];
    });

const imagesOf = (task: Fields): readonly Fields[] =>
  asList(asRecord(task['task_result'])?.['images'])
    .map(asRecord)
    .filter((image) => image !== undefined);

/** Told when the mark that was asked for is missing. */
const markAdjustments = (task: Fields): readonly Adjustment[] => {
  const isAsked = asRecord(task['watermark_info'])?.['enabled'] === true;
  const isThere = imagesOf(task).every((image) => asText(image['watermark_url']) !== '');
  if (!isAsked || isThere) return [];
  const reason = 'The provider delivered a picture without the visible mark.';
  return [{ parameter: 'watermark', asked: true, used: false, reason }];
};

/** The units that were taken: a text on the wire. */
const deductionOf = (task: Fields): number | undefined => {
  const text = task['final_unit_deduction'];
  return text === undefined || text === null || text === '' ? undefined : Number(text);
};

/** Why a task failed. Units are taken on success only, unless it says otherwise. */
const taskFailure = (
  task: Fields,
  requestId: string | undefined,
  circumstances: Circumstances,
): CallFailure => ({
  ...toTaskFailure(asText(task['task_status_msg']), requestId, circumstances),
  charged: (deductionOf(task) ?? 0) > 0 ? 'yes' : 'no',
});

const emptySuccess = (task: Fields, requestId: string | undefined): CallFailure => {
  const isFree = deductionOf(task) === 0;
  return {
    code: 'provider_bad_response',
    message: 'The provider finished the call and delivered no picture.',
    charged: isFree ? 'no' : 'yes',
    retryable: isFree,
    upstream: { status: 200, ...(requestId !== undefined && { requestId }) },
  };
};

const lost = ({ status }: UpstreamAnswer): AnswerLost =>
  new AnswerLost(`Kling answered ${status} without a body that it is known to send`, { status });

const wrongAddress = ({ status }: UpstreamAnswer): ProviderError =>
  new ProviderError({
    code: 'provider_rejected_request',
    message: 'The provider has no image generation at the configured `base_url`.',
    charged: 'no',
    retryable: false,
    upstream: { status },
  });
