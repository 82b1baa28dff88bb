import type { TaskRun } from '../task-run.ts';
import { advanceCall } from './advance-call.ts';

/**
 * Takes the calls of these slots as far as they go. One that rests goes on at its time while others are still at work,
 * since its pause must not last as long as their exchanges.
 *
 * @returns for each when it wants its next turn, `undefined` when it has ended, or its fault.
 */
export const advanceCalls = (
  run: TaskRun,
  slots: readonly number[],
): Promise<readonly PromiseSettledResult<number | undefined>[]> => {
  const { draining } = run.parts;
  const allRest = new AbortController();
  let atWork = slots.length;

  const advance = async (slot: number): Promise<number | undefined> => {
    try {
      return await advanceCall(run, slot);
    } finally {
      atWork -= 1;
      if (atWork === 0) allRest.abort();
    }
  };

  const goOn = async (slot: number): Promise<number | undefined> => {
    for (;;) {
      const untilMs = await advance(slot);
      if (untilMs === undefined || draining.aborted) return untilMs;
      await restUntil(run, untilMs, allRest.signal);
      if (allRest.signal.aborted) return untilMs;
      atWork += 1;
    }
  };

  // NOTE: all calls come to rest before a fault of one is told; otherwise the next turn would find the others
  // `sending` and take their answers for lost.
  return Promise.allSettled(slots.map(goOn));
};

/** Resolves at that time, or when nobody is at work any more. */
const restUntil = ({ parts: { clock } }: TaskRun, untilMs: number, allRest: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (allRest.aborted) {
      resolve();
      return;
    }
    const wake = (): void => {
      cancel();
      allRest.removeEventListener('abort', wake);
      resolve();
    };
    const cancel = clock.after(Math.max(0, untilMs - clock.nowMs()), wake);
    allRest.addEventListener('abort', wake, { once: true });
  });
