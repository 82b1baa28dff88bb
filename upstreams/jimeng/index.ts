/** Jimeng's images over the Volcengine visual API as their fact sheet tells it: signed actions on one path. */
import { startEmulator } from '../emulator.ts';
import type { Emulator, Exchange, VendorOptions } from '../emulator.ts';
import { disturbed, TRANSPORT_FAULTS } from '../faults.ts';
import type { Fault } from '../faults.ts';
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
import { newRequestId, refusalReply, serviceReply } from './envelope.ts';
import {
  ERROR_FAULTS,
  gateway,
  JimengRefusal,
  refusalOf,
  RUN_FAULTS,
  runRefusalOf,
  service,
} from './errors.ts';
import { parseFields, requiredText } from './fields.ts';
import type { Fields } from './fields.ts';
import { readJob } from './job.ts';
import type { Job } from './job.ts';
import { JIMENG_MODELS } from './models.ts';
import type { JimengModel } from './models.ts';
import { deliver, readProcessOptions, readQueryOptions } from './result.ts';
import type { ResultOptions } from './result.ts';
import { verifySignature } from './signature.ts';
import type { SigningAccount } from './signature.ts';
import { Tasks } from './tasks.ts';
import type { Ending, Task } from './tasks.ts';

/** The state of the vendor's account; a test may change it while the emulator runs. */
export type JimengAccount = SigningAccount & {
  /** Jobs at a time of each `req_key`, held from submission to end: 50430 beyond it. */
  concurrency: number;
  /** A `req_key` that answers 401 / 50400: not activated, or its package used up. */
  readonly notActivated: Set<string>;
};

export type JimengEmulatorOptions = VendorOptions & {
  readonly accessKeyId?: string;
  readonly secretAccessKey?: string;
  /** Makes the credentials temporary: `X-Security-Token` must be this. */
  readonly securityToken?: string;
  /** Default 1 for each `req_key`, as measured. */
  readonly concurrency?: number;
  /** Queries a second of the account; default 20. */
  readonly queriesPerSecond?: number;
  /** Submissions a second of the account; default no limit, the vendor names none. */
  readonly submissionsPerSecond?: number;
  /** How long a task takes from its submission to its end; default 0. */
  readonly latencyMs?: Latency;
  /** How long a task is remembered; default 12 h. */
  readonly taskTtlMs?: number;
  /** How long a result link works; default 24 h. */
  readonly ttlMs?: number;
  /** How an unknown task is told: a status inside a success (default), or an error. */
  readonly unknownTask?: 'status' | 'error';
  /** Whether `aigc_meta` must name a `producer_id`, as the 2026 editions say; default true. */
  readonly needsProducerId?: boolean;
};

export type JimengEmulator = Emulator & {
  /** `http://host:port`. */
  readonly baseUrl: string;
  readonly account: JimengAccount;
};

const VERSIONS: Readonly<Record<string, string>> = {
  CVProcess: '2022-08-31',
  CVSync2AsyncSubmitTask: '2022-08-31',
  CVSync2AsyncGetResult: '2022-08-31',
  CVSubmitTask: '2022-08-31',
  CVGetResult: '2022-08-31',
  CVCancelTask: '2024-06-06',
};

/** Fault names beside the error tables, the transport and the link faults. */
const CALL_FAULTS = [
  'stuck',
  'expired',
  'not_found',
  'empty_done',
  'fewer_images',
  'unknown_status',
] as const;
const JIMENG_LINK_FAULTS = [...LINK_FAULTS.filter((name) => name !== 'expired'), 'link_expired'];

const SECOND_MS = 1000;
const HOUR_MS = 3600 * SECOND_MS;

