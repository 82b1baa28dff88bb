import { usageError } from '../command-error.ts';
import { configOf, holding } from '../connect.ts';
import type { CliContext, MovedReport } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { formatJson, formatTable, paintFor } from '../output.ts';

/** Options of `limner migrate-data`. */
export interface MigrateDataOptions {
  readonly from?: string;
  readonly to?: string;
  readonly files?: string;
  readonly json?: boolean;
  readonly config?: string;
  readonly dataDir?: string;
}

/** Moves an installation to PostgreSQL and a bucket; the same command goes on after it was broken off. */
export const migrateData = async (context: CliContext, options: MigrateDataOptions): Promise<number> => {
  const { from, to, files, json } = options;
  const tables = from !== undefined || to !== undefined;
  if (tables && (from !== 'sqlite' || to !== 'postgres')) {
    throw usageError('There is one way to move tasks: --from sqlite --to postgres.');
  }
  if (files !== undefined && files !== 's3') throw usageError(`--files wants s3, not ${files}.`);
  if (!tables && files === undefined) {
    throw usageError('Say what to move: --from sqlite --to postgres, --files s3, or both.');
  }
  const config = await configOf(context, options);
  if (tables && config.database.kind !== 'postgres') {
    throw usageError('Set DATABASE_URL to the PostgreSQL to move to; the source is the data folder.');
  }
  if (files === 's3' && config.storage.kind !== 's3') {
    throw usageError('Set storage.kind to s3, and the bucket beside it: the pictures go there.');
  }
  const order = { tables, pictures: config.storage.kind === 's3' };
  const progress = showProgress(context, json ?? false);
  const moved = await holding(context, () => context.program.moveData(config, order, progress));
  if (json) context.stdout.write(formatJson(moved));
  else tell(context, moved, config.dataDir);
  return exitCodes.ok;
};

const SHOWN_EVERY_MS = 1_000;

/** A line for each second in which something moved, and for the end of each part. */
const showProgress = (context: CliContext, isQuiet: boolean) => {
  let shownAtMs = Number.NEGATIVE_INFINITY;
  return (what: string, done: number, of: number): void => {
    // What has come so far stays, and the next time goes on from there.
    context.interrupted.throwIfAborted();
    const isNews = done === of ? of > 0 : performance.now() - shownAtMs >= SHOWN_EVERY_MS;
    if (isQuiet || !isNews) return;
    shownAtMs = performance.now();
    context.stderr.write(`${what}: ${done} of ${of}\n`);
  };
};

const tell = (context: CliContext, { tables, pictures, lost }: MovedReport, dataDir: string): void => {
  const { stdout } = context;
  if (tables !== undefined) {
    const rows = tables.tables.map(({ name, rows: count, sha256 }) => [name, String(count), sha256]);
    stdout.write(
      formatTable(['TABLE', 'ROWS', 'SHA-256 ON BOTH SIDES'], rows, paintFor(stdout, context.env)),
    );
  }
  if (pictures !== undefined) {
    stdout.write(
      `${pictures.files} files, ${pictures.bytes} bytes, are in the bucket and the same there; ${pictures.thereBefore} were there before. ` +
        `The list, with the SHA-256 of each: ${pictures.list}\n`,
    );
  } else stdout.write(`The pictures stay in ${dataDir}/images: nodes have to share that folder.\n`);
  if (lost.length > 0) {
    stdout.write(`Of ${lost.length} pictures the file was missing before, such as ${lost[0]}.\n`);
  }
  if (tables === undefined) return;
  if (tables.spooled > 0) {
    stdout.write(
      `${tables.spooled} files wait for their tasks: start the first worker on the data folder ${dataDir}.\n`,
    );
  }
  stdout.write(
    `The SQLite file is ${tables.putAside} now, so that nobody works on its open tasks. Start the servers with DATABASE_URL.\n`,
  );
};
