/** OpenAI's image API as its fact sheet tells it: today's GPT models, the dall-e of old, and Azure's variant. */
import { randomBytes } from 'node:crypto';
import { startEmulator } from '../emulator.ts';
import type { Emulator, Exchange, Route, VendorOptions } from '../emulator.ts';
import { disturbed, TRANSPORT_FAULTS } from '../faults.ts';
import { drawLatency } from '../latency.ts';
import type { Latency } from '../latency.ts';
import { Ledger } from '../ledger.ts';
import { createPainter } from '../picture.ts';
import { createReferenceReader } from '../reference-reader.ts';
import { jsonReply, textReply } from '../reply.ts';
import type { Reply } from '../reply.ts';
import { LINK_FAULTS, ResultLinks } from '../result-links.ts';
import { createTriggerWords } from '../trigger-words.ts';
import {
  cloudflareReply,
  ERROR_FAULTS,
  errorReply,
  invalidRequest,
  noSuchModel,
  OpenAiRefusal,
  OUTPUT_REFUSALS,
  refusalNamed,
  refusalOf,
  wrongKey,
} from './errors.ts';
import { Limits } from './limits.ts';
import { DEFAULT_MODELS, isServed, OPENAI_MODELS } from './models.ts';
import type { GptModel, OpenAiModel, Profile } from './models.ts';
import { readMultipart } from './multipart.ts';
import { readDalleParameters, readGptParameters } from './parameters.ts';
import type { Fields } from './parameters.ts';
import { outputTokensOf, produce, streamedAnswer, wholeAnswer } from './produce.ts';
import type { Accepted, Workshop } from './produce.ts';
import { readEditForm, readEditJson } from './references.ts';

/** `now` decides which models are switched off. */
export type OpenAiEmulatorOptions = VendorOptions & {
  /** Whose rules hold; default `openai-2026`. */
  readonly profile?: Profile;
  /** The one accepted key; default `sk-openai-emulator-key`. */
  readonly apiKey?: string;
  /** For `azure`: deployment name to model id; default every model under its own name. */
  readonly deployments?: Readonly<Record<string, string>>;
  /** How long a result link works; default 60 min, on Azure 24 h. */
  readonly ttlMs?: number;
  /** How long a call takes, or a range to draw from; default 0. */
  readonly latencyMs?: Latency;
  /** Images per minute of the account; default 250, the highest tier of section 3.7. */
  readonly imagesPerMinute?: number;
};

export type OpenAiEmulator = Emulator & {
  /** `http://host:port/v1`, on Azure `http://host:port/openai/v1`. */
  readonly baseUrl: string;
  readonly apiKey: string;
};

/** Fault names beside the error table, the transport and the link faults. */
const CALL_FAULTS = [
  'cloudflare_429',
  'stall',
  'truncated_base64',
  'empty_data',
  'fewer_images',
  'missing_usage',
  'stream_cut',
  'stream_error',
  'fewer_partials',
] as const;

/** Section 10's words for faults that have another name here. */
const ALIASES: Readonly<Record<string, string>> = {
  moderation: 'moderation_input',
  '429': 'rate_limited',
  '500': 'internal_error',
  '503': 'overloaded',
  link_403: 'expired',
};

/** One second longer than the longest wait for headers would be enough; the sheet stalls for this long. */
const STALL_MS = 305_000;
const HOUR_MS = 3_600_000;
/** Section 4.1, measured: 500 requests and 50,000 input images. */
const USUAL_LIMITS = { requests: 500, inputImages: 50_000, tokens: 20_000_000, images: 250 };
/** Section 5: the last one is the first that knows GPT models and edits. */
const AZURE_VERSIONS = ['2024-02-01', '2024-10-21', '2025-04-01-preview'];

