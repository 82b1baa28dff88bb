/** What goes wrong at the emulators: everything that each of them knows how to do wrong. */
import type { Emulator } from '../../upstreams/emulator.ts';
import { type FaultRule, TRANSPORT_FAULTS } from '../../upstreams/faults.ts';
import { LINK_FAULTS } from '../../upstreams/result-links.ts';
import type { Random } from './random.ts';

/** What may be asked of a vendor beside the paid request. */
interface Questions {
  readonly match: string;
  /**
   * Answers beside trouble on the way. An end of the task is not among them: the emulators decide it, and charge for it,
   * when they accept a call.
   */
  readonly faults: readonly string[];
}

const paidOperations: Readonly<Record<string, readonly string[]>> = { openai: ['generate', 'edit'] };

const questions: Readonly<Record<string, Questions>> = {
  jimeng: {
    match: 'query',
    faults: [
      'unknown_status',
      'stuck',
      'not_found',
      '50429',
      '100009',
      '100014',
      '100018',
      '100019',
      '100023',
    ],
  },
  kling: {
    match: 'query',
    faults: [
      'unknown_status',
      'data_null',
      'lost',
      'auth_failed',
      'no_balance',
      'rate_limited',
      'internal_error',
      'unavailable',
      'timeout',
    ],
  },
};

/** Calls that the vendor keeps a place for as long as it lives: more than a few, and it takes no others. */
const endless = ['stuck', 'stuck_submitted'];
const MOST_ENDLESS = 5;

const statuses = [400, 401, 403, 404, 408, 409, 418, 422, 429, 500, 503, 520] as const;

/** How long an answer or a file may be late: some come after Limner has stopped waiting. */
const LATEST_MS = 14_000;

/** Chooses what goes wrong next at an emulator. */
export const createMishaps = (random: Random): ((emulator: Emulator) => readonly FaultRule[]) => {
  const endlessCalls = new Map<string, number>();

  const refined = (fault: string): Omit<FaultRule, 'match'> => {
    switch (fault) {
      case 'slow':
      case 'stall':
      case 'link_slow':
        return { fault, delayMs: random.below(LATEST_MS) };
      case 'error':
        return { fault, status: random.pick(statuses), retryAfter: random.below(3) };
      default:
        return { fault };
    }
  };

  const ofPaid = (emulator: Emulator): Omit<FaultRule, 'match'> => {
    const { name, faults } = emulator;
    const transport: readonly string[] = TRANSPORT_FAULTS;
    // Jimeng calls an end of the task `expired`, and a link that is too old `link_expired`.
    const links = faults.names.filter(
      (fault) =>
        fault === 'link_expired' ||
        (LINK_FAULTS.some((known) => known === fault) && !(name === 'jimeng' && fault === 'expired')),
    );
    const words = faults.names.filter((fault) => !transport.includes(fault) && !links.includes(fault));
    const fault = random.pick(random.pick([transport, links, words]));
    if (!endless.includes(fault)) return refined(fault);
    const known = endlessCalls.get(name) ?? 0;
    endlessCalls.set(name, known + 1);
    return known < MOST_ENDLESS ? refined(fault) : refined('slow');
  };

  return (emulator) => {
    const asked = questions[emulator.name];
    return [
      {
        match: random.pick(paidOperations[emulator.name] ?? ['generate']),
        times: 1 + random.below(2),
        ...ofPaid(emulator),
      },
      { match: 'file', ...refined(random.pick(TRANSPORT_FAULTS)) },
      ...(asked === undefined
        ? []
        : [
            {
              match: asked.match,
              times: 1 + random.below(3),
              ...refined(random.pick(random.pick([TRANSPORT_FAULTS, asked.faults]))),
            },
          ]),
    ];
  };
};
