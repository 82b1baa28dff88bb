/**
 * The gaps between two stored steps, by name. A crash in any of them is survived; the crash tests start the program
 * with one of these names and it dies there, as by a power cut.
 */
export const faultPoints = [
  'after-claim',
  'after-start',
  'after-sending',
  'after-answer',
  'after-accepted',
  'after-produced',
  'after-download',
  'after-put',
  'after-stored',
  'before-finish',
  'after-finish',
  'after-webhook',
] as const;

export type FaultPoint = (typeof faultPoints)[number];

/** Called in each gap; does nothing but in crash tests. */
export type ReachFaultPoint = (point: FaultPoint) => void;
