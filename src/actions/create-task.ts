import { createHash } from 'node:crypto';
import type { Caller } from '../access/keys.ts';
import { canonicalJson } from '../core/canonical-json.ts';
import type { Clock } from '../core/clock.ts';
import { LimnerError } from '../core/errors.ts';
import { newId, type RandomBytes } from '../core/ids.ts';
import type { JsonValue } from '../core/json.ts';
import { allowedSizes, pixelsOf, seedSizes } from '../core/model-card.ts';
import { type GenerationRequest, type Reference, requestLimits } from '../core/request.ts';
import { formatSize, isSameSize, type Size } from '../core/size.ts';
import type { Task } from '../core/task.ts';
import type { ImageStore } from '../images/image-store.ts';
import type { SpoolFile } from '../images/spool.ts';
import type { JobQueue } from '../jobs/job-queue.ts';
import type { QueuePlaces } from '../jobs/queue-places.ts';
import type { Meter } from '../observe/meter.ts';
import type { ModelCatalog, PublicModel } from '../providers/catalog.ts';
import type { IdempotencyRecord, InsertOutcome, NewTask, TaskStore } from '../tasks/task-store.ts';
import { checkContent, type ContentPolicy } from './check-content.ts';
import { checkModelAllowed } from './check-model-allowed.ts';
import { findModel } from './find-model.ts';
import { fullLimitError } from './full-limit.ts';
import { reservationOf } from './reservation.ts';

/** What accepting a task needs. */
export interface CreateTaskParts {
  readonly tasks: Pick<TaskStore, 'insert' | 'get'>;
  readonly models: ModelCatalog;
  readonly queue: Pick<JobQueue, 'announce'>;
  readonly places: QueuePlaces;
  readonly meter: Pick<Meter, 'taskAccepted'>;
  readonly images: Pick<ImageStore, 'delete'>;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly randomBytes: RandomBytes;
  /** Keeps a reference picture that came with the request. */
  readonly storeReference: (taskId: string, picture: CarriedPicture) => Promise<Reference>;
  /** Throws when no task is taken now, e.g. `shutting_down`. */
  readonly admit: () => void;
  /** Absent when nothing is configured: then every prompt is taken. */
  readonly contentPolicy?: ContentPolicy;
}

/** A reference picture that came with a request: its bytes, or the file in the making that they were written to. */
export type CarriedPicture = Uint8Array | SpoolFile;

/** A valid request and whose it is. */
export interface CreateTaskInput {
  readonly caller: Pick<Caller, 'id' | 'limits' | 'models'>;
  readonly request: GenerationRequest;
  /** The reference picture, when the request carried it; then `request.reference` is absent. */
  readonly carriedPicture?: CarriedPicture;
  /** Present when a repetition of the request can be told; `body` is the JSON as it was parsed. */
  readonly idempotency?: { readonly by: RequestMark; readonly body: JsonValue };
}

/**
 * How a repetition is told: by the caller's `Idempotency-Key`, or by an official SDK of OpenAI, which sends a request
 * again by itself when no answer came, says how often it did, and names nothing else that the two have in common.
 */
export type RequestMark =
  | { readonly kind: 'key'; readonly key: string }
  | {
      readonly kind: 'sdk';
      readonly retries: number;
      /** How long after the first request a retry may still come; later it is another wish. */
      readonly withinMs: number;
    };

/** The task, and whether an earlier request had made it. */
export interface CreatedTask {
  readonly task: Task;
  readonly isReplay: boolean;
}

/**
 * Accepts a task: when it returns, the task survives a power cut and somebody will work on it. Throws
 * `model_not_found`, `model_not_allowed`, `model_unavailable`, `invalid_parameter` (size, price), `idempotency_key_reused`,
 * `content_policy_violation`, `moderation_unavailable`, `queue_full`, and what says that a limit of the key is full.
 */
export const createTask = async (parts: CreateTaskParts, input: CreateTaskInput): Promise<CreatedTask> => {
  parts.admit();
  const { caller, request, carriedPicture, idempotency } = input;
  const keyId = caller.id;
  const model = findModel(parts.models, request.model);
  checkModelAllowed(caller, model.name);
  checkAvailable(model);
  checkSize(model, request.size);
  const hasReference = request.reference !== undefined || carriedPicture !== undefined;
  const reservation = reservationOf(caller, model, request, hasReference);

  const createdAtMs = parts.clock.nowMs();
  const id = newId('task', createdAtMs, parts.randomBytes);
  const record = idempotency && recordOf(idempotency, createdAtMs);
  const asked: NewTask = {
    id,
    keyId,
    request,
    createdAtMs,
    ...(record !== undefined && { idempotency: record }),
    ...(reservation !== undefined && { reservation }),
  };
  const judged = parts.contentPolicy && (await judge(parts, parts.contentPolicy, asked));
  if (judged !== undefined && 'isReplay' in judged) return judged;
  const task = judged ?? asked;
  const place = parts.places.take();
  if (place === undefined) return replayOnly(parts, task);
  let reference: Reference | undefined;
  let isCreated = false;
  try {
    reference = carriedPicture && (await parts.storeReference(id, carriedPicture));
    const accepted = reference === undefined ? task : { ...task, request: { ...task.request, reference } };
    const inserted = await parts.tasks.insert(accepted);
    if (inserted.outcome === 'refused') throw fullLimitError(caller, inserted.limit, createdAtMs);
    if (inserted.outcome !== 'created') return await answerEarlier(parts, inserted, task);
    isCreated = true;
    parts.meter.taskAccepted(request.model);
    parts.queue.announce({ taskId: id, lane: request.model, keyId, createdAtMs });
    return {
      task: { id, keyId, status: 'pending', request: accepted.request, createdAtMs, adjustments: [] },
      isReplay: false,
    };
  } finally {
    place.release();
    if (!isCreated && reference?.at === 'store') await parts.images.delete(reference.key);
  }
};