/** Starts it. Rejects when the port is taken. */
export async function startOpenAiEmulator(options: OpenAiEmulatorOptions = {}): Promise<OpenAiEmulator> {
  const now = options.now ?? Date.now;
  const profile = options.profile ?? 'openai-2026';
  const apiKey = options.apiKey ?? 'sk-openai-emulator-key';
  const reader = createReferenceReader(options.fetchReference);
  const images = options.imagesPerMinute ?? USUAL_LIMITS.images;
  const limits = new Limits(
    images === Infinity
      ? { requests: Infinity, inputImages: Infinity, tokens: Infinity, images }
      : { ...USUAL_LIMITS, requests: Math.max(USUAL_LIMITS.requests, images), images },
    now,
  );
  const ledger = new Ledger();
  const links = new ResultLinks({ now, deny: deniedBlob });
  const faultNames = [...ERROR_FAULTS, ...CALL_FAULTS, ...LINK_FAULTS];
  const readTriggers = createTriggerWords([...TRANSPORT_FAULTS, ...faultNames], ALIASES);
  let origin = '';
  const workshop: Workshop = {
    profile,
    paint: createPainter(),
    links,
    origin: () => origin,
    now,
    ttlMs: options.ttlMs ?? (profile === 'azure' ? 24 * HOUR_MS : HOUR_MS),
    paddedBytes: options.pictureBytes,
  };

  /** Section 4.1: the headers that every answer of the vendor itself carries. */
  function signed(reply: Reply, requestId: string, startedAt: number, hasInputs: boolean): Reply {
    if (reply.kind !== 'whole' && reply.kind !== 'stream') return reply;
    const headers = {
      'x-request-id': requestId,
      'openai-processing-ms': String(Math.max(0, Math.round(now() - startedAt))),
      'openai-version': '2020-10-01',
      'openai-organization': 'org-emulator',
      ...limits.headers(hasInputs),
      ...reply.headers,
    };
    return { ...reply, headers };
  }

  function answering(hasInputs: boolean, handle: (exchange: Exchange, requestId: string) => Promise<Reply>) {
    return async (exchange: Exchange): Promise<Reply> => {
      const requestId = `req_${randomBytes(16).toString('hex')}`;
      const startedAt = now();
      try {
        checkKey(exchange, apiKey, profile);
        return signed(await handle(exchange, requestId), requestId, startedAt, hasInputs);
      } catch (error) {
        if (error instanceof OpenAiRefusal) return signed(errorReply(error), requestId, startedAt, hasInputs);
        throw error;
      }
    };
  }

  async function listModels(exchange: Exchange): Promise<Reply> {
    const scripted = exchange.fault === undefined ? undefined : refusalOf(exchange.fault);
    if (scripted !== undefined) throw scripted;
    const data = OPENAI_MODELS.filter((model) => isServed(model, profile, now())).map(catalogueEntry);
    return jsonReply(200, { object: 'list', data });
  }

  async function generate(exchange: Exchange, requestId: string): Promise<Reply> {
    const { model: asked, ...fields } = parseJson(exchange);
    const model = findModel(asked ?? undefined, exchange);
    const parameters =
      model.kind === 'gpt'
        ? readGptParameters(fields, model, profile, false)
        : readDalleParameters(fields, model, profile);
    return run({ requestId, operation: 'generation', model, parameters, references: [] }, exchange);
  }

  async function edit(exchange: Exchange, requestId: string): Promise<Reply> {
    const contentType = exchange.headers['content-type'] ?? '';
    const modelOf = (fields: Fields): GptModel & OpenAiModel => {
      const model = findModel(fields['model'] ?? undefined, exchange);
      if (model.kind === 'gpt') return model;
      throw invalidRequest(null, null, `The model '${model.id}' cannot edit images.`);
    };
    const form = /^multipart\/form-data/i.test(contentType)
      ? await readEditForm(parseForm(exchange, contentType), modelOf, reader)
      : await readEditJson(parseJson(exchange), modelOf, reader);
    const model = modelOf(form.fields);
    const { model: _, ...fields } = form.fields;
    const parameters = readGptParameters(fields, model, profile, true);
    return run({ requestId, operation: 'edit', model, parameters, references: form.references }, exchange);
  }

  function findModel(asked: unknown, exchange: Exchange): OpenAiModel {
    if (asked !== undefined && typeof asked !== 'string')
      throw invalidRequest('invalid_type', 'model', "Invalid type for 'model': expected a string.");
    if (profile === 'azure') return findDeployment(asked, exchange);
    const id = asked ?? DEFAULT_MODELS[profile];
    const model = OPENAI_MODELS.find((candidate) => candidate.id === id);
    if (model !== undefined && isServed(model, profile, now())) return model;
    throw profile === 'dalle3-legacy'
      ? invalidRequest(null, null, `Invalid model ${id}. The model argument is not valid.`)
      : noSuchModel(id);
  }

  function findDeployment(asked: string | undefined, exchange: Exchange): OpenAiModel {
    const name = /^\/openai\/deployments\/([^/]+)\//.exec(exchange.path)?.[1];
    const deployment = name === undefined ? (asked ?? '') : decodeURIComponent(name);
    const id = options.deployments === undefined ? deployment : options.deployments[deployment];
    const model = OPENAI_MODELS.find((candidate) => candidate.id === id);
    if (model === undefined || !isServed(model, profile, now())) throw refusalNamed('azure_no_deployment');
    if (name !== undefined) {
      const version = AZURE_VERSIONS.indexOf(exchange.query.get('api-version') ?? '');
      const needed = model.kind === 'gpt' || exchange.path.endsWith('/edits') ? AZURE_VERSIONS.length - 1 : 0;
      if (version < needed) throw new OpenAiRefusal(404, 'Resource not found', { code: '404' });
    }
    return model;
  }

  async function run(call: Omit<Accepted, 'fault'>, exchange: Exchange): Promise<Reply> {
    const triggered = readTriggers(call.parameters.prompt);
    const accepted: Accepted = { ...call, fault: exchange.fault ?? triggered };
    return disturbed(triggered, exchange.sleep, () => runAccepted(accepted, exchange));
  }

  async function runAccepted(accepted: Accepted, exchange: Exchange): Promise<Reply> {
    const { model, parameters, fault, references } = accepted;
    if (fault?.fault === 'cloudflare_429') return cloudflareReply();
    const refusal = fault === undefined ? undefined : refusalOf(fault);
    if (refusal !== undefined && !OUTPUT_REFUSALS.has(fault?.fault ?? '')) throw refusal;
    limits.take(model.id, parameters.n, references.length, outputTokensOf(accepted));
    if (fault?.fault === 'stall') await exchange.sleep(fault.delayMs === undefined ? STALL_MS : 0);
    await exchange.sleep(drawLatency(options.latencyMs ?? 0));
    // Whether a blocked output is billed is not established (section 12); here it is not.
    if (refusal !== undefined) throw refusal;
    const pictures = await produce(accepted, workshop);
    const callerId = exchange.headers['x-client-request-id'] ?? exchange.headers['idempotency-key'];
    if (pictures.length > 0) {
      ledger.record({
        id: accepted.requestId,
        ...(typeof callerId === 'string' && { callerId }),
        at: now(),
        model: model.id,
        images: pictures.length,
        prompt: parameters.prompt,
      });
    }
    return parameters.stream
      ? streamedAnswer(accepted, pictures, workshop)
      : wholeAnswer(accepted, pictures, workshop);
  }

  const emulator = await startEmulator({
    name: 'openai',
    host: options.host,
    port: options.port,
    now,
    ledger,
    faultNames,
    notFound: () => errorReply(invalidRequest(null, null, 'Invalid URL.', 404)),
    routes: [
      ...routesUnder(profile === 'azure' ? String.raw`/openai/(?:v1|deployments/[^/]+)` : '/v1'),
      { operation: 'file', path: /^\/private\//, handle: (exchange) => links.answer(exchange) },
    ],
  });

  function routesUnder(prefix: string): readonly Route[] {
    const path = (end: string): RegExp => new RegExp(`^${prefix}/${end}$`);
    return [
      {
        operation: 'generate',
        method: 'POST',
        path: path('images/generations'),
        handle: answering(false, generate),
      },
      { operation: 'edit', method: 'POST', path: path('images/edits'), handle: answering(true, edit) },
      { operation: 'models', method: 'GET', path: path('models'), handle: answering(false, listModels) },
    ];
  }

  origin = emulator.origin;
  return { ...emulator, baseUrl: `${origin}${profile === 'azure' ? '/openai' : ''}/v1`, apiKey };
}

function checkKey(exchange: Exchange, apiKey: string, profile: Profile): void {
  const bearer = /^Bearer (.*)$/i.exec(exchange.headers.authorization ?? '')?.[1];
  if (profile === 'azure') {
    if ((exchange.headers['api-key'] ?? bearer) !== apiKey) throw refusalNamed('azure_bad_key');
    return;
  }
  if (bearer === apiKey) return;
  if (bearer === undefined) throw invalidRequest(null, null, "You didn't provide an API key.", 401);
  throw wrongKey(bearer);
}

function parseJson(exchange: Exchange): Fields {
  if (!/^application\/json\b/i.test(exchange.headers['content-type'] ?? ''))
    throw invalidRequest('unsupported_content_type', null, 'The content type must be application/json.');
  let body: unknown;
  try {
    body = JSON.parse(exchange.body.toString());
  } catch {
    throw invalidRequest(null, null, 'We could not parse the JSON body of your request.');
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw invalidRequest(null, null, 'The JSON body of your request is no object.');
  return body as Fields;
}

function parseForm(exchange: Exchange, contentType: string): ReturnType<typeof readMultipart> & object {
  const parts = readMultipart(contentType, exchange.body);
  if (parts === undefined)
    throw invalidRequest(null, null, 'We could not parse the multipart form of your request.');
  return parts;
}

function catalogueEntry(model: OpenAiModel): object {
  const off = model.offAt === undefined ? null : new Date(model.offAt).toISOString().slice(0, 10);
  return { id: model.id, object: 'model', created: 1_745_517_030, owned_by: 'system', shutdown_date: off };
}

/** The blob store's own way of refusing. */
function deniedBlob(status: number, code: string, message: string): Reply {
  const xml = `<?xml version="1.0" encoding="utf-8"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`;
  return textReply(status, 'application/xml', xml);
}
