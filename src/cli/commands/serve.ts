import { nodeRoles } from '../../core/node-role.ts';
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
  const { role: asked, ...flags } = options;
  const role = nodeRoles.find((one) => one === asked);
  if (role === undefined) throw usageError(`--role wants all, api or worker, not ${asked}.`);
  const config = await configOf(context, flags, role);
  if (role !== 'all' && config.database.kind === 'sqlite') {
    throw usageError(
      `--role ${role} is for nodes that share a PostgreSQL: set DATABASE_URL, or leave the role out.`,
    );
  }
  await holding(context, () => context.program.serve(config, context.interrupted));
  return exitCodes.ok;
};
