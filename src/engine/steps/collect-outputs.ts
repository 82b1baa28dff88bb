/** Makes pictures that the upstream made into images that are ours: fetched, measured, fitted, stored. */
import type { Adjustment } from '../../core/adjustment.ts';
import type { Call, Output } from '../../core/call.ts';
import type { CallFailure } from '../../core/failure.ts';
import { newId } from '../../core/ids.ts';
import { formatSize, isSameSize, type Size } from '../../core/size.ts';
import { BadImage } from '../../images/decoding.ts';
import { fitImage, type Fitted } from '../../images/fit.ts';
import { type ImageInfo, inspectImage } from '../../images/inspect.ts';
import type { Route } from '../../providers/catalog.ts';
import { FetchFailed, FetchRefused } from '../../providers/guarded-fetch.ts';
import { type Collected, storePauseMs, type Unstored } from '../backlog.ts';
import type { EngineParts } from '../engine-parts.ts';
import type { TaskRun } from '../task-run.ts';
import { download, restore } from './download.ts';
import { askAgainAtMs, failCall } from './fail-call.ts';

/** Largest picture that is taken from an upstream (design §4). */
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

/**
 * Collects what a call made. A picture that was paid for is fetched again and again until the task's time is over, and
 * from then on that it lies here it is put into the store for as long as that takes; the generation is never repeated
 * for it. One that is lost takes no other with it.
 *
 * @returns when to try again.
 */
export const collectOutputs = async (
  run: TaskRun,
  call: Call,
  outputs: readonly Output[],
  route: Route | undefined,
): Promise<number | undefined> => {
  const { backlog } = run.parts;
  const wanted = outputs.slice(0, call.request.images);
  const unstored = backlog.hold(call, wanted.length);
  let againAtMs: number | undefined;
  try {
    againAtMs = await collectAll(run, call, wanted, route, unstored);
    return againAtMs;
  } finally {
    if (againAtMs === undefined) backlog.release(call);
  }
};

const collectAll = async (
  run: TaskRun,
  call: Call,
  wanted: readonly Output[],
  route: Route | undefined,
  unstored: Unstored,
): Promise<number | undefined> => {
  const missing = call.request.images - wanted.length;
  const turns = await Promise.allSettled(
    wanted.map(async (output, place) => {
      const known = unstored.collected.get(place);
      if (known !== undefined) return known;
      const collected = await collect(run, call, output, place, route);
      unstored.collected.set(place, collected);
      return collected;
    }),
  );
  const collected = turns.flatMap((turn) => (turn.status === 'fulfilled' ? [turn.value] : []));
  const faults = turns.flatMap((turn): unknown[] => (turn.status === 'rejected' ? [turn.reason] : []));
  if (faults.length > 0) run.wanted.throwIfAborted();
  const notStored = faults.find((fault) => fault instanceof NotStored);
  if (notStored !== undefined) {
    run.parts.logger.warn(
      { task: call.taskId, call: call.id, err: notStored.cause },
      'a paid picture waits on this disk for the image store',
    );
    // NOTE: the task's time is no reason to throw away what was paid for and lies here.
    const pauseMs = storePauseMs(unstored.refusals, run.parts.random());
    unstored.refusals += 1;
    return run.parts.clock.nowMs() + pauseMs;
  }
  const failures = faults.map(failureOf);
  // One that can be had later is waited for, whatever became of the others.
  const lost = failures.find((failure) => failure.retryable) ?? failures[0];
  if (lost !== undefined) {
    const againAtMs = askAgainAtMs(run, call, { moment: 'produced', failure: lost });
    if (againAtMs !== undefined) {
      run.parts.logger.warn(
        { call: call.id, provider: call.provider, err: faults[0] },
        'a paid picture waits to be stored',
      );
      return againAtMs;
    }
    if (collected.length === 0)
      return failCall(run, call, { moment: 'produced', failure: { ...lost, retryable: false } });
  }
  run.parts.reach('after-put');
  await run.move(
    call.slot,
    { state: 'stored' },
    {
      images: collected.map(({ image }) => image),
      adjustments: [
        ...collected.flatMap(({ adjustment }) => adjustment ?? []),
        ...(lost === undefined ? [] : [{ parameter: 'n', reason: lost.message }]),
      ],
      ...(missing > 0 && call.request.isRemainder !== true && { next: run.remainderOf(call, missing) }),
    },
  );
  run.parts.reach('after-stored');
  const { spool } = run.parts;
  await Promise.all(
    collected.flatMap(({ leftover }) => (leftover === undefined ? [] : [spool.remove(leftover)])),
  );
  return undefined;
};

/** Removes what calls of a task that ended elsewhere left on their way: no row knows it, and none will. */
export const dropCollected = async (
  { tasks, spool, images }: EngineParts,
  calls: readonly Call[],
): Promise<void> => {
  const unknown: Call[] = [];
  for (const call of calls) {
    if (call.step.state !== 'stored' && !(await tasks.isCallOpen(call.id))) unknown.push(call);
  }
  for await (const { name } of spool.list()) {
    if (unknown.some((call) => name.startsWith(`${call.id}-`))) await spool.remove(name);
  }
  for (const call of unknown) {
    for (let place = 0; place < call.request.images; place += 1) await images.delete(imageKey(call, place));
  }
};

const imageKey = (call: Call, place: number): string => `images/${call.id}-${place}`;

