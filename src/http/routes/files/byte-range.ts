import type { ByteRange } from '../../../images/image-store.ts';

/**
 * What a `Range` header asks of a file (RFC 9110 section 14): one range, `unsatisfiable`, or `whole` for no header,
 * one that cannot be understood, and several ranges, which a server may ignore.
 */
export const readRange = (
  header: string | undefined,
  bytes: number,
): ByteRange | 'whole' | 'unsatisfiable' => {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/i.exec(header?.replaceAll(/\s/g, '') ?? '');
  if (match === null) return 'whole';
  const [, first = '', last = ''] = match;
  if (first === '') {
    if (last === '') return 'whole';
    const length = Math.min(Number(last), bytes);
    return length === 0 ? 'unsatisfiable' : { start: bytes - length, end: bytes - 1 };
  }
  const start = Number(first);
  const end = last === '' ? bytes - 1 : Math.min(Number(last), bytes - 1);
  if (last !== '' && Number(last) < start) return 'whole';
  return start < bytes ? { start, end } : 'unsatisfiable';
};
