/** The Ark image API (Seedream, SeedEdit) as its fact sheet tells it: one synchronous endpoint and its links. */
import { startEmulator } from '../emulator.ts';
import type { Emulator, Exchange, VendorOptions } from '../emulator.ts';
import { disturbed, TRANSPORT_FAULTS } from '../faults.ts';
import { drawLatency } from '../latency.ts';
import type { Latency } from '../latency.ts';
import { Ledger } from '../ledger.ts';
import { createPainter } from '../picture.ts';
import { createReferenceReader } from '../reference-reader.ts';
import { jsonReply } from '../reply.ts';
import type { Reply } from '../reply.ts';
import { LINK_FAULTS, ResultLinks } from '../result-links.ts';
import { TokenBucket } from '../token-bucket.ts';
import { createTriggerWords } from '../trigger-words.ts';
import type { Workshop } from '../workshop.ts';
import {
  ArkRefusal,
  ERROR_FAULTS,
  errorReply,
  invalidParameter,
  modelNotOpen,
  notFound,
  refusalNamed,
  refusalOf,
} from './errors.ts';
import { ARK_ALIASES, ARK_MODELS, profileOf } from './models.ts';
import type { ArkModel } from './models.ts';
import { readParameters } from './parameters.ts';
import {
  errorOnlyAnswer,
  imagesOf,
  imagesReserved,
  produce,
  streamedAnswer,
  wholeAnswer,
} from './produce.ts';
import type { Accepted } from './produce.ts';
import { readReferences } from './references.ts';
import { newRequestId } from './request-id.ts';
import { chooseSize } from './size.ts';

/** The state of the vendor's account; a test may change it while the emulator runs. */
export type ArkAccount = {
  id: string;
  /** 403 `AccountOverdueError`. */
  overdue: boolean;
  /** 401 `InvalidAccountStatus`. */
  blocked: boolean;
  /** Only `ep-…` ids are accepted: 404 `InvalidEndpointOrModel.ModelIDAccessDisabled`. */
  needsEndpointId: boolean;
  /** Model ids that answer 404 `ModelNotOpen`. */
  readonly notActivated: Set<string>;
  /** Model ids that answer 404 `InvalidEndpointOrModel.NotFound` although the catalogue lists them. */
  readonly retired: Set<string>;
};

export type ArkEmulatorOptions = VendorOptions & {
  /** The one accepted key; default `ark-emulator-key`. */
  readonly apiKey?: string;
  /** Custom inference endpoints: `ep-…` id to model id. */
  readonly endpoints?: Readonly<Record<string, string>>;
  /** How long a result link works; default 24 h. */
  readonly ttlMs?: number;
  /** How long a picture takes, or a range to draw from; default 0. */
  readonly latencyMs?: Latency;
  /** Images per minute of the account and each model; default 500. */
  readonly imagesPerMinute?: number;
  /** Calls at a time, more are 429 `InflightBatchsizeExceeded`; default no limit. */
  readonly maxInflight?: number;
  readonly account?: Partial<ArkAccount>;
};

export type ArkEmulator = Emulator & {
  /** `http://host:port/api/v3`. */
  readonly baseUrl: string;
  readonly apiKey: string;
  readonly account: ArkAccount;
};

/** Fault names beside the error table, the transport and the link faults. */
const CALL_FAULTS = [
  '200error',
  'b64_always',
  'fewer_images',
  'other_size',
  'partial',
  'partial_500',
  'no_completed',
  'stream_cut',
] as const;

/** Section 13's words for faults that have a longer name here. */
const ALIASES: Readonly<Record<string, string>> = {
  ipm: 'rate_limited_ipm',
  overload: 'overloaded',
  '500': 'internal_error',
};

const DAY_MS = 86_400_000;
const WELL_FORMED_KEY = /^[A-Za-z0-9._-]{16,}$/;

