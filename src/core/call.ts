import type { CallFailure } from './failure.ts';
import type { JsonValue } from './json.ts';
import type { Cost, Micros } from './money.ts';
import type { ImageFormat } from './request.ts';
import type { Size } from './size.ts';

/**
 * What one paid request asks of an upstream, already translated to what the model card allows:
 * everything in it is sent, and the adapter only changes words, never meanings.
 */
export interface CallRequest {
  /** The upstream's own model id, as configured. */
  readonly model: string;
  readonly prompt: string;
  /** How many pictures this call makes. */
  readonly images: number;
  /** Place of the call's first picture among the task's images, from 0. */
  readonly firstImage: number;
  /** A size that the upstream makes natively. */
  readonly size: Size;
  /** The file format to ask for; absent where the upstream cannot be asked. */
  readonly format?: ImageFormat;
  readonly watermark: boolean;
  /** It asks for pictures that another call should have brought; what is missing after it is not asked for again. */
  readonly isRemainder?: true;
  /** Whether the task's reference picture goes with it. */
  readonly hasReference: boolean;
  readonly negativePrompt?: string;
  readonly seed?: number;
  readonly guidanceScale?: number;
  readonly quality?: string;
  readonly style?: string;
}

/** A picture that the upstream made and that is not ours yet. */
export type Output =
  /** To be downloaded. */
  | { readonly at: 'link'; readonly url: string }
  /** It came inside the answer and lies, decoded, in the spool under this name; of this node, in a fleet. */
  | { readonly at: 'spool'; readonly name: string; readonly holder?: string };

/**
 * The stored path of a call (design §2). Each change is one durable write:
 * `planned → sending → accepted → produced → stored`, or `failed` from any of them.
 */
export type CallStep =
  /** Not before the given time, when it follows a call that failed. */
  | { readonly state: 'planned'; readonly notBeforeMs?: number }
  | { readonly state: 'sending' }
  | { readonly state: 'accepted'; readonly handle: JsonValue; readonly checkAtMs: number }
  | { readonly state: 'produced'; readonly outputs: readonly Output[]; readonly cost?: Cost }
  | { readonly state: 'stored'; readonly cost?: Cost }
  | { readonly state: 'failed'; readonly failure: CallFailure; readonly cost?: Cost };

export type CallState = CallStep['state'];

/** What is known to have been paid for the call by the price of its model card; `undefined` when that is nothing. */
export const costOf = (step: CallStep): Cost | undefined => ('cost' in step ? step.cost : undefined);

/** What all of these calls have cost. A task's routes may have prices in several currencies: the first one counts. */
export const costOfAll = (steps: readonly CallStep[]): { costMicros: Micros; currency?: string } => {
  const costs = steps.flatMap((step) => costOf(step) ?? []);
  const [first] = costs;
  if (first === undefined) return { costMicros: 0 };
  const { currency } = first;
  const same = costs.filter((cost) => cost.currency === currency);
  return { costMicros: same.reduce((sum, cost) => sum + cost.micros, 0), currency };
};

/** One paid request to an upstream for a task. */
export interface Call {
  readonly id: string;
  readonly taskId: string;
  /** Which part of the plan it fills; a retry is a new call for the same slot. */
  readonly slot: number;
  /** How many calls this slot had before it. */
  readonly attempt: number;
  readonly provider: string;
  readonly request: CallRequest;
  readonly step: CallStep;
  readonly createdAtMs: number;
  /** When it was first sent, retries of it included; its deadline runs from here. */
  readonly sentAtMs?: number;
}

/** Whether nothing more happens to the call. */
export const isCallEnded = (step: CallStep): boolean => step.state === 'stored' || step.state === 'failed';

/**
 * What a step is worth when the task was cancelled: a call that was not sent never leaves, and pictures that were made
 * are paid for and not fetched. What the upstream has goes on there, so its steps stay what they are.
 */
export const unwanted = (step: CallStep): CallStep => {
  switch (step.state) {
    case 'planned':
      return { state: 'failed', failure: { ...cancelled, charged: 'no' } };
    case 'produced':
      return {
        state: 'failed',
        failure: { ...cancelled, charged: 'yes' },
        ...(step.cost !== undefined && { cost: step.cost }),
      };
    case 'sending':
    case 'accepted':
    case 'stored':
    case 'failed':
      return step;
  }
};

const cancelled = {
  code: 'cancelled',
  message: 'The task was cancelled before this call was done.',
  retryable: false,
} as const;

const allowed: Readonly<Record<CallState, readonly CallState[]>> = {
  planned: ['sending', 'failed'],
  sending: ['accepted', 'produced', 'failed'],
  accepted: ['accepted', 'produced', 'failed'],
  produced: ['stored', 'failed'],
  stored: [],
  failed: [],
};

/** Whether a call may go from one state to the other. */
export const mayFollow = (from: CallState, to: CallState): boolean => allowed[from].includes(to);
