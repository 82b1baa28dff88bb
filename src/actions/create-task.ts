import { createHash } from 'node:crypto';
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
import type { JobQueue } from '../jobs/job-queue.ts';
import type { ModelCatalog, PublicModel } from '../providers/catalog.ts';
import type { NewTask, TaskStore } from '../tasks/task-store.ts';
import { findModel } from './find-model.ts';

/** What accepting a task needs. */
export interface CreateTaskParts {
  readonly tasks: Pick<TaskStore, 'insert' | 'get'>;
  readonly models: ModelCatalog;
  readonly queue: Pick<JobQueue, 'announce'>;
  readonly images: Pick<ImageStore, 'delete'>;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly randomBytes: RandomBytes;
  /** Keeps the bytes of a reference picture that came with the request. */
  readonly storeReference: (taskId: string, bytes: Uint8Array) => Promise<Reference>;
  /** Throws when no task is taken now, e.g. `shutting_down`. */
  readonly admit: () => void;
}

/** A valid request and whose it is. */
export interface CreateTaskInput {
  readonly keyId: string;
  readonly request: GenerationRequest;
  /** The reference picture, when the request carried it; then `request.reference` is absent. */
  readonly referenceBytes?: Uint8Array;
  /** Present when the caller sent `Idempotency-Key`; `body` is the JSON as it was parsed. */
  readonly idempotency?: { readonly key: string; readonly body: JsonValue };
}

/** The task, and whether an earlier request had made it. */
export interface CreatedTask {
  readonly task: Task;
  readonly isReplay: boolean;
}

/**
 * Accepts a task: when it returns, the task survives a power cut and somebody will work on it. Throws
 * `model_not_found`, `model_unavailable`, `invalid_parameter` (size) and `idempotency_key_reused`.
 */
export const createTask = async (parts: CreateTaskParts, input: CreateTaskInput): Promise<CreatedTask> => {
  parts.admit();
  const { keyId, request, referenceBytes, idempotency } = input;
  const model = findModel(parts.models, request.model);
  checkAvailable(model);
  checkSize(model, request.size);

  const createdAtMs = parts.clock.nowMs();
  const id = newId('task', createdAtMs, parts.randomBytes);
  const reference = referenceBytes === undefined ? undefined : await parts.storeReference(id, referenceBytes);
  const task: NewTask = {
    id,
    keyId,
    request: reference === undefined ? request : { ...request, reference },
    createdAtMs,
    ...(idempotency !== undefined && {
      idempotency: {
        key: idempotency.key,
        bodyHash: createHash('sha256').update(canonicalJson(idempotency.body)).digest('hex'),
        forgetBeforeMs: createdAtMs - requestLimits.idempotencyMs,
      },
    }),
  };

  let isCreated = false;
  try {
    const inserted = await parts.tasks.insert(task);
    if (inserted.outcome === 'conflict') throw reusedKey();
    if (inserted.outcome === 'replayed') return await replay(parts, inserted.taskId, keyId);
    isCreated = true;
  } finally {
    if (!isCreated && reference?.at === 'store') await parts.images.delete(reference.key);
  }
  parts.queue.announce({ taskId: id, lane: request.model, keyId, createdAtMs });
  return {
    task: { id, keyId, status: 'pending', request: task.request, createdAtMs, adjustments: [] },
    isReplay: false,
  };
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