const spoolName = (call: Call, output: Output, place: number): string =>
  output.at === 'spool' ? output.name : `${call.id}-${place}`;

const collect = async (
  run: TaskRun,
  call: Call,
  output: Output,
  place: number,
  route: Route | undefined,
): Promise<Collected> => {
  const { spool, images, clock, randomBytes, reach } = run.parts;
  const { size } = run.task.request;
  const name = spoolName(call, output, place);
  const key = imageKey(call, place);
  const isRestored = await fetchOutput(run, output, { name, key }, route);
  reach('after-download');

  const made = await inspectImage(spool.path(name));
  if (made === undefined) throw new BadImage('The upstream sent no picture');
  const fitted = await fit(run, name, made);
  const info: ImageInfo = fitted.changed ? fitted : made;
  await images
    .put(key, spool.path(fitted.changed ? fitName(name) : name), `image/${info.format}`)
    .catch(notStored);
  return {
    image: {
      id: newId('img', clock.nowMs(), randomBytes),
      taskId: call.taskId,
      callId: call.id,
      index: call.request.firstImage + place,
      key,
      width: info.width,
      height: info.height,
      format: info.format,
      bytes: info.bytes,
      createdAtMs: clock.nowMs(),
    },
    // The picture in the store is the fitted one: then the plan knows what the upstream was asked to make.
    leftover: fitted.changed ? name : undefined,
    adjustment: resampled(isRestored ? call.request.size : made, size),
  };
};

/**
 * Brings the upstream's picture into the spool.
 *
 * @returns whether it is the finished one out of the store, where a crash after `put` leaves it.
 */
const fetchOutput = async (
  run: TaskRun,
  output: Output,
  { name, key }: { readonly name: string; readonly key: string },
  route: Route | undefined,
): Promise<boolean> => {
  const { parts } = run;
  if (await parts.spool.exists(name)) return false;
  // NOTE: the upstream before the store, which may be away for longer than a link works.
  const fault = await fetched(run, output, name, route);
  if (fault === undefined) return false;
  run.wanted.throwIfAborted();
  if (await restore(parts, key, name).catch(notStored)) return true;
  throw fault;
};

/** The fault in place of the file. */
const fetched = async (
  run: TaskRun,
  output: Output,
  name: string,
  route: Route | undefined,
): Promise<unknown> => {
  if (output.at === 'spool') {
    return output.holder === run.parts.holder ? new OutputGone() : new OutputElsewhere();
  }
  const { trustedHost } = route?.provider ?? {};
  try {
    await download(run.parts, output.url, name, {
      maxBytes: MAX_OUTPUT_BYTES,
      signal: run.wanted,
      ...(trustedHost !== undefined && { trustedHost }),
    });
    return undefined;
  } catch (fault) {
    return fault;
  }
};

const fitName = (name: string): string => `${name}-fit`;

/** The picture as it was asked for, made once however often the store does not take it. */
const fit = async (run: TaskRun, name: string, made: ImageInfo): Promise<Fitted> => {
  const { spool } = run.parts;
  const target = spool.path(fitName(name));
  const earlier = (await spool.exists(fitName(name))) ? await inspectImage(target) : undefined;
  if (earlier !== undefined) return { changed: true, ...earlier };
  const { size, outputFormat: format } = run.task.request;
  return fitImage({ source: spool.path(name), sourceInfo: made, target, size, format });
};

/** The image store did not take a picture that lies here, or cannot say whether it has it. */
class NotStored extends Error {
  override readonly name = 'NotStored';
}

const notStored = (cause: unknown): never => {
  throw new NotStored('The image store is not to be had', { cause });
};

/** What is told when the upstream made other pixels than the asked ones. */
const resampled = (made: Size, asked: Size): Adjustment | undefined =>
  isSameSize(made, asked)
    ? undefined
    : {
        parameter: 'size',
        asked: formatSize(asked),
        used: formatSize(made),
        reason: `The upstream made ${formatSize(made)}; the picture was cropped and resampled to the asked size.`,
      };

/** The spooled picture of an answer is not there any more. */
class OutputGone extends Error {
  override readonly name = 'OutputGone';
}

/** The spooled picture of an answer lies on the disk of another node, which may come back. */
class OutputElsewhere extends Error {
  override readonly name = 'OutputElsewhere';
}

const failureOf = (fault: unknown): CallFailure => {
  if (fault instanceof FetchFailed || fault instanceof FetchRefused) {
    return {
      code: 'output_lost',
      message: `The provider made the picture, and it could not be fetched: ${fault.message}`,
      charged: 'yes',
      retryable: fault instanceof FetchFailed && fault.retryable,
    };
  }
  if (fault instanceof BadImage) {
    return {
      code: 'provider_bad_response',
      message: 'The provider sent a file that is not a picture, or is a damaged one.',
      charged: 'yes',
      retryable: false,
    };
  }
  if (fault instanceof OutputElsewhere) {
    return {
      code: 'output_lost',
      message:
        'The picture arrived at a node that was lost before it was stored, and lies on the disk of that node.',
      charged: 'yes',
      retryable: true,
    };
  }
  if (fault instanceof OutputGone) {
    return {
      code: 'output_lost',
      message: 'The picture arrived and is not on this disk any more.',
      charged: 'yes',
      retryable: false,
    };
  }
  return {
    code: 'storage_failed',
    message: 'The picture was made and could not be stored; see the server log.',
    charged: 'yes',
    retryable: true,
  };
};
