import { exitCodes } from './exit-codes.ts';

/** A command that cannot go on, and what to tell whoever typed it. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly exitCode: number;
  /** A code of the error catalogue, when there is one. */
  readonly code: string | undefined;

  constructor(
    message: string,
    options: { readonly code?: string; readonly exitCode?: number; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = options.code;
    this.exitCode = options.exitCode ?? exitCodes.failure;
  }
}

/** The command line asks for something that does not exist or makes no sense. */
export const usageError = (message: string): CommandError =>
  new CommandError(message, { exitCode: exitCodes.usage });
