import { randomBytes } from 'node:crypto';
import type { Fault } from '../faults.ts';
import { tintOf } from '../picture.ts';
import type { Picture } from '../picture.ts';
import { encodeJson, InlineBase64, jsonReply } from '../reply.ts';
import type { Reply } from '../reply.ts';
import type { Workshop as VendorWorkshop } from '../workshop.ts';
import { GPT_SIZES, parseSize } from './models.ts';
import type { OpenAiModel, Profile, Size } from './models.ts';
import type { Parameters } from './parameters.ts';

/** A call that passed every check. */
export type Accepted = {
  readonly requestId: string;
  readonly operation: 'generation' | 'edit';
  readonly model: OpenAiModel;
  readonly parameters: Parameters;
  readonly references: readonly Size[];
  readonly fault: Fault | undefined;
};

export type Workshop = VendorWorkshop & { readonly profile: Profile };

/** Output tokens of a picture of 1024 by 1024, from the prices per picture and per token (section 3.7). */
const FIRST_TOKENS = { low: 272, medium: 1056, high: 4160 };
/** What `xhigh` and `max` cost is not published: twice and four times `high`. */
const NEWER_TOKENS = { low: 200, medium: 1767, high: 7033, xhigh: 14_066, max: 28_132 };
/** Section 3.2: what each partial picture adds. */
const PARTIAL_TOKENS = 100;
const SQUARE_PIXELS = 1_048_576;

/** The pixels of the call: the asked ones, or those of the list that suit the first reference. */
function sizeOf({ parameters, references }: Pick<Accepted, 'parameters' | 'references'>): Size {
  if (parameters.size !== undefined) return parameters.size;
  const first = references[0];
  const ratio = first === undefined ? 1 : first.width / first.height;
  const distance = (size: Size): number => Math.abs(Math.log(size.width / size.height / ratio));
  return GPT_SIZES.flatMap((text) => parseSize(text) ?? []).reduce((best, size) =>
    distance(size) < distance(best) ? size : best,
  );
}

/** What the call costs in output tokens; 0 for dall-e, which is priced by the picture. */
export function outputTokensOf(accepted: Accepted): number {
  const { model, parameters } = accepted;
  if (model.kind === 'dalle') return 0;
  const table: Readonly<Record<string, number>> = model.generation === 1 ? FIRST_TOKENS : NEWER_TOKENS;
  const { width, height } = sizeOf(accepted);
  const each = Math.round(((table[qualityOf(parameters)] ?? 0) * width * height) / SQUARE_PIXELS);
  return parameters.n * (each + parameters.partialImages * PARTIAL_TOKENS);
}

/** The pictures that the call makes; `fewer_images` is one short, `empty_data` none. */
export function produce(accepted: Accepted, workshop: Workshop): Promise<readonly Picture[]> {
  const { parameters, fault } = accepted;
  const missing = fault?.fault === 'empty_data' ? parameters.n : fault?.fault === 'fewer_images' ? 1 : 0;
  const { width, height } = sizeOf(accepted);
  return Promise.all(
    Array.from({ length: parameters.n - missing }, (_, at) =>
      workshop.paint({
        width,
        height,
        format: parameters.outputFormat,
        tint: tintOf(parameters.prompt) + at,
        ...(parameters.background === 'transparent' && { transparent: true }),
        paddedBytes: workshop.paddedBytes,
      }),
    ),
  );
}

/** Sections 1 and 3.3: the answer that holds everything. */
export function wholeAnswer(accepted: Accepted, pictures: readonly Picture[], workshop: Workshop): Reply {
  return jsonReply(200, {
    created: seconds(workshop),
    data: pictures.map((picture, at) => itemOf(picture, at, accepted, workshop)),
    ...(accepted.model.kind === 'gpt' && {
      ...describe(accepted),
      ...(accepted.fault?.fault !== 'missing_usage' && { usage: usageOf(accepted, pictures.length) }),
    }),
  });
}

