import { createHash } from 'node:crypto';
import type { Clock } from '../../core/clock.ts';
import type { Duties, EndDuty } from '../duties.ts';
import type { JobBoard } from './job-board.ts';

/** How soon a duty falls to another node when its holder gave it up, or was found lost. */
const LOOK_EVERY_MS = 3_000;

const queueOf = (name: string): string => `duty.${name}`;

/** The one job that a duty is, whoever puts it up. */
const jobIdOf = (name: string): string =>
  createHash('sha256')
    .update(name)
    .digest('hex')
    .slice(0, 32)
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');

interface HeldDuty {
  readonly jobId: string;
  readonly end: EndDuty;
}

/** Duties of a fleet. */
export interface FleetDuties extends Duties {
  /** To be told of each job of the board that another node has now. */
  lost(jobId: string): void;
}

/** Duties of a fleet: each is a job on the board that one node takes and does not finish. */
export const createFleetDuties = (settings: {
  readonly board: JobBoard;
  readonly clock: Clock;
  readonly onFault: (fault: unknown) => void;
}): FleetDuties => {
  const { board, clock, onFault } = settings;
  const held = new Map<string, HeldDuty>();
  const waiting = new Map<string, () => void>();
  let isStopped = false;

  const look = async (name: string, begin: () => EndDuty): Promise<void> => {
    if (isStopped) return;
    try {
      // Only a job that nobody had put up is new; one that another node has stays as it is.
      await board.put(queueOf(name), [{ id: jobIdOf(name), data: { name } }]);
      const [job] = await board.take(queueOf(name), 1, []);
      if (job !== undefined) {
        held.set(name, { jobId: job.id, end: begin() });
        waiting.delete(name);
        return;
      }
    } catch (fault) {
      onFault(fault);
    }
    waiting.set(
      name,
      clock.after(LOOK_EVERY_MS, () => void look(name, begin)),
    );
  };

  const begins = new Map<string, () => EndDuty>();
  return {
    hold: async (name, begin) => {
      begins.set(name, begin);
      await board.ensureQueue(queueOf(name));
      await look(name, begin);
    },
    lost: (jobId) => {
      for (const [name, duty] of held) {
        const begin = begins.get(name);
        if (duty.jobId !== jobId || begin === undefined) continue;
        held.delete(name);
        void duty
          .end()
          .catch(onFault)
          .then(() => look(name, begin));
      }
    },
    stop: async () => {
      isStopped = true;
      for (const cancel of waiting.values()) cancel();
      for (const [name, { jobId, end }] of held) {
        await end();
        await board.release(queueOf(name), [jobId]).catch(onFault);
      }
    },
  };
};