/** Starts it. Rejects when the port is taken. */
export async function startJimengEmulator(options: JimengEmulatorOptions = {}): Promise<JimengEmulator> {
  const now = options.now ?? Date.now;
  const account: JimengAccount = {
    accessKeyId: options.accessKeyId ?? 'AKLTemulatorAccessKeyId0001',
    secretAccessKey: options.secretAccessKey ?? 'ZW11bGF0b3Itc2VjcmV0LWtleQ==',
    securityToken: options.securityToken,
    concurrency: options.concurrency ?? 1,
    notActivated: new Set(),
  };
  const ledger = new Ledger();
  const tasks = new Tasks(now, options.taskTtlMs ?? 12 * HOUR_MS);
  const submissions = bucketOf(options.submissionsPerSecond ?? Infinity, now);
  const queries = bucketOf(options.queriesPerSecond ?? 20, now);
  const reader = createReferenceReader(options.fetchReference);
  const links = new ResultLinks({
    now,
    deny: (status, code, message) => jsonReply(status, { Code: code, Message: message }),
  });
  const faultNames = [...ERROR_FAULTS, ...RUN_FAULTS, ...CALL_FAULTS, ...JIMENG_LINK_FAULTS];
  const readTriggers = createTriggerWords([...TRANSPORT_FAULTS, ...faultNames], {});
  let origin = '';
  /** Synchronous calls at work, by model. */
  const processing = new Map<string, number>();
  const workshop: Workshop = {
    paint: createPainter(),
    links,
    origin: () => origin,
    now,
    ttlMs: options.ttlMs ?? 24 * HOUR_MS,
    paddedBytes: options.pictureBytes,
  };

  function answering(handle: (call: ServiceCall) => Promise<Reply>) {
    return async (exchange: Exchange): Promise<Reply> => {
      const start = performance.now();
      const requestId = newRequestId(now());
      const elapsed = (): number => performance.now() - start;
      try {
        checkAction(exchange.query);
        verifySignature(exchange, account, now());
        const scripted = exchange.fault && refusalOf(exchange.fault);
        if (scripted?.refusal.kind === 'gateway') throw scripted;
        if (exchange.method !== 'POST') throw service(50402);
        const fields = parseFields(exchange.body.toString());
        const model = findModel(requiredText(fields, 'req_key'), account);
        const say = (data: object): Reply =>
          serviceReply(200, { code: 10000, data, message: 'Success' }, requestId, elapsed());
        return await handle({ exchange, fields, model, say });
      } catch (error) {
        if (error instanceof JimengRefusal) return refusalReply(error, requestId, elapsed(), exchange.query);
        throw error;
      }
    };
  }

  /** Lets a checked job run unless the script, its prompt or a limit forbids it. */
  async function admit(
    job: Job,
    exchange: Exchange,
    run: (fault: Fault | undefined) => Promise<Reply>,
  ): Promise<Reply> {
    // The sheet spells it `__50511__once__`, the frame `__50511_once__`.
    const triggered = readTriggers(job.prompt.replaceAll('__once__', '_once__'));
    const fault = exchange.fault ?? triggered;
    return disturbed(triggered, exchange.sleep, async () => {
      const refusal = fault && (runRefusalOf(fault) === undefined ? refusalOf(fault) : undefined);
      if (refusal !== undefined) throw refusal;
      const { reqKey } = job.model;
      if (tasks.held(reqKey) + (processing.get(reqKey) ?? 0) >= account.concurrency) throw service(50430);
      if (!submissions.take(1)) throw service(50429);
      return run(fault);
    });
  }

  /** Only returned pictures are billed (section 10). */
  function charge(id: string, job: Job, images: number, at: number): void {
    if (images === 0) return;
    const { model, prompt, seed } = job;
    ledger.record({ id, at, model: model.reqKey, images, prompt, ...(seed !== undefined && { seed }) });
  }

  async function submit({ exchange, fields, model, say }: ServiceCall): Promise<Reply> {
    const job = await readJob(fields, model, reader);
    return admit(job, exchange, async (fault) => {
      const ending = endingOf(job, fault);
      const task = tasks.add(job, drawLatency(options.latencyMs ?? 0), ending, fault);
      // Billed as soon as the end is certain, which is now: nobody can cancel a task.
      if (ending.kind === 'done') charge(task.id, job, ending.images, task.endsAt);
      return say({ task_id: task.id });
    });
  }

  async function query({ exchange, fields, model, say }: ServiceCall): Promise<Reply> {
    const { fault } = exchange;
    const id = requiredText(fields, 'task_id');
    const wanted = readQueryOptions(fields, options.needsProducerId ?? true);
    const scripted = fault && (runRefusalOf(fault) ?? refusalOf(fault));
    if (scripted) throw scripted;
    if (!queries.take(1)) throw service(50429);
    const task = tasks.find(id, model.reqKey);
    const state = task === undefined || fault?.fault === 'not_found' ? 'not_found' : tasks.stateOf(task);
    if (task === undefined || state === 'not_found') {
      if (options.unknownTask === 'error') throw service(50215);
      return say({ ...nothing, status: 'not_found' });
    }
    const scriptedEnd = fault && endingOf(task.job, fault);
    if (fault?.fault === 'unknown_status') return say({ ...nothing, status: 'post_processing' });
    if (scriptedEnd?.kind === 'stuck') return say({ ...nothing, status: 'generating' });
    if (state !== 'ended') return say({ ...nothing, status: state });
    // What a script says of one query is worse than what became of the task; `done` says nothing.
    const ending = scriptedEnd === undefined || scriptedEnd.kind === 'done' ? task.ending : scriptedEnd;
    return tell(task, ending, fault ?? task.fault, wanted, say);
  }

  async function tell(
    task: Task,
    ending: Ending,
    fault: Fault | undefined,
    wanted: ResultOptions,
    say: ServiceCall['say'],
  ): Promise<Reply> {
    switch (ending.kind) {
      case 'refused':
        throw ending.refusal;
      case 'done':
        return say({ ...(await deliver(task.job, ending.images, wanted, workshop, fault)), status: 'done' });
      case 'expired':
        return say({ ...nothing, status: 'expired' });
      case 'stuck':
        return say({ ...nothing, status: 'generating' });
    }
  }

  async function process({ exchange, fields, model, say }: ServiceCall): Promise<Reply> {
    // A model without a synchronous form is none that this action serves.
    if (!model.isSync) throw service(50400);
    const wanted = readProcessOptions(fields);
    const job = await readJob(fields, model, reader);
    return admit(job, exchange, async (fault) => {
      processing.set(model.reqKey, (processing.get(model.reqKey) ?? 0) + 1);
      try {
        await exchange.sleep(drawLatency(options.latencyMs ?? 0));
      } finally {
        processing.set(model.reqKey, (processing.get(model.reqKey) ?? 1) - 1);
      }
      const ending = endingOf(job, fault);
      if (ending.kind === 'refused') throw ending.refusal;
      const images = ending.kind === 'done' ? ending.images : 0;
      charge(newRequestId(now()), job, images, now());
      return say({ ...processed, ...(await deliver(job, images, wanted, workshop, fault)) });
    });
  }

  const emulator = await startEmulator({
    name: 'jimeng',
    host: options.host,
    port: options.port,
    now,
    ledger,
    faultNames,
    routes: [
      {
        operation: 'generate',
        path: '/',
        query: { Action: 'CVSync2AsyncSubmitTask' },
        handle: answering(submit),
      },
      { operation: 'query', path: '/', query: { Action: 'CVSync2AsyncGetResult' }, handle: answering(query) },
      { operation: 'process', path: '/', query: { Action: 'CVProcess' }, handle: answering(process) },
      // Actions for other products refuse every Jimeng model (measured for CVSubmitTask).
      { operation: 'other', path: '/', handle: answering(() => Promise.reject(service(50400))) },
      { operation: 'file', path: /^\/tos-cn-i-emulator\//, handle: (exchange) => links.answer(exchange) },
    ],
  });
  origin = emulator.origin;
  return { ...emulator, baseUrl: origin, account };
}

/** A request that got as far as the service. */
type ServiceCall = {
  readonly exchange: Exchange;
  readonly fields: Fields;
  readonly model: JimengModel;
  /** A success with this data. */
  readonly say: (data: object) => Reply;
};

/** The two lists of an answer without pictures. */
const nothing = { binary_data_base64: null, image_urls: null } as const;

/** Section 7.5: what a synchronous answer holds beside the pictures. */
const processed = {
  algorithm_base_resp: { status_code: 0, status_message: 'Success' },
  infer_ctx: {},
  llm_result: '',
  pe_result: '',
  predict_tags_result: '',
  rephraser_result: '',
  request_id: '',
  vlm_result: '',
} as const;

function endingOf(job: Job, fault: Fault | undefined): Ending {
  const refusal = fault && runRefusalOf(fault);
  if (refusal !== undefined) return { kind: 'refused', refusal };
  switch (fault?.fault ?? '') {
    case 'stuck':
      return { kind: 'stuck' };
    case 'expired':
      return { kind: 'expired' };
    case 'empty_done':
      return { kind: 'done', images: 0 };
    case 'fewer_images':
      return { kind: 'done', images: job.images - 1 };
    default:
      return { kind: 'done', images: job.images };
  }
}

function checkAction(query: URLSearchParams): void {
  const action = query.get('Action') ?? '';
  const version = query.get('Version') ?? '';
  if (action === '') throw gateway(100002);
  if (version === '') throw gateway(100002, 'The request is missing Version parameter.');
  if (VERSIONS[action] !== version) {
    throw gateway(100008, `Could not find operation ${action} for version ${version}.`);
  }
}

function findModel(reqKey: string, account: JimengAccount): JimengModel {
  const model = JIMENG_MODELS.find((one) => one.reqKey === reqKey);
  if (model === undefined || account.notActivated.has(reqKey)) throw service(50400);
  return model;
}

function bucketOf(perSecond: number, now: () => number): TokenBucket {
  return new TokenBucket(perSecond * 60, now, perSecond);
}
