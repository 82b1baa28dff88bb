/**
 * The reference picture of a task: fetched once, checked, and kept in the image store until the task ends. What
 * upstreams get is made from it in the spool, and made again by whoever takes the task over.
 */
import { copyFile, readFile } from 'node:fs/promises';
import type { Adjustment } from '../../core/adjustment.ts';
import { LimnerError } from '../../core/errors.ts';
import type { ReferenceRule } from '../../core/model-card.ts';
import type { Task } from '../../core/task.ts';
import { inspectImage } from '../../images/inspect.ts';
import { checkReference, normaliseReference, referenceLimits } from '../../images/reference.ts';
import { FetchFailed, FetchRefused } from '../../providers/guarded-fetch.ts';
import type { ReferencePicture } from '../../providers/provider.ts';
import type { EngineParts } from '../engine-parts.ts';
import { download, restore } from './download.ts';

/** Where the picture lies as it came, from the moment that we have it. */
export const referenceKey = (taskId: string): string => `references/${taskId}`;

const readyName = (taskId: string): string => `${taskId}-reference`;

/**
 * Makes the reference ready for calls of this task.
 *
 * @returns what had to be changed for the upstream to accept it.
 * @throws LimnerError `reference_unreachable` or `reference_invalid`.
 */
export const prepareReference = async (
  parts: EngineParts,
  task: Task,
  rule: ReferenceRule,
  signal: AbortSignal,
): Promise<Adjustment | undefined> => {
  const { images, spool } = parts;
  const raw = `${task.id}-reference-raw`;
  const ready = spool.path(readyName(task.id));
  const key = referenceKey(task.id);
  try {
    const isHeld = await restore(parts, key, raw);
    if (!isHeld) await fetchReference(parts, task, raw, signal);
    await checkReference(spool.path(raw));
    const normalised = await normaliseReference(spool.path(raw), ready, rule);
    if (!normalised.changed) await copyFile(spool.path(raw), ready);
    if (!isHeld) await images.put(key, spool.path(raw));
    return normalised.changed ? normalised.adjustment : undefined;
  } finally {
    await spool.remove(raw);
  }
};

/** The reference as the upstream gets it. @throws LimnerError as `prepareReference`, when it must be made again. */
export const readyReference = async (
  parts: EngineParts,
  task: Task,
  rule: ReferenceRule,
  signal: AbortSignal,
): Promise<ReferencePicture> => {
  const path = parts.spool.path(readyName(task.id));
  if (!(await parts.spool.exists(readyName(task.id)))) await prepareReference(parts, task, rule, signal);
  const info = await inspectImage(path);
  if (info === undefined) throw new Error(`The reference picture of ${task.id} is not what was kept`);
  return { format: info.format, width: info.width, height: info.height, bytes: () => readFile(path) };
};

/** Removes all that was kept of the reference picture. */
export const dropReference = async ({ images, spool }: EngineParts, taskId: string): Promise<void> => {
  await spool.remove(readyName(taskId));
  await images.delete(referenceKey(taskId));
};

const fetchReference = async (
  parts: EngineParts,
  task: Task,
  name: string,
  signal: AbortSignal,
): Promise<void> => {
  const { reference } = task.request;
  if (reference?.at !== 'link') throw new Error(`The reference picture of ${task.id} is gone`);
  try {
    await download(parts, reference.url, name, { maxBytes: referenceLimits.bytes, signal });
  } catch (fault) {
    signal.throwIfAborted();
    if (!(fault instanceof FetchRefused || fault instanceof FetchFailed)) throw fault;
    if (fault instanceof FetchFailed && fault.fault === 'too-large') {
      throw new LimnerError('reference_invalid', `The reference picture is too large: ${fault.message}`, {
        param: 'url',
      });
    }
    throw new LimnerError(
      'reference_unreachable',
      `The reference picture could not be fetched: ${fault.message}`,
      {
        param: 'url',
        cause: fault,
      },
    );
  }
};