/** Starts it. Rejects when the port is taken. */
export async function startArkEmulator(options: ArkEmulatorOptions = {}): Promise<ArkEmulator> {
  const now = options.now ?? Date.now;
  const apiKey = options.apiKey ?? 'ark-emulator-key';
  const imagesPerMinute = options.imagesPerMinute ?? 500;
  const account = accountOf(options.account);
  const ledger = new Ledger();
  const reader = createReferenceReader(options.fetchReference);
  const buckets = new Map<string, TokenBucket>();
  const links = new ResultLinks({
    now,
    deny: (status, code, message) => deniedFile(status, code, message, newRequestId(now())),
  });
  const faultNames = [...ERROR_FAULTS, ...CALL_FAULTS, ...LINK_FAULTS];
  const readTriggers = createTriggerWords([...TRANSPORT_FAULTS, ...faultNames], ALIASES);
  let origin = '';
  let inflight = 0;
  const workshop: Workshop = {
    paint: createPainter(),
    links,
    origin: () => origin,
    now,
    ttlMs: options.ttlMs ?? DAY_MS,
    paddedBytes: options.pictureBytes,
  };

  function answering(handle: (exchange: Exchange, requestId: string) => Promise<Reply>) {
    return async (exchange: Exchange): Promise<Reply> => {
      const requestId = newRequestId(now());
      try {
        checkKey(exchange, apiKey);
        if (account.blocked) throw refusalNamed('invalid_account_status');
        if (account.overdue) throw refusalNamed('overdue');
        return await handle(exchange, requestId);
      } catch (error) {
        if (error instanceof ArkRefusal) return errorReply(error, requestId);
        throw error;
      }
    };
  }

  async function listModels(exchange: Exchange, requestId: string): Promise<Reply> {
    const scripted = exchange.fault === undefined ? undefined : refusalOf(exchange.fault);
    if (scripted !== undefined) throw scripted;
    const data = ARK_MODELS.map((model) => catalogueEntry(model, account));
    return jsonReply(200, { object: 'list', data }, { 'x-request-id': requestId });
  }

  async function generate(exchange: Exchange, requestId: string): Promise<Reply> {
    const body = parseBody(exchange.body);
    const model = findModel(body['model'], options.endpoints ?? {}, account);
    const profile = profileOf(model);
    const parameters = readParameters(body, profile);
    const references =
      profile.references === undefined
        ? []
        : await readReferences(parameters.image, profile.references, reader);
    const first = references[0];
    const ratio = first === undefined ? undefined : first.width / first.height;
    const size = chooseSize(profile, parameters.size, parameters.prompt, ratio);
    if (parameters.transparent && !(references.length === 1 && first?.format === 'png' && first.hasAlpha)) {
      throw invalidParameter('background', 'transparent needs exactly one PNG image with an alpha channel.');
    }
    const maxImages = parameters.group?.maxImages;
    if (maxImages !== undefined && references.length + maxImages > 15) {
      throw invalidParameter(
        'sequential_image_generation_options.max_images',
        'reference and output images cannot exceed 15.',
      );
    }
    const triggered = readTriggers(parameters.prompt);
    const accepted: Accepted = {
      requestId,
      model,
      parameters,
      size,
      inputImages: references.length,
      images: imagesOf(parameters, references.length),
      fault: exchange.fault ?? triggered,
    };
    return disturbed(triggered, exchange.sleep, () => runAccepted(accepted, exchange));
  }

  async function runAccepted(accepted: Accepted, exchange: Exchange): Promise<Reply> {
    const { model, parameters, fault } = accepted;
    const refusal = fault === undefined ? undefined : refusalOf(fault);
    const isOutputRefused = refusal?.code.startsWith('Output') === true;
    if (refusal !== undefined && !isOutputRefused) throw refusal;
    const bucket = buckets.get(model.id) ?? new TokenBucket(imagesPerMinute, now);
    buckets.set(model.id, bucket);
    if (inflight >= (options.maxInflight ?? Infinity)) throw refusalNamed('inflight_exceeded');
    if (!bucket.take(imagesReserved(accepted))) throw refusalNamed('rate_limited_ipm');
    inflight += 1;
    try {
      await exchange.sleep(drawLatency(options.latencyMs ?? 0));
      if (refusal !== undefined) throw refusal;
      if (fault?.fault === '200error') return errorOnlyAnswer(accepted, workshop);
      const produced = await produce(accepted, workshop);
      const { prompt, seed } = parameters;
      const callerId = exchange.headers['x-client-request-id'];
      if (produced.generated > 0) {
        ledger.record({
          id: accepted.requestId,
          ...(typeof callerId === 'string' && { callerId }),
          at: now(),
          model: model.id,
          images: produced.generated,
          prompt,
          ...(seed !== undefined && { seed }),
        });
      }
      return parameters.stream
        ? streamedAnswer(accepted, produced, workshop)
        : wholeAnswer(accepted, produced, workshop);
    } finally {
      inflight -= 1;
    }
  }

  const emulator = await startEmulator({
    name: 'ark',
    host: options.host,
    port: options.port,
    now,
    ledger,
    faultNames,
    routes: [
      {
        operation: 'generate',
        method: 'POST',
        path: '/api/v3/images/generations',
        handle: answering(generate),
      },
      { operation: 'models', method: 'GET', path: '/api/v3/models', handle: answering(listModels) },
      { operation: 'file', path: /^\/ark-acg-cn-beijing\//, handle: (exchange) => links.answer(exchange) },
    ],
  });
  origin = emulator.origin;
  return { ...emulator, baseUrl: `${origin}/api/v3`, apiKey, account };
}

function accountOf(given: Partial<ArkAccount> = {}): ArkAccount {
  return {
    id: given.id ?? '2100000000',
    overdue: given.overdue ?? false,
    blocked: given.blocked ?? false,
    needsEndpointId: given.needsEndpointId ?? false,
    notActivated: new Set(given.notActivated),
    retired: new Set(
      given.retired ?? ARK_MODELS.filter((model) => model.status === 'Shutdown').map((model) => model.id),
    ),
  };
}

function checkKey(exchange: Exchange, apiKey: string): void {
  const sent = /^Bearer (.*)$/i.exec(exchange.headers.authorization ?? '')?.[1];
  if (sent === apiKey) return;
  if (sent !== undefined && sent !== '' && !WELL_FORMED_KEY.test(sent)) {
    throw new ArkRefusal(401, 'AuthenticationError', 'The API key format is incorrect.');
  }
  throw refusalNamed('authentication_error');
}

function parseBody(bytes: Buffer): Readonly<Record<string, unknown>> {
  let body: unknown;
  try {
    body = JSON.parse(bytes.toString());
  } catch {
    throw refusalNamed('invalid_parameter');
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw refusalNamed('invalid_parameter');
  return body as Readonly<Record<string, unknown>>;
}

function findModel(
  asked: unknown,
  endpoints: Readonly<Record<string, string>>,
  account: ArkAccount,
): ArkModel {
  if (asked === undefined || asked === null || asked === '') throw refusalNamed('missing_parameter');
  if (typeof asked !== 'string') throw invalidParameter('model', 'a string is expected.');
  const id = endpoints[asked] ?? ARK_ALIASES[asked] ?? asked;
  const model = ARK_MODELS.find((candidate) => candidate.id === id);
  if (model === undefined || account.retired.has(id)) throw notFound(asked);
  if (account.needsEndpointId && endpoints[asked] === undefined) throw refusalNamed('model_id_disabled');
  if (account.notActivated.has(id)) throw modelNotOpen(account.id, id);
  return model;
}

function catalogueEntry(model: ArkModel, account: ArkAccount): object {
  const [, name = model.id, version = ''] = /^(.*)-(\d+)$/.exec(model.id) ?? [];
  const status = account.retired.has(model.id)
    ? 'Shutdown'
    : model.status === 'Shutdown'
      ? undefined
      : model.status;
  const shown = status === undefined ? {} : { status };
  return { id: model.id, object: 'model', name, version, domain: 'ImageGeneration', ...shown };
}

/** The object store's own way of refusing. */
function deniedFile(status: number, code: string, message: string, requestId: string): Reply {
  return jsonReply(status, { Code: code, Message: message, RequestId: requestId, EC: '' });
}
