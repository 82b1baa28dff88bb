/** Durations as people write them: a number and a unit, `250ms`, `30s`, `15m`, `24h`, `7d`. */

const units = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 } as const;

/** What `parseDuration` reads, for a JSON Schema. */
export const DURATION_PATTERN = String.raw`^\d+(\.\d+)?(ms|s|m|h|d)$`;

/** Milliseconds, rounded; `undefined` when the text is no duration. */
export const parseDuration = (text: string): number | undefined => {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text);
  return match ? Math.round(Number(match[1]) * units[match[2] as keyof typeof units]) : undefined;
};

/** The shortest exact form: 86400000 becomes `1d`, 90000 `90s`. */
export const formatDuration = (durationMs: number): string => {
  const unit =
    (Object.keys(units) as (keyof typeof units)[]).find((name) => durationMs % units[name] === 0) ?? 'ms';
  return durationMs === 0 ? '0s' : `${durationMs / units[unit]}${unit}`;
};
