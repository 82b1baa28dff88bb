import { catalogue, isTaskErrorCode } from '../../core/errors.ts';
import type { TaskErrorCode } from '../../core/errors.ts';

/** What a prompt asks of the sandbox beside its picture. */
export interface Directives {
  /** The prompt without them, as it is drawn. */
  readonly caption: string;
  /** How long the picture takes. */
  readonly delayMs: number;
  /** The error that the call ends with instead of a picture. */
  readonly fail?: TaskErrorCode;
  /** What is wrong with a directive, for whoever wrote it. */
  readonly problem?: string;
}

const msPer: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Reads every `[sandbox:name=value]` in a prompt (docs/providers/sandbox.md); of two with one name the last one counts. */
export const readDirectives = (prompt: string): Directives => {
  let directives: Omit<Directives, 'caption'> = { delayMs: 0 };
  const caption = prompt.replaceAll(/\s*\[sandbox:([^\]]*)\]/g, (_text, inner: string) => {
    directives = { ...directives, ...readDirective(inner) };
    return '';
  });
  return { caption: caption.trim(), ...directives };
};

const readDirective = (text: string): Partial<Directives> => {
  const [name, value = ''] = text.split('=', 2).map((part) => part.trim());
  if (name === 'delay') return readDelay(value);
  if (name === 'fail') return readFail(value);
  return { problem: `\`[sandbox:${text}]\` is no directive: there are \`delay\` and \`fail\`.` };
};

const readDelay = (value: string): Partial<Directives> => {
  const [, amount, unit = ''] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(value) ?? [];
  const factor = msPer[unit];
  if (factor === undefined) {
    return { problem: `\`${value}\` is no delay: write it like \`250ms\`, \`2s\` or \`1m\`.` };
  }
  return { delayMs: Math.round(Number(amount) * factor) };
};

const readFail = (value: string): Partial<Directives> => {
  if (isTaskErrorCode(value)) return { fail: value };
  const codes = Object.keys(catalogue).filter(isTaskErrorCode);
  return { problem: `\`${value}\` is no error that a task can have: there are ${codes.join(', ')}.` };
};
