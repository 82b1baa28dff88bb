import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ManualClock } from '../../../test/support/manual-clock.ts';
import type { Job, JobQueue, JobResult, JobWorker } from '../job-queue.ts';

/** A queue to be tried. */
export interface JobQueueSubject {
  readonly queue: JobQueue;
  readonly clock: ManualClock;
  /** Makes a task and its job durable, in the way that accepting a task does. */
  readonly enqueue: (job: Job) => Promise<void>;
  /** What handlers threw. */
  readonly faults: readonly unknown[];
  /** A queue over the same tables, as after this process was lost; the first one is left as it is. */
  readonly reopen: () => Promise<JobQueue>;
  readonly close: () => Promise<void>;
}

/** A worker whose handlers end when the test says so. */
export const createWorker = (capacity: number) => {
  const handled: string[] = [];
  const atWork = new Map<string, { resolve(result: JobResult): void; reject(fault: unknown): void }>();
  let free = capacity;
  const handle: JobWorker['handle'] = (job) => {
    handled.push(job.taskId);
    return new Promise((resolve, reject) => atWork.set(job.taskId, { resolve, reject }));
  };
  const worker: JobWorker = {
    reserve: () => {
      if (free === 0) return undefined;
      free -= 1;
      return { take: handle, giveBack: () => (free += 1) };
    },
    isOverdue: () => false,
    handle,
  };
  const settled = async (): Promise<void> => {
    await new Promise((resolve) => setImmediate(resolve));
  };
  const take = (taskId: string) => {
    const work = atWork.get(taskId);
    if (work === undefined) throw new Error(`${taskId} is not at work`);
    atWork.delete(taskId);
    return work;
  };
  return {
    worker,
    handled,
    settled,
    /** Waits until so many jobs were handed out, and tells all of them. */
    handledUntil: async (count: number) => {
      await vi.waitFor(() => expect(handled).toHaveLength(count), { timeout: 10_000 });
      return handled;
    },
    free: (places: number) => (free += places),
    end: async (taskId: string, result: JobResult = { next: 'done' }) => {
      take(taskId).resolve(result);
      await settled();
    },
    fail: async (taskId: string, fault: unknown) => {
      take(taskId).reject(fault);
      await settled();
    },
    endAll: () => {
      for (const work of atWork.values()) work.resolve({ next: 'done' });
      atWork.clear();
    },
  };
};

/** An identifier of a task that tells whose it is; keys are written in the letters of identifiers. */
export const taskIdOf = (keyId: string, number: number): string =>
  `task_${`${keyId}${number}`.padStart(26, '0')}`;

/** A job of this key. */
export const job = (keyId: string, number: number, lane = 'model'): Job => ({
  taskId: taskIdOf(keyId, number),
  lane,
  keyId,
  createdAtMs: 1_700_000_000_000,
});

