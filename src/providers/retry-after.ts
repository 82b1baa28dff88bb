/**
 * How long an answer asks to wait (RFC 9110, section 10.2.3: seconds or a date), in milliseconds; `undefined` when
 * it does not say or says nonsense.
 */
export const readRetryAfter = (
  headers: Readonly<Record<string, string>>,
  nowMs: number,
): number | undefined => {
  const text = headers['retry-after']?.trim();
  if (text === undefined || text === '') return undefined;
  if (/^\d+(\.\d+)?$/.test(text)) return Math.ceil(Number(text) * 1000);
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs);
};
