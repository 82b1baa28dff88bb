/** What a fault of PostgreSQL, or of the way there, means for the statement that met it. */

/** `conflict`: another transaction was in the way, nothing was done. `away`: the server cannot be spoken to now, and a commit may have been done. */
export type PostgresFault = 'conflict' | 'away' | 'other';

/** SQLSTATE of a transaction that lost against another one (PostgreSQL, appendix A, class 40). */
const conflicts = new Set(['40001', '40P01']);

/** SQLSTATE of a server that is going, gone, starting or full (class 57P, 53300). */
const away = new Set(['57P01', '57P02', '57P03', '53300']);

/** What `node:net` says of a server that is not there. */
const unreachable = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
]);

/** `pg` gives these no code. */
const broken =
  /^Connection terminated|^Query read timeout|connection error and is not queryable|^timeout exceeded when trying to connect/;

/** Classifies what `pg` threw. */
export const classifyPostgresFault = (fault: unknown): PostgresFault => {
  if (!(fault instanceof Error)) return 'other';
  const { code } = fault as { readonly code?: unknown };
  if (typeof code === 'string') {
    if (conflicts.has(code)) return 'conflict';
    if (away.has(code) || code.startsWith('08') || unreachable.has(code)) return 'away';
  }
  return broken.test(fault.message) ? 'away' : 'other';
};
