import type { SchemaReport } from '../context.ts';
import { CommandError } from '../command-error.ts';
import { configOf, holding } from '../connect.ts';
import type { CliContext } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { formatJson } from '../output.ts';

/** Options of every `limner db` command. */
export interface DbOptions {
  readonly json?: boolean;
  readonly config?: string;
  readonly dataDir?: string;
}

const nameOf = { sqlite: 'SQLite', postgres: 'PostgreSQL' } as const;

const isNewer = ({ version, known, jobs }: SchemaReport): boolean =>
  version > known || (jobs !== undefined && jobs.version > jobs.known);

const sentenceOf = (status: SchemaReport): string => {
  const { jobs, pending } = status;
  if (isNewer(status)) return 'A newer Limner has been here: this one does not start on it.';
  const behind = [...pending, ...(jobs !== undefined && jobs.version < jobs.known ? ['the job board'] : [])];
  return behind.length === 0
    ? 'Nothing is pending.'
    : `Pending: ${behind.join(', ')}. The next start migrates, and so does \`limner db migrate\`.`;
};

/** Tells which schema the database has; ends with 1 when it is newer than this program. */
export const showStatus = async (context: CliContext, options: DbOptions): Promise<number> => {
  const status = await context.program.schemaStatus(await configOf(context, options));
  if (options.json) context.stdout.write(formatJson(status));
  else {
    const { database, version, known, jobs } = status;
    const board =
      jobs === undefined
        ? ''
        : `The job board (pg-boss) has version ${jobs.version}; this Limner brings ${jobs.known}.\n`;
    context.stdout.write(
      `${nameOf[database]} has schema version ${version}; this Limner knows up to ${known}.\n${board}${sentenceOf(status)}\n`,
    );
  }
  return isNewer(status) ? exitCodes.failure : exitCodes.ok;
};

/** Brings the schema up to this program's version. */
export const migrate = async (context: CliContext, options: DbOptions): Promise<number> => {
  const config = await configOf(context, options);
  const before = await holding(context, () => context.program.migrateSchema(config));
  const after = await context.program.schemaStatus(config);
  if (after.version !== after.known) throw new CommandError('Another process changed the schema meanwhile.');
  if (options.json) context.stdout.write(formatJson({ before, after }));
  else {
    for (const name of before.pending) context.stdout.write(`${name}\n`);
    context.stdout.write(`${nameOf[after.database]} has schema version ${after.version}.\n`);
  }
  return exitCodes.ok;
};
