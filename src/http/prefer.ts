import { requestLimits } from '../core/request.ts';

/**
 * Seconds to hold the answer, from `Prefer: wait=N` (RFC 7240), at most 120; `undefined` when the header does not ask
 * for it. What cannot be understood is ignored, and of several the first counts, as section 2 of the RFC says.
 */
export const readWaitSeconds = (header: string | readonly string[] | undefined): number | undefined => {
  if (header === undefined) return undefined;
  // Quoted texts are matched as a whole, so that no comma or semicolon inside of them ends a preference.
  for (const preference of [header]
    .flat()
    .join(',')
    .match(/(?:[^,"]|"(?:[^"\\]|\\.)*")+/g) ?? []) {
    const match = /^\s*wait\s*=\s*(?:"(\d+)"|(\d+))\s*(?:;|$)/i.exec(preference);
    if (match) return Math.min(Number(match[1] ?? match[2]), requestLimits.waitSeconds);
    if (/^\s*wait\s*(?:[=;]|$)/i.test(preference)) return undefined;
  }
  return undefined;
};
