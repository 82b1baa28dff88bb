import ipaddr from 'ipaddr.js';
import { parseDuration } from './duration.ts';
import type { Path } from './path.ts';

/** What a schema cannot say about a value: each function reports what is wrong at the path. */

type Report = (path: Path, message: string) => void;

/** Milliseconds of a text that the schema took for a duration; reports 0. */
export const positiveDuration = (
  text: string | undefined,
  path: Path,
  report: Report,
): number | undefined => {
  const durationMs = text === undefined ? undefined : parseDuration(text);
  if (durationMs === 0) report(path, 'wants more than 0');
  return durationMs;
};

/** An address without a slash at its end. */
export const baseAddress = (text: string, path: Path, report: Report): string => {
  if (!URL.canParse(text)) report(path, 'wants an address with a host and, if any, a port up to 65535');
  return text.replace(/\/+$/, '');
};

/** Reports what is neither `host[:port]` nor CIDR. */
export const checkAllowance = (text: string, path: Path, report: Report): void => {
  if (!ipaddr.isValidCIDR(text) && !ipaddr.isValid(text) && !isHostAndPort(text)) {
    report(path, `wants host[:port] or CIDR, such as 10.0.0.0/8, not ${JSON.stringify(text)}`);
  }
};

/** Reports what is neither an address nor CIDR. */
export const checkAddressRange = (text: string, path: Path, report: Report): void => {
  if (!ipaddr.isValidCIDR(text) && !ipaddr.isValid(text)) {
    report(path, `wants an address or CIDR, such as 10.0.0.0/8, not ${JSON.stringify(text)}`);
  }
};

/** Reports what is no origin as browsers write it (RFC 6454 section 6.2). */
export const checkOrigin = (text: string, path: Path, report: Report): void => {
  if (text === '*' || (/^https?:/.test(text) && URL.parse(text)?.origin === text)) return;
  report(path, `wants an origin such as https://app.example, or *, not ${JSON.stringify(text)}`);
};

const isHostAndPort = (text: string): boolean =>
  /^([\w.-]+|\[[\da-f:.]+\])(:\d{1,5})?$/i.test(text) && URL.canParse(`http://${text}`);

/** Reports an address of a database that is not PostgreSQL's; it may hold a password, so it is not shown. */
export const checkDatabaseUrl = (text: string, path: Path, report: Report): void => {
  if (/^postgres(ql)?:\/\//.test(text) && URL.canParse(text)) return;
  report(path, 'wants an address that begins with postgres://; leave it out for SQLite in the data folder');
};
