import { randomBytes } from 'node:crypto';
import type { Fault } from '../faults.ts';
import { tintOf } from '../picture.ts';
import type { Picture, PictureFormat } from '../picture.ts';
import { encodeJson, InlineBase64, jsonReply } from '../reply.ts';
import type { Reply } from '../reply.ts';
import type { Workshop } from '../workshop.ts';
import { refusalNamed } from './errors.ts';
import { profileOf } from './models.ts';
import type { ArkModel } from './models.ts';
import type { ArkParameters } from './parameters.ts';
import type { Size } from './size.ts';

/** A call that passed every check. */
export type Accepted = {
  readonly requestId: string;
  readonly model: ArkModel;
  readonly parameters: ArkParameters;
  readonly size: Size;
  readonly inputImages: number;
  /** How many pictures the model makes of it. */
  readonly images: number;
  readonly fault: Fault | undefined;
};

type ItemError = { readonly code: string; readonly message: string };

type Item =
  | {
      readonly kind: 'picture';
      readonly picture: Picture;
      readonly fields: Readonly<Record<string, unknown>>;
    }
  | { readonly kind: 'failed'; readonly error: ItemError };

/** What came of a call: pictures, billed ones counted, before it is put into words. */
export type Produced = { readonly items: readonly Item[]; readonly generated: number };

/** How many pictures a group call makes when the caller leaves it to the model. */
const USUAL_GROUP = 4;
const MAX_GROUP = 15;
const LAYERS = 3;

/** What a call takes from the images-per-minute budget: section 10. */
export function imagesReserved(accepted: Pick<Accepted, 'images' | 'parameters'>): number {
  return accepted.parameters.layers ? 17 : accepted.images;
}

/** The number of pictures: one, or a group that fits beside the references. */
export function imagesOf(parameters: ArkParameters, inputImages: number): number {
  if (parameters.layers) return LAYERS;
  if (parameters.group === undefined) return 1;
  return Math.min(parameters.group.maxImages ?? USUAL_GROUP, MAX_GROUP - inputImages);
}

/** Makes the pictures. */
export async function produce(accepted: Accepted, workshop: Workshop): Promise<Produced> {
  const wanted = accepted.fault?.fault === 'fewer_images' ? accepted.images - 1 : accepted.images;
  const items = await Promise.all(
    Array.from({ length: wanted }, (_, index) => makeItem(index, accepted, workshop)),
  );
  // A server error ends a group: what follows it is not attempted.
  const end =
    accepted.fault?.fault === 'partial_500' ? items.findIndex((item) => item.kind === 'failed') : -1;
  const kept = end < 0 ? items : items.slice(0, end + 1);
  return { items: kept, generated: kept.filter((item) => item.kind === 'picture').length };
}

async function makeItem(index: number, accepted: Accepted, workshop: Workshop): Promise<Item> {
  const { model, parameters, fault } = accepted;
  if (index === 1 && parameters.group !== undefined) {
    if (fault?.fault === 'partial') return failedItem('mod_out');
    if (fault?.fault === 'partial_500') return failedItem('internal_error');
  }
  const { width, height } = fault?.fault === 'other_size' ? nearby(accepted.size) : accepted.size;
  const format = formatOf(accepted);
  const picture = await workshop.paint({
    width,
    height,
    format,
    tint: tintOf(parameters.prompt, parameters.seed) + index,
    ...(parameters.watermark && { mark: { text: model.platform === 'china' ? 'AI生成' : 'AI generated' } }),
    ...(parameters.transparent && { transparent: true }),
    paddedBytes: workshop.paddedBytes,
  });
  const profile = profileOf(model);
  const isInline = parameters.responseFormat === 'b64_json' || fault?.fault === 'b64_always';
  const fields = {
    ...(isInline
      ? { b64_json: new InlineBase64(picture.base64) }
      : { url: publish(picture, index, accepted, workshop) }),
    ...(profile.tellsSize && { size: `${width}x${height}` }),
    ...(profile.tellsFormat && { output_format: format }),
    ...(parameters.layers && layerFields(index, width, height)),
  };
  return { kind: 'picture', picture, fields };
}

/** The answer of section 6. */
export function wholeAnswer(accepted: Accepted, produced: Produced, workshop: Workshop): Reply {
  const { model, parameters, requestId } = accepted;
  return jsonReply(
    200,
    {
      model: model.id,
      created: seconds(workshop),
      data: produced.items.map((item) => (item.kind === 'picture' ? item.fields : { error: item.error })),
      usage: usageOf(accepted, produced),
      ...(parameters.tools && { tools: parameters.tools }),
    },
    { 'x-request-id': requestId },
  );
}

