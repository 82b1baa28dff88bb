import type { Adjustment } from '../../core/adjustment.ts';
import type { CallRequest, Output } from '../../core/call.ts';
import { asList, asRecord } from '../fields.ts';
import type { Fields } from '../fields.ts';
import { AnswerLost, isInlinePicture, ProviderError } from '../provider.ts';
import type { Produced, UpstreamAnswer } from '../provider.ts';
import { readError, toFailure } from './errors.ts';
import type { Circumstances } from './errors.ts';
import { adjustmentsOf } from './request.ts';

/**
 * The pictures of an answer (sheet sections 1, 3.3 and 5). An error in the upstream's own words, also one inside a
 * 200, is thrown as `ProviderError`: nothing was charged. So is every 4xx, whoever said it: no door on the way lets a
 * request through and then finds fault with it. Anything else without a picture is thrown as `AnswerLost`, because a
 * gateway may have said it after the upstream had drawn and charged.
 */
export const readAnswer = (
  answer: UpstreamAnswer,
  request: CallRequest,
  circumstances: Circumstances,
): Produced => {
  const { status, json } = answer;
  const body = asRecord(json);
  const error = readError(body);
  if (status !== 200) {
    if (isRefusal(status, error !== undefined)) {
      throw new ProviderError(toFailure(error ?? noWords, answer, circumstances));
    }
    throw lost(answer);
  }
  const items = asList(body?.['data']).map(asRecord);
  const outputs = items.flatMap((item) => outputIn(item) ?? []);
  if (outputs.length > 0) {
    const adjustments = [...adjustmentsOf(request), ...rewritten(items, request)];
    return { state: 'produced', outputs, ...(adjustments.length > 0 && { adjustments }) };
  }
  if (error) throw new ProviderError(toFailure(error, answer, circumstances));
  throw lost(answer);
};

/** Throws `ProviderError` for a refusal, and `AnswerLost` for anything else that is no list of models. */
export const readCatalogue = (answer: UpstreamAnswer, circumstances: Circumstances): void => {
  const body = asRecord(answer.json);
  const error = readError(body);
  if (answer.status !== 200 && isRefusal(answer.status, error !== undefined)) {
    throw new ProviderError(toFailure(error ?? noWords, answer, circumstances));
  }
  if (answer.status !== 200 || !Array.isArray(body?.['data'])) throw lost(answer);
};

const noWords = { code: '', type: '', param: '', message: '', isOutput: false } as const;

/** Whether nothing was drawn. A timeout and a caller who left say nothing about that, in whoever's words. */
const isRefusal = (status: number, isInWords: boolean): boolean => {
  if (status === 502 || status === 504) return false;
  if (status === 408 || status === 409 || status === 499) return isInWords;
  return status >= 400 && (status < 500 || isInWords);
};

/** Compatible servers put a data URI where the link should be; it is spooled like any inline picture. */
const outputIn = (item: Fields | undefined): Output | undefined => {
  const inline = [item?.['b64_json'], item?.['url']].find(isInlinePicture);
  if (inline) return { at: 'spool', name: inline.spooled };
  const url = item?.['url'];
  return typeof url === 'string' && URL.canParse(url) ? { at: 'link', url } : undefined;
};

/** DALL·E rewrites every prompt and says so. */
const rewritten = (
  items: readonly (Fields | undefined)[],
  { prompt }: CallRequest,
): readonly Adjustment[] => {
  const used = items.map((item) => item?.['revised_prompt']).find((text) => typeof text === 'string');
  if (typeof used !== 'string' || used === '' || used === prompt) return [];
  return [{ parameter: 'prompt', asked: prompt, used, reason: 'The model rewrote the prompt.' }];
};

const lost = ({ status }: UpstreamAnswer): AnswerLost =>
  new AnswerLost(`the upstream answered ${status} without a body that it is known to send`, { status });