/** Section 3.4: the events of a streamed call. Several pictures come one after the other (an inference there). */
export function streamedAnswer(accepted: Accepted, pictures: readonly Picture[], workshop: Workshop): Reply {
  const { operation, parameters, fault } = accepted;
  const name = operation === 'edit' ? 'image_edit' : 'image_generation';
  const common = { created_at: seconds(workshop), ...describe(accepted) };
  const partials = Math.max(0, parameters.partialImages - (fault?.fault === 'fewer_partials' ? 1 : 0));
  const partialOf = (picture: Picture, index: number): Buffer[] =>
    event(`${name}.partial_image`, { ...inline(picture, fault), partial_image_index: index, ...common });
  const events = pictures.flatMap((picture) => [
    ...Array.from({ length: partials }, (_, index) => partialOf(picture, index)),
    event(`${name}.completed`, {
      ...inline(picture, fault),
      ...common,
      ...(fault?.fault !== 'missing_usage' && { usage: usageOf(accepted, pictures.length) }),
    }),
  ]);
  const broken = pictures[0] === undefined ? [] : [partialOf(pictures[0], 0)];
  const isCut = fault?.fault === 'stream_cut';
  const isFailed = fault?.fault === 'stream_error';
  return {
    kind: 'stream',
    status: 200,
    headers: { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' },
    chunks: (isCut ? broken : isFailed ? [...broken, errorEvent(fault)] : events).flat(),
    ...(isCut && { cut: true }),
  };
}

function errorEvent(fault: Fault): Buffer[] {
  return event('error', {
    error: {
      type: fault.type ?? 'image_generation_server_error',
      code: fault.code ?? 'image_generation_failed',
      message: fault.message ?? 'The image could not be generated.',
      param: null,
    },
    sequence_number: 0,
  });
}

function event(type: string, fields: Readonly<Record<string, unknown>>): Buffer[] {
  return [Buffer.from(`event: ${type}\ndata: `), ...encodeJson({ type, ...fields }), Buffer.from('\n\n')];
}

function itemOf(picture: Picture, at: number, accepted: Accepted, workshop: Workshop): object {
  const { model, parameters, fault } = accepted;
  const where = parameters.isInline
    ? inline(picture, fault)
    : { url: publish(picture, at, accepted, workshop) };
  if (model.kind === 'gpt') return where;
  return {
    ...where,
    ...(model.id === 'dall-e-3' && { revised_prompt: `A detailed picture: ${parameters.prompt}` }),
    ...(workshop.profile === 'azure' && {
      content_filter_results: SAFE,
      prompt_filter_results: { ...SAFE, profanity: UNSEEN, jailbreak: UNSEEN },
    }),
  };
}

const SAFE_CATEGORY = { filtered: false, severity: 'safe' };
const SAFE = {
  hate: SAFE_CATEGORY,
  sexual: SAFE_CATEGORY,
  violence: SAFE_CATEGORY,
  self_harm: SAFE_CATEGORY,
};
const UNSEEN = { detected: false, filtered: false };

function inline(picture: Picture, fault: Fault | undefined): { b64_json: InlineBase64 } {
  const { base64 } = picture;
  // An odd length, which no whole base64 has.
  const sent = fault?.fault === 'truncated_base64' ? base64.subarray(0, (base64.length >> 1) | 1) : base64;
  return { b64_json: new InlineBase64(sent) };
}

function describe(accepted: Accepted): Readonly<Record<string, unknown>> {
  const { parameters } = accepted;
  const { width, height } = sizeOf(accepted);
  return {
    background: parameters.background === 'transparent' ? 'transparent' : 'opaque',
    output_format: parameters.outputFormat,
    quality: qualityOf(parameters),
    size: `${width}x${height}`,
    ...(parameters.safetyIdentifier !== undefined && { safety_identifier: parameters.safetyIdentifier }),
  };
}

function usageOf(accepted: Accepted, made: number): object {
  const { parameters, references } = accepted;
  const text = Math.ceil(parameters.prompt.length / 4);
  const image = references.reduce((sum, { width, height }) => sum + Math.ceil((width * height) / 1024), 0);
  const output = Math.round((outputTokensOf(accepted) / parameters.n) * made);
  return {
    input_tokens: text + image,
    output_tokens: output,
    total_tokens: text + image + output,
    input_tokens_details: { text_tokens: text, image_tokens: image },
    output_tokens_details: { image_tokens: output, text_tokens: 0 },
  };
}

function qualityOf({ quality }: Parameters): string {
  return quality === 'auto' ? 'medium' : quality;
}

/** Section 1: a blob with a shared access signature that begins an hour early. */
function publish(picture: Picture, at: number, accepted: Accepted, workshop: Workshop): string {
  const now = workshop.now();
  const id = `${accepted.requestId.slice(4, 28)}-${at}`;
  const path = `/private/org-emulator/user-emulator/img-${id}.png`;
  const instant = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+/, '');
  const query = new URLSearchParams({
    st: instant(now - 3_600_000),
    se: instant(now + workshop.ttlMs),
    sp: 'r',
    sv: '2024-08-04',
    sr: 'b',
    rscd: 'inline',
    rsct: 'image/png',
    sig: randomBytes(32).toString('base64'),
  }).toString();
  workshop.links.publish(path, query, now + workshop.ttlMs, picture, accepted.fault);
  return `${workshop.origin()}${path}?${query}`;
}

function seconds(workshop: Workshop): number {
  return Math.floor(workshop.now() / 1000);
}