/** Section 6: a 200 that holds nothing but an error, as third parties met it. */
export function errorOnlyAnswer(accepted: Accepted, workshop: Workshop): Reply {
  const refusal = refusalNamed('internal_error');
  const code = accepted.fault?.code ?? refusal.code;
  const message = `${accepted.fault?.message ?? refusal.message} Request id: ${accepted.requestId}`;
  const body = { model: accepted.model.id, created: seconds(workshop), error: { code, message } };
  return jsonReply(200, body, { 'x-request-id': accepted.requestId });
}

/** The events of section 7, each a finished picture. */
export function streamedAnswer(accepted: Accepted, produced: Produced, workshop: Workshop): Reply {
  const { model, fault, requestId, parameters } = accepted;
  const common = { model: model.id, created: seconds(workshop) };
  const events = produced.items.map((item, index) =>
    item.kind === 'picture'
      ? event('image_generation.partial_succeeded', { ...common, image_index: index, ...item.fields })
      : event('image_generation.partial_failed', { ...common, image_index: index, error: item.error }),
  );
  const completed = event('image_generation.completed', {
    ...common,
    usage: usageOf(accepted, produced),
    ...(parameters.tools && { tools: parameters.tools }),
  });
  const end = [...(fault?.fault === 'no_completed' ? [] : [completed]), [Buffer.from('data: [DONE]\n\n')]];
  const isCut = fault?.fault === 'stream_cut';
  return {
    kind: 'stream',
    status: 200,
    headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-cache', 'x-request-id': requestId },
    chunks: (isCut ? events.slice(0, 1) : [...events, ...end]).flat(),
    ...(isCut && { cut: true }),
  };
}

function event(type: string, fields: Readonly<Record<string, unknown>>): Buffer[] {
  return [Buffer.from(`event: ${type}\ndata: `), ...encodeJson({ type, ...fields }), Buffer.from('\n\n')];
}

function usageOf({ model, inputImages, parameters }: Accepted, { items, generated }: Produced): object {
  const pixels = items.reduce(
    (sum, item) => (item.kind === 'picture' ? sum + item.picture.width * item.picture.height : sum),
    0,
  );
  const tokens = Math.floor(pixels / 256);
  return {
    generated_images: generated,
    output_tokens: tokens,
    total_tokens: tokens,
    ...(profileOf(model).countsInputs && { input_images: inputImages }),
    ...(parameters.tools && { tool_usage: { web_search: 1 } }),
  };
}

function failedItem(name: string): Item {
  const { code, message } = refusalNamed(name);
  return { kind: 'failed', error: { code, message } };
}

function formatOf({ parameters }: Accepted): PictureFormat {
  return parameters.transparent || parameters.layers ? 'png' : parameters.outputFormat;
}

/** Section 4.3: the actual size may differ slightly from the one that was asked for. */
function nearby({ width, height }: Size): Size {
  return { width: width - 16, height: height - 8 };
}

function layerFields(index: number, width: number, height: number): object {
  const inset = index * 32;
  return {
    z_index: index,
    bounding_box: {
      absolute: [inset, inset, width - inset, height - inset],
      normalized: [inset / width, inset / height, 1 - inset / width, 1 - inset / height],
    },
    name: `layer ${index}`,
    description: index === 0 ? 'background' : 'object',
  };
}

function publish(picture: Picture, index: number, accepted: Accepted, workshop: Workshop): string {
  const { model, requestId, fault } = accepted;
  const now = workshop.now();
  const family = model.id.replace(/-\d+$/, '');
  const path = `/ark-acg-cn-beijing/${family}/${requestId}_${index}.${picture.format}`;
  const date = new Date(now).toISOString().replace(/[-:]|\.\d+/g, '');
  const query = new URLSearchParams({
    'X-Tos-Algorithm': 'TOS4-HMAC-SHA256',
    'X-Tos-Credential': `AKLTemulator/${date.slice(0, 8)}/cn-beijing/tos/request`,
    'X-Tos-Date': date,
    'X-Tos-Expires': String(Math.ceil(workshop.ttlMs / 1000)),
    'X-Tos-Signature': randomBytes(32).toString('hex'),
    'X-Tos-SignedHeaders': 'host',
  }).toString();
  workshop.links.publish(path, query, now + workshop.ttlMs, picture, fault);
  return `${workshop.origin()}${path}?${query}`;
}

function seconds(workshop: Workshop): number {
  return Math.floor(workshop.now() / 1000);
}