/** The promises of every job queue. */
export const describeJobQueue = (name: string, open: () => Promise<JobQueueSubject>): void => {
  describe(`job queue: ${name}`, () => {
    let subject: JobQueueSubject;

    beforeEach(async () => {
      subject = await open();
    });
    afterEach(() => subject.close());

    const announce = async (...jobs: readonly Job[]): Promise<void> => {
      for (const each of jobs) await subject.enqueue(each);
      for (const each of jobs) subject.queue.announce(each);
    };

    it('hands a job out as soon as it is announced', async () => {
      const { worker, handledUntil, end } = createWorker(1);
      await subject.queue.start(worker);
      await announce(job('a', 1));
      expect(await handledUntil(1)).toEqual([taskIdOf('a', 1)]);
      await end(taskIdOf('a', 1));
    });

    it('goes round among the keys, so that one first task never waits behind thousands', async () => {
      const { worker, handledUntil, free, endAll } = createWorker(1);
      await subject.queue.start(worker);
      await announce(job('many', 1));
      await handledUntil(1);
      await announce(...[2, 3, 4].map((number) => job('many', number)), job('few', 1));
      for (let turn = 2; turn <= 5; turn += 1) {
        free(1);
        subject.queue.advance();
        await handledUntil(turn);
      }
      const handled = await handledUntil(5);
      expect(handled.indexOf(taskIdOf('few', 1))).toBeLessThanOrEqual(2);
      expect(handled.filter((id) => id.includes('many'))).toEqual(
        [1, 2, 3, 4].map((each) => taskIdOf('many', each)),
      );
      endAll();
    });

    it('lets no lane wait for another', async () => {
      const handled: string[] = [];
      const handle: JobWorker['handle'] = (each) => {
        handled.push(each.taskId);
        return Promise.resolve({ next: 'done' });
      };
      await subject.queue.start({
        reserve: (lane) => (lane === 'fast' ? { take: handle, giveBack: () => {} } : undefined),
        isOverdue: () => false,
        handle,
      });
      await announce(job('a', 1, 'slow'), job('a', 2, 'fast'));
      await vi.waitFor(() => expect(handled).toEqual([taskIdOf('a', 2)]), { timeout: 10_000 });
    });

    it('counts what waits', async () => {
      await subject.queue.start(createWorker(0).worker);
      await announce(job('a', 1), job('b', 2));
      await vi.waitFor(() => expect(subject.queue.queued).toBe(2), { timeout: 10_000 });
    });

    it('calls again at the time that was asked for, without asking for a turn', async () => {
      const { worker, handledUntil, handled, end } = createWorker(1);
      await subject.queue.start(worker);
      await announce(job('a', 1));
      await handledUntil(1);
      await end(taskIdOf('a', 1), { next: 'again', atMs: subject.clock.nowMs() + 1_000 });
      subject.clock.advance(999);
      expect(handled).toHaveLength(1);
      subject.clock.advance(1);
      expect(handled).toEqual([taskIdOf('a', 1), taskIdOf('a', 1)]);
      await end(taskIdOf('a', 1));
    });

    it('wakes a resting job, and one at work once more when it is done', async () => {
      const { worker, handledUntil, handled, end } = createWorker(1);
      await subject.queue.start(worker);
      await announce(job('a', 1));
      await handledUntil(1);
      await end(taskIdOf('a', 1), { next: 'again', atMs: subject.clock.nowMs() + 60_000 });
      subject.queue.wake(taskIdOf('a', 1));
      expect(handled).toHaveLength(2);
      subject.queue.wake(taskIdOf('a', 1));
      await end(taskIdOf('a', 1), { next: 'again', atMs: subject.clock.nowMs() + 60_000 });
      expect(handled).toHaveLength(3);
      await end(taskIdOf('a', 1));
      subject.clock.advance(120_000);
      expect(handled).toHaveLength(3);
    });

    it('comes back to a job whose handler threw, after a pause, and tells the fault', async () => {
      const { worker, handledUntil, handled, fail, end } = createWorker(1);
      await subject.queue.start(worker);
      await announce(job('a', 1));
      await handledUntil(1);
      await fail(taskIdOf('a', 1), new Error('no disk'));
      expect(subject.faults).toEqual([new Error('no disk')]);
      expect(handled).toHaveLength(1);
      subject.clock.advance(60_000);
      expect(handled).toHaveLength(2);
      await end(taskIdOf('a', 1));
    });

    it('hands out a job whose time is over, although nothing is free for it', async () => {
      const { worker, handledUntil, handled, end } = createWorker(0);
      let isOver = false;
      await subject.queue.start({
        ...worker,
        isOverdue: ({ taskId }) => isOver && taskId === taskIdOf('a', 1),
      });
      await announce(job('a', 1), job('a', 2), job('b', 1));
      subject.clock.advance(10_000);
      expect(handled).toEqual([]);
      isOver = true;
      await vi.waitFor(
        () => {
          subject.clock.advance(10_000);
          expect(handled).toHaveLength(1);
        },
        { timeout: 10_000 },
      );
      expect(await handledUntil(1)).toEqual([taskIdOf('a', 1)]);
      isOver = false;
      await end(taskIdOf('a', 1));
    });

    it('has every open job again after its process was lost', async () => {
      for (const each of [job('a', 1), job('a', 2), job('b', 1)]) await subject.enqueue(each);
      const lost = createWorker(2);
      await subject.queue.start(lost.worker);
      await lost.handledUntil(2);
      const { worker, handledUntil, endAll } = createWorker(3);
      const reopened = await subject.reopen();
      await reopened.start(worker);
      expect(new Set(await handledUntil(3))).toEqual(
        new Set(['a1', 'a2', 'b1'].map((each) => `task_${each.padStart(26, '0')}`)),
      );
      endAll();
      lost.endAll();
      await reopened.stop();
    });

    it('stops by handing out nothing more and waiting for the handlers at work', async () => {
      const { worker, handledUntil, handled, end } = createWorker(1);
      await subject.queue.start(worker);
      await announce(job('a', 1), job('a', 2));
      await handledUntil(1);
      let isStopped = false;
      const stopping = subject.queue.stop().then(() => (isStopped = true));
      await announce(job('a', 3));
      expect(isStopped).toBe(false);
      await end(taskIdOf('a', 1), { next: 'again', atMs: 0 });
      await stopping;
      expect(handled).toEqual([taskIdOf('a', 1)]);
    });
  });
};
