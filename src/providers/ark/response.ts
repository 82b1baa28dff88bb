import type { Output } from '../../core/call.ts';
import { asList, asRecord, asText } from '../fields.ts';
import type { Fields } from '../fields.ts';
import { AnswerLost, isInlinePicture, ProviderError } from '../provider.ts';
import type { Produced, UpstreamAnswer } from '../provider.ts';
import { toFailure } from './errors.ts';
import type { ArkError, Circumstances } from './errors.ts';

/**
 * The pictures of an answer (sheet section 6). An error in Ark's own words, also one inside a 200, is thrown as
 * `ProviderError`: nothing was charged. Anything else without a picture is thrown as `AnswerLost`, because a
 * gateway on the way may have said it after Ark had drawn and charged.
 */
export const readAnswer = (answer: UpstreamAnswer, circumstances: Circumstances): Produced => {
  const { status } = answer;
  // A gateway's own complaints, whatever body they carry.
  if (status === 502 || status === 504) throw lost(answer);
  const body = asRecord(answer.json);
  const refusal = errorIn(body);
  if (status !== 200) {
    if (refusal) throw new ProviderError(toFailure(refusal, answer, circumstances));
    if (status === 404 && body === undefined) throw wrongAddress(answer, circumstances);
    throw lost(answer);
  }
  const items = asList(body?.['data']).map(asRecord);
  const outputs = items.flatMap((item) => outputIn(item) ?? []);
  if (outputs.length > 0) return { state: 'produced', outputs };
  const reason = refusal ?? items.map(errorIn).find((error) => error !== undefined);
  if (reason) throw new ProviderError(toFailure(reason, answer, circumstances));
  if (asRecord(body?.['usage'])?.['generated_images'] === 0) throw nothingDrawn(answer, circumstances);
  throw lost(answer);
};

/** Throws `ProviderError` for an error in Ark's own words, and `AnswerLost` for anything else that is no catalogue. */
export const readCatalogue = (answer: UpstreamAnswer, circumstances: Circumstances): void => {
  const body = asRecord(answer.json);
  const refusal = errorIn(body);
  if (refusal) throw new ProviderError(toFailure(refusal, answer, circumstances));
  if (answer.status !== 200 || !Array.isArray(body?.['data'])) throw lost(answer);
};

const outputIn = (item: Fields | undefined): Output | undefined => {
  if (typeof item?.['url'] === 'string' && item['url'] !== '') return { at: 'link', url: item['url'] };
  const inline = item?.['b64_json'];
  return isInlinePicture(inline) ? { at: 'spool', name: inline.spooled } : undefined;
};

/** The error in a body: `{error: {code, message}}`, or the form of the platform's layer before Ark. */
const errorIn = (body: Fields | undefined): ArkError | undefined => {
  const own = asRecord(body?.['error']);
  const platform = asRecord(asRecord(body?.['ResponseMetadata'])?.['Error']);
  const code = asText(own?.['code'] ?? platform?.['Code']);
  const message = asText(own?.['message'] ?? platform?.['Message']);
  return code === '' && message === '' ? undefined : { code, message };
};

const lost = ({ status }: UpstreamAnswer): AnswerLost =>
  new AnswerLost(`Ark answered ${status} without a body that it is known to send`, { status });

/** Ark counts what it charges: with a count of zero an answer without pictures was free. */
const nothingDrawn = (answer: UpstreamAnswer, circumstances: Circumstances): ProviderError =>
  new ProviderError({
    ...toFailure({ code: '', message: '' }, answer, circumstances),
    code: 'provider_bad_response',
    message: 'The provider answered without a picture and without a reason.',
  });

/** A 404 without an error of Ark is how it answers a path that it does not have (sheet section 9.1). */
const wrongAddress = (answer: UpstreamAnswer, circumstances: Circumstances): ProviderError =>
  new ProviderError({
    ...toFailure({ code: '', message: '' }, answer, circumstances),
    message: 'The provider has no image generation at the configured `base_url`.',
  });
