/** How long something takes: always the same, or a range to draw from. */
export type Latency = number | readonly [minMs: number, maxMs: number];

/** One duration in milliseconds. */
export function drawLatency(latency: Latency): number {
  if (typeof latency === 'number') return latency;
  const [min, max] = latency;
  return min + Math.random() * (max - min);
}
