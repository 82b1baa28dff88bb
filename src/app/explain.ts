/** What went wrong with the outside of the program, told to whoever typed the command. */
import { classifyPostgresFault } from '../database/postgres/postgres-faults.ts';

/** Errors whose message already says what to do. */
const telling = new Set([
  'StoreMisconfigured',
  'NewerSchema',
  'UnfinishedMove',
  'CannotMove',
  'S3Error',
  'S3Unreachable',
]);

/** SQLSTATE of a PostgreSQL that does not let us in (appendix A, classes 28 and 3D). */
const refusals: Readonly<Record<string, string>> = {
  '28P01': 'PostgreSQL refuses the password of DATABASE_URL.',
  '28000': 'PostgreSQL does not let the user of DATABASE_URL in from here; see its pg_hba.conf.',
  '3D000': 'There is no such database in this PostgreSQL: create it, or correct DATABASE_URL.',
  '42501':
    'The user of DATABASE_URL may not do this in the database: it has to own it, or its schema public.',
};

/** SQLite's result codes READONLY, IOERR and CANTOPEN (sqlite.org/rescode.html); the upper bits hold details. */
const folderResults = new Set([8, 10, 14]);

const isFolderTrouble = (fault: NodeJS.ErrnoException & { readonly errcode?: unknown }): boolean =>
  fault.syscall === 'mkdir' ||
  (fault.code === 'ERR_SQLITE_ERROR' &&
    typeof fault.errcode === 'number' &&
    folderResults.has(fault.errcode & 0xff));

/** A host that has several addresses fails once for each, and the error that comes has no words of its own. */
const detailOf = (fault: unknown): string => {
  if (fault instanceof AggregateError) return detailOf(fault.errors[0]);
  return fault instanceof Error ? fault.message : String(fault);
};

/** The sentence for a fault that is not Limner's; `undefined` for any other. */
export const explain = (fault: unknown): string | undefined => {
  if (!(fault instanceof Error)) return undefined;
  if (telling.has(fault.name)) return fault.message;
  const { code } = fault as { readonly code?: unknown };
  const refusal = typeof code === 'string' ? refusals[code] : undefined;
  if (refusal !== undefined) return `${refusal} (${detailOf(fault)})`;
  if (isFolderTrouble(fault))
    return `The data folder cannot be used: set LIMNER_DATA_DIR to a folder in which this user may write. (${fault.message})`;
  return classifyPostgresFault(fault) === 'away'
    ? `The database cannot be reached: check DATABASE_URL, and whether PostgreSQL runs. (${detailOf(fault)})`
    : undefined;
};