/** The task with what was found of its prompt; or that of the earlier request, which was judged then. */
const judge = async (
  parts: CreateTaskParts,
  policy: ContentPolicy,
  task: NewTask,
): Promise<NewTask | CreatedTask> => {
  const { idempotency, request, keyId } = task;
  if (idempotency !== undefined && idempotency.isFirst !== true) {
    const earlier = await parts.tasks.insert({ ...task, isReplayOnly: true });
    if (earlier.outcome !== 'declined') return answerEarlier(parts, earlier, task);
  }
  const contentChecks = await checkContent(policy, request.prompt, keyId);
  return { ...task, request: { ...request, contentChecks } };
};

const recordOf = (
  { by, body }: NonNullable<CreateTaskInput['idempotency']>,
  nowMs: number,
): IdempotencyRecord => {
  const bodyHash = createHash('sha256').update(canonicalJson(body)).digest('hex');
  if (by.kind === 'key')
    return { key: by.key, bodyHash, forgetBeforeMs: nowMs - requestLimits.idempotencyMs };
  return {
    // A key of a caller never begins with a space.
    key: ` sdk ${bodyHash}`,
    bodyHash,
    forgetBeforeMs: nowMs - by.withinMs,
    ...(by.retries === 0 && { isFirst: true }),
  };
};

/** When nothing new is taken: what was taken before is answered all the same. */
const replayOnly = async (parts: CreateTaskParts, task: NewTask): Promise<CreatedTask> => {
  const { idempotency } = task;
  const inserted: InsertOutcome =
    idempotency === undefined
      ? { outcome: 'declined' }
      : await parts.tasks.insert({ ...task, isReplayOnly: true });
  return answerEarlier(parts, inserted, task);
};

/** The task of an earlier request, when the store made none for this one. */
const answerEarlier = async (
  parts: CreateTaskParts,
  inserted: InsertOutcome,
  { keyId }: NewTask,
): Promise<CreatedTask> => {
  if (inserted.outcome === 'conflict') throw reusedKey();
  if (inserted.outcome === 'replayed') return replay(parts, inserted.taskId, keyId);
  throw new LimnerError('queue_full', 'Too many tasks are waiting. Try again in a moment.', {
    retryAfterMs: parts.places.retryAfterMs,
  });
};

const replay = async (parts: CreateTaskParts, taskId: string, keyId: string): Promise<CreatedTask> => {
  const task = await parts.tasks.get(taskId, keyId);
  if (task !== undefined) return { task, isReplay: true };
  throw new LimnerError(
    'task_not_found',
    'The task that this Idempotency-Key made has been deleted. Send a new key to make a new task.',
  );
};

const reusedKey = (): LimnerError =>
  new LimnerError(
    'idempotency_key_reused',
    'This Idempotency-Key was used within the last 24 hours with another body. Send a new key with a new request.',
    { param: 'Idempotency-Key' },
  );

const checkAvailable = (model: PublicModel): void => {
  if (model.routes.length > 0) return;
  throw new LimnerError(
    'model_unavailable',
    `No provider serves \`${model.name}\` here. \`GET /v1/models\` tells which models are available.`,
    { param: 'model' },
  );
};

const checkSize = (model: PublicModel, size: Size): void => {
  if (seedSizes.some((known) => isSameSize(known, size))) return;
  const bounds = model.routes.map((route) => allowedSizes(route.card));
  const fits = bounds.some(
    ({ minSide, maxSide, maxPixels }) =>
      Math.min(size.width, size.height) >= minSide &&
      Math.max(size.width, size.height) <= maxSide &&
      pixelsOf(size) <= maxPixels,
  );
  if (fits) return;
  const widest = bounds.reduce((best, bound) => (bound.maxPixels > best.maxPixels ? bound : best));
  throw new LimnerError(
    'invalid_parameter',
    `\`size\` ${formatSize(size)} is not possible with \`${model.name}\`: each side must be ${widest.minSide} to ` +
      `${widest.maxSide} pixels, and the picture at most ${widest.maxPixels} pixels in all.`,
    { param: 'size' },
  );
};
