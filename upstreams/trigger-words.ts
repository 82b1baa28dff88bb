import type { Fault } from './faults.ts';

const WORD = /__([a-z0-9_]+?)__/g;
const SLOW = /^slow_(\d+)(ms|s)$/;
const ONCE = /_once$/;

/**
 * Reads `__words__` in prompts as faults, so that a caller far from the emulator can ask for one. A word is a
 * fault's name or an alias; `__slow_40s__` waits; `__<name>_once__` happens to the first such prompt only.
 */
export function createTriggerWords(
  names: Iterable<string>,
  aliases: Readonly<Record<string, string>>,
): (prompt: string) => Fault | undefined {
  const known = new Set(names);
  const met = new Set<string>();

  function named(word: string): string | undefined {
    const name = aliases[word] ?? word;
    return known.has(name) ? name : undefined;
  }

  return (prompt) => {
    let delayMs: number | undefined;
    let fault: string | undefined;
    for (const [, word = ''] of prompt.matchAll(WORD)) {
      const slow = SLOW.exec(word);
      const name = named(word);
      if (slow !== null) delayMs = Number(slow[1]) * (slow[2] === 's' ? 1000 : 1);
      else if (name !== undefined) fault ??= name;
      else if (ONCE.test(word) && !met.has(`${word} ${prompt}`)) {
        fault ??= named(word.replace(ONCE, ''));
        met.add(`${word} ${prompt}`);
      }
    }
    if (fault === undefined && delayMs === undefined) return undefined;
    return { fault: fault ?? 'slow', ...(delayMs !== undefined && { delayMs }) };
  };
}
