/** The Kling image API (legacy family) as its fact sheet tells it: create, query, list, callbacks and result files. */
import { randomUUID } from 'node:crypto';
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
import { createTriggerWords } from '../trigger-words.ts';
import { CallbackSender } from './callback.ts';
import { checkAuthorization } from './credentials.ts';
import type { KlingCredentials } from './credentials.ts';
import {
  CODE_ALIASES,
  ERROR_FAULTS,
  errorReply,
  invalidValue,
  KlingRefusal,
  refusalNamed,
  refusalOf,
} from './errors.ts';
import { readParameters } from './parameters.ts';
import type { KlingParameters, UnknownModelCode } from './parameters.ts';
import { publishImages } from './publish.ts';
import type { Gallery } from './publish.ts';
import { checkReference } from './reference.ts';
import {
  createdFields,
  failureOf,
  isEnded,
  newTaskId,
  plannedChanges,
  TASK_FAULTS,
  taskFields,
  TaskList,
} from './tasks.ts';
import type { KlingTask } from './tasks.ts';

/** The state of the vendor's account; a test may change it while the emulator runs. */
export type KlingAccount = {
  id: string;
  /** 429 with code 1304 for everything. */
  ipDenied: boolean;
  /** 429 with code 1100. */
  exception: boolean;
  /** 429 with code 1101. */
  arrears: boolean;
  /** What is left in the resource pack; fewer than a create costs is 429 with code 1102. */
  units: number;
  /** Model ids that answer 403 with code 1103. */
  readonly notPermitted: Set<string>;
};

export type KlingEmulatorOptions = VendorOptions &
  Partial<KlingCredentials> & {
    /** How long a create takes to answer; default 0. */
    readonly createMs?: Latency;
    /** How long a task stays `submitted`; default 300 ms. */
    readonly queueMs?: Latency;
    /** From create to the end of the task; default 5 s. */
    readonly latencyMs?: Latency;
    /** Pictures in open tasks of one model; more are 429 with code 1303. Default 20. */
    readonly concurrency?: number;
    /** How long a result link works from the end of the task; default 30 days. */
    readonly ttlMs?: number;
    /** Default 1201. */
    readonly unknownModel?: UnknownModelCode;
    /** `whsec_…`; with it, callbacks are signed. */
    readonly webhookSecret?: string;
    readonly account?: Partial<KlingAccount>;
  };

export type KlingEmulator = Emulator &
  KlingCredentials & {
    /** `http://host:port`; the paths begin with `/v1`. */
    readonly baseUrl: string;
    readonly account: KlingAccount;
  };

/** Section 14.6's and our own words for faults that have a longer name here. */
const ALIASES: Readonly<Record<string, string>> = {
  ...CODE_ALIASES,
  '5002_with_task': 'timeout_with_task',
  partial: 'fewer_images',
  mod_out: 'mod_run',
};

const DAY_MS = 86_400_000;
const PATH = '/v1/images/generations';
const ONE_PATH = /^\/v1\/images\/generations\/[^/]+$/;

