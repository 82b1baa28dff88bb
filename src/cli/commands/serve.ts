import { usageError } from '../command-error.ts';
import { configOf, holding } from '../connect.ts';
import type { CliContext } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';

/** Options of `limner serve`. */
export interface ServeOptions {
  readonly role: string;
  readonly config?: string;
  readonly host?: string;
  readonly port?: string;
  readonly dataDir?: string;
  readonly logLevel?: string;
}

/** Serves until the process is told to stop, and drains. */
export const serve = async (context: CliContext, options: ServeOptions): Promise<number> => {
  const { role, ...flags } = options;
  if (role !== 'all') {
    if (role !== 'api' && role !== 'worker')
      throw usageError(`--role wants all, api or worker, not ${role}.`);
    throw usageError(
      `--role ${role} comes with PostgreSQL, which this version does not support yet; leave it out.`,
    );
  }
  const config = await configOf(context, flags);
  await holding(context, () => context.program.serve(config, context.interrupted));
  return exitCodes.ok;
};
