import type { Finding } from '../../core/finding.ts';

/** What another clock said, against the middle of the time in which it was asked. */
interface ClockReading {
  readonly whose: string;
  /** How far it is ahead of ours; negative when it is behind. */
  readonly aheadMs: number;
  /** By how much that may be wrong. */
  readonly withinMs: number;
}

/** Collects what the clocks of others say while the other checks talk to them. */
export interface ClockReadings {
  /** @param resolutionMs in what steps that clock tells the time. */
  add(
    whose: string,
    theirMs: number,
    asked: { readonly fromMs: number; readonly untilMs: number },
    resolutionMs: number,
  ): void;
  /** From an HTTP `Date` header, which tells whole seconds. */
  addDate(
    whose: string,
    date: string | undefined,
    asked: { readonly fromMs: number; readonly untilMs: number },
  ): void;
  findings(): readonly Finding[];
}

/** A token for Kling is made out five seconds back: with a clock that is further ahead it is not valid yet. */
const BEARABLE_MS = 5_000;

/** S3 and Volcengine refuse signatures that are 15 minutes old or early; from here on there is little left. */
const FAULTY_MS = 5 * 60_000;

const remedy = 'Keep the clocks by NTP, on this machine and on that one: signatures and links hold the time.';

const toFinding = ({ whose, aheadMs, withinMs }: ClockReading): Finding => {
  const apartMs = Math.max(0, Math.abs(aheadMs) - withinMs);
  const seconds = (apartMs / 1000).toFixed(1);
  if (apartMs <= BEARABLE_MS) {
    return { check: 'clock', state: 'ok', message: `The clock of ${whose} agrees with ours.` };
  }
  const state = apartMs > FAULTY_MS ? 'fault' : 'warning';
  const where = aheadMs > 0 ? 'behind' : 'ahead of';
  return {
    check: 'clock',
    state,
    message: `This machine is ${seconds} s or more ${where} the clock of ${whose}.`,
    remedy,
  };
};

export const createClockReadings = (): ClockReadings => {
  const readings: ClockReading[] = [];
  const add: ClockReadings['add'] = (whose, theirMs, { fromMs, untilMs }, resolutionMs) => {
    const middleMs = (fromMs + untilMs) / 2;
    // A clock that cuts its time off is half a step further on.
    const aheadMs = theirMs + resolutionMs / 2 - middleMs;
    readings.push({ whose, aheadMs, withinMs: (untilMs - fromMs + resolutionMs) / 2 });
  };
  return {
    add,
    addDate: (whose, date, asked) => {
      const theirMs = Date.parse(date ?? '');
      if (Number.isFinite(theirMs)) add(whose, theirMs, asked, 1_000);
    },
    findings: () => readings.map(toFinding),
  };
};