/** Starts it. Rejects when the port is taken. */
export async function startKlingEmulator(options: KlingEmulatorOptions = {}): Promise<KlingEmulator> {
  const now = options.now ?? Date.now;
  const credentials: KlingCredentials = {
    apiKey: options.apiKey ?? 'kling-emulator-key',
    accessKey: options.accessKey ?? 'kling-emulator-access-key',
    secretKey: options.secretKey ?? 'kling-emulator-secret-key',
  };
  const account = accountOf(options.account);
  const ledger = new Ledger();
  const tasks = new TaskList();
  const reader = createReferenceReader(options.fetchReference);
  const closing = new AbortController();
  const callbacks = new CallbackSender(options.webhookSecret, closing.signal);
  const links = new ResultLinks({
    now,
    deny: (status, code, message) => jsonReply(status, { error: code, error_msg: message }),
  });
  const faultNames = [...ERROR_FAULTS, ...TASK_FAULTS, ...LINK_FAULTS];
  const readTriggers = createTriggerWords([...TRANSPORT_FAULTS, ...faultNames], ALIASES);
  let origin = '';
  let serial = 0;
  const gallery: Gallery = {
    paint: createPainter(),
    links,
    origin: () => origin,
    now,
    accountId: () => account.id,
    ttlMs: options.ttlMs ?? 30 * DAY_MS,
    paddedBytes: options.pictureBytes,
  };

  function answering(handle: (exchange: Exchange, succeed: (data: unknown) => Reply) => Promise<Reply>) {
    return async (exchange: Exchange): Promise<Reply> => {
      const requestId = randomUUID();
      try {
        checkAuthorization(exchange.headers.authorization, credentials, now());
        if (account.ipDenied) throw refusalNamed('ip_denied');
        return await handle(exchange, (data) =>
          jsonReply(200, { code: 0, message: 'SUCCEED', request_id: requestId, data }),
        );
      } catch (error) {
        if (error instanceof KlingRefusal) return errorReply(error, requestId);
        throw error;
      }
    };
  }

  async function create(exchange: Exchange, succeed: (data: unknown) => Reply): Promise<Reply> {
    const parameters = readParameters(exchange.body, options.unknownModel ?? 1201);
    if (parameters.image !== undefined) await checkReference(parameters.image, reader);
    const triggered = readTriggers(parameters.prompt);
    const fault = exchange.fault ?? triggered;
    const refusal = refusalOf(fault);
    if (refusal !== undefined) throw refusal;
    return disturbed(triggered, exchange.sleep, async () => {
      await exchange.sleep(drawLatency(options.createMs ?? 0));
      return succeed(accept(parameters, fault, exchange));
    });
  }

  /** The checks against the account and the task's birth, in one go: two racing creates cannot both pass. */
  function accept(parameters: KlingParameters, fault: Fault | undefined, exchange: Exchange): unknown {
    const { model, externalTaskId, n } = parameters;
    for (const task of tasks.open) settle(task);
    const units = (parameters.image === undefined ? model.textUnits : model.referenceUnits) * n;
    if (account.notPermitted.has(model.id)) throw refusalNamed('no_permission');
    if (account.exception) throw refusalNamed('account_exception');
    if (account.arrears) throw refusalNamed('account_arrears');
    if (account.units < units) throw refusalNamed('no_balance');
    if (externalTaskId !== undefined && tasks.hasExternalId(externalTaskId)) {
      throw invalidValue(`External_task_id ${externalTaskId} already exists`);
    }
    const held = tasks.open
      .filter((task) => task.parameters.model === model)
      .reduce((sum, task) => sum + task.parameters.n, 0);
    if (held + n > (options.concurrency ?? 20)) throw refusalNamed('concurrency');

    const createdAt = now();
    const [queueMs, totalMs] = [drawLatency(options.queueMs ?? 300), drawLatency(options.latencyMs ?? 5000)];
    serial += 1;
    const task: KlingTask = {
      id: newTaskId(createdAt, serial, fault),
      // Long runs keep many tasks; the reference has done its work.
      parameters: { ...parameters, image: undefined },
      units,
      fault,
      createdAt,
      changes: plannedChanges(fault, createdAt, Math.round(queueMs), Math.round(totalMs)),
      state: { status: 'submitted' },
      linksReady: Promise.resolve(),
      updatedAt: createdAt,
    };
    tasks.add(task);
    void live(task, exchange.sleep);
    if (fault?.fault === 'timeout_with_task') throw refusalNamed('timeout');
    return fault?.fault === 'data_null' ? null : createdFields(task);
  }

  /** Lets the task go on by itself, so that it ends, is charged and calls back although nobody asks. */
  async function live(task: KlingTask, sleep: (ms: number) => Promise<void>): Promise<void> {
    try {
      for (let next = task.changes[0]; next !== undefined; next = task.changes[0]) {
        await sleep(Math.max(1, next.at - now()));
        settle(task);
      }
    } catch (error) {
      // The emulator closed.
      if (!(error instanceof Error && error.name === 'AbortError')) throw error;
    }
  }

  /** Makes every change that is due. */
  function settle(task: KlingTask): void {
    for (let next = task.changes[0]; next !== undefined && next.at <= now(); next = task.changes[0]) {
      task.changes.shift();
      task.updatedAt = next.at;
      task.state = stateAfter(task, next.state);
      if (isEnded(task)) tasks.close(task);
      callbacks.tell(task);
    }
  }

  function stateAfter(task: KlingTask, next: KlingTask['state']['status']): KlingTask['state'] {
    const { parameters, fault } = task;
    if (next === 'failed') return { status: 'failed', message: failureOf(fault) ?? '' };
    if (next !== 'succeed') return { status: next };
    const images = publishImages(task, gallery);
    const units = (task.units / parameters.n) * images.length;
    account.units -= units;
    if (images.length > 0) {
      ledger.record({
        id: task.id,
        ...(parameters.externalTaskId !== undefined && { callerId: parameters.externalTaskId }),
        at: task.updatedAt,
        model: parameters.model.id,
        images: images.length,
        prompt: parameters.prompt,
      });
    }
    return { status: 'succeed', images, units };
  }

  async function query(exchange: Exchange, succeed: (data: unknown) => Reply): Promise<Reply> {
    const scripted = refusalOf(exchange.fault);
    if (scripted !== undefined) throw scripted;
    const id = decodedEnd(exchange.path);
    const task = tasks.find(id);
    if (task === undefined || task.fault?.fault === 'lost' || exchange.fault?.fault === 'lost') {
      throw invalidValue(`Task not found by id/external id: ${id}`);
    }
    settle(task);
    await task.linksReady;
    switch (exchange.fault?.fault ?? '') {
      case 'data_null':
        return succeed(null);
      case 'unknown_status':
        return succeed({ ...createdFields(task), task_status: 'reviewing' });
      default:
        return succeed(taskFields(task));
    }
  }

  async function list(exchange: Exchange, succeed: (data: unknown) => Reply): Promise<Reply> {
    const scripted = refusalOf(exchange.fault);
    if (scripted !== undefined) throw scripted;
    const page = wholeNumber(exchange.query, 'pageNum', 1, 1000);
    const found = tasks.page(page, wholeNumber(exchange.query, 'pageSize', 30, 500));
    for (const task of found) settle(task);
    await Promise.all(found.map((task) => task.linksReady));
    return succeed(found.map(taskFields));
  }

  const emulator = await startEmulator({
    name: 'kling',
    host: options.host,
    port: options.port,
    now,
    ledger,
    faultNames,
    routes: [
      { operation: 'generate', method: 'POST', path: PATH, handle: answering(create) },
      { operation: 'list', method: 'GET', path: PATH, handle: answering(list) },
      { operation: 'query', method: 'GET', path: ONE_PATH, handle: answering(query) },
      { operation: 'file', path: /^\/bs2\//, handle: (exchange) => links.answer(exchange) },
      {
        operation: 'other',
        path: /^\/v1\/images\/generations(\/[^/]+)?$/,
        handle: answering(refuse('invalid_method')),
      },
      { operation: 'unknown', path: /^/, handle: answering(refuse('not_found')) },
    ],
  });
  origin = emulator.origin;
  const close = async (): Promise<void> => {
    closing.abort();
    await emulator.close();
  };
  return { ...emulator, ...credentials, baseUrl: origin, account, close, [Symbol.asyncDispose]: close };
}

function accountOf(given: Partial<KlingAccount> = {}): KlingAccount {
  return {
    id: given.id ?? '1000000001',
    ipDenied: given.ipDenied ?? false,
    exception: given.exception ?? false,
    arrears: given.arrears ?? false,
    units: given.units ?? Infinity,
    notPermitted: new Set(given.notPermitted),
  };
}

function refuse(name: string): () => Promise<never> {
  return async () => {
    throw refusalNamed(name);
  };
}

function wholeNumber(query: URLSearchParams, name: string, usual: number, max: number): number {
  const text = query.get(name) ?? String(usual);
  const value = /^\d+$/.test(text) ? Number(text) : 0;
  if (value < 1 || value > max) throw invalidValue(`${name} must be between 1 and ${max}`);
  return value;
}

/** The last step of a path; one that is no percent encoding stands for itself. */
function decodedEnd(path: string): string {
  const end = path.slice(path.lastIndexOf('/') + 1);
  try {
    return decodeURIComponent(end);
  } catch {
    return end;
  }
}
