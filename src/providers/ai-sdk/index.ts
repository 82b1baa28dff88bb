/**
 * Any image model of an installed package of the AI SDK. Its interface is one call that answers when the pictures are
 * there: what a package does in between (asking, waiting) is its own and ends with the process, and there is nothing to
 * look a call up by. So a call whose answer was lost may have been paid for.
 */
import type { Adjustment } from '../../core/adjustment.ts';
import type { CallRequest, Output } from '../../core/call.ts';
import type { ModelCard } from '../../core/model-card.ts';
import { formatSize, type Size } from '../../core/size.ts';
import { type Adapter, type AdapterContext, AnswerLost, type Produced } from '../provider.ts';
import { translate } from './errors.ts';
import {
  type GenerateOptions,
  type GenerateResult,
  loadImageProvider,
  NoImageProvider,
} from './image-model.ts';
import { type AiSdkSettings, settingsSchema } from './settings.ts';
import { createUpstreamFetch, type FetchLog, readStandIn } from './upstream-fetch.ts';

type Context = AdapterContext<AiSdkSettings>;

/** No bound but Limner's own (design §4). */
const anyPixels = 40_000_000;

/** Sizes that most models draw; `models.<name>.card` says better. */
const card: Omit<ModelCard, 'upstreamModel'> = {
  sizes: {
    kind: 'list',
    sizes: [
      { width: 1024, height: 1024 },
      { width: 1024, height: 1536 },
      { width: 1536, height: 1024 },
    ],
  },
  maxImagesPerCall: 1,
  reference: {
    formats: ['png', 'jpeg', 'webp'],
    maxBytes: 10 * 1024 * 1024,
    minSide: 1,
    maxSide: anyPixels,
    maxPixels: anyPixels,
    maxRatio: anyPixels,
  },
  negativePrompt: false,
  seed: true,
  watermark: false,
  formats: ['png', 'jpeg', 'webp'],
};

/** The adapter for the AI SDK; `package` chooses the vendor and `base_url` its address. */
export const aiSdk: Adapter<AiSdkSettings> = {
  name: 'ai-sdk',
  settingsSchema,
  resend: 'ambiguous',
  cards: [],
  card: (upstreamModel) => ({ ...card, upstreamModel }),
  send: async (request, context) => {
    const log: FetchLog = { isAccepted: false, fault: undefined };
    let result: GenerateResult;
    try {
      result = await generate(request, context, log);
    } catch (fault) {
      throw translate(fault, { log, ...context });
    }
    return toProduced(result, request, context);
  },
};

const generate = async (request: CallRequest, context: Context, log: FetchLog): Promise<GenerateResult> => {
  const { settings, http } = context;
  if (http.baseUrl === '')
    throw new NoImageProvider('The configuration names no `base_url` for this provider.');
  const makeModel = await loadImageProvider(settings.package);
  const key = settings.api_key?.reveal();
  const model = makeModel(
    {
      name: settings.package.replace(/^.*\//, ''),
      baseURL: http.baseUrl,
      fetch: createUpstreamFetch(http, log),
      ...(key !== undefined && { apiKey: key, apiToken: key }),
    },
    request.model,
  );
  return model.doGenerate(await toOptions(request, context));
};

const toOptions = async (
  request: CallRequest,
  { reference, settings, signal }: Context,
): Promise<GenerateOptions> => ({
  prompt: request.prompt,
  n: request.images,
  size: settings.ask_by === 'aspect_ratio' ? undefined : formatSize(request.size),
  aspectRatio: settings.ask_by === 'aspect_ratio' ? shapeOf(request.size) : undefined,
  seed: request.seed,
  files: reference && [
    { type: 'file', mediaType: `image/${reference.format}`, data: await reference.bytes() },
  ],
  mask: undefined,
  providerOptions: {},
  abortSignal: signal,
  headers: {},
});

/** `3:2`, as vendors name shapes. */
const shapeOf = ({ width, height }: Size): string => {
  const divisor = (one: number, other: number): number => (other === 0 ? one : divisor(other, one % other));
  const common = divisor(width, height);
  return `${width / common}:${height / common}`;
};

const toProduced = async (
  { images, warnings }: GenerateResult,
  request: CallRequest,
  context: Context,
): Promise<Produced> => {
  if (images.length === 0) throw new AnswerLost('the answer holds no picture');
  const outputs: Output[] = [];
  for (const image of images) {
    outputs.push(readStandIn(image) ?? (await context.keep(toBytes(image))));
  }
  const adjustments = warnings.flatMap((warning) => adjustmentFor(warning, request) ?? []);
  return { state: 'produced', outputs, ...(adjustments.length > 0 && { adjustments }) };
};

const toBytes = (image: string | Uint8Array): Uint8Array =>
  typeof image === 'string' ? Buffer.from(image, 'base64') : image;

/** Sizes are settled by Limner; a seed that has no effect is told. */
const adjustmentFor = (
  { feature, setting }: GenerateResult['warnings'][number],
  { seed }: CallRequest,
): Adjustment | undefined =>
  seed !== undefined && (feature ?? setting) === 'seed'
    ? { parameter: 'seed', asked: seed, reason: 'The model has no such parameter.' }
    : undefined;
