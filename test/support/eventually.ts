import { setTimeout as pause } from 'node:timers/promises';

/**
 * Asks again and again until the answer is not `undefined`; a rejection is final. Rejects with what was waited for
 * when that takes over `withinMs`.
 */
export const eventually = async <Answer>(
  ask: () => Promise<Answer | undefined>,
  waitingFor: string,
  withinMs = 30_000,
): Promise<Answer> => {
  const untilMs = performance.now() + withinMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > untilMs) throw new Error(`Not within ${withinMs} ms: ${waitingFor}`);
    await pause(20);
  }
};
