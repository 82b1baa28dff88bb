import { randomBytes } from 'node:crypto';

/** Section 9.1: 53 characters, `02`, the millisecond timestamp, hexadecimal digits. */
export function newRequestId(now: number): string {
  return `02${String(now).padStart(13, '0')}${randomBytes(19).toString('hex')}`;
}
