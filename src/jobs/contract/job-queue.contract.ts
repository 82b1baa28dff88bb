import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ManualClock } from '../../../test/support/manual-clock.ts';
import type { Job, JobQueue, JobResult, JobWorker } from '../job-queue.ts';

/** A queue to be tried. */
export interface JobQueueSubject {
  readonly queue: JobQueue;
  readonly clock: ManualClock;
  /** Makes a job durable, in the way that accepting a task does; `isBegun` when the task is already processing. */
  enqueue(job: Job, isBegun?: boolean): Promise<void>;
  /** Loses the job and keeps its task. */
  dequeue(taskId: string): Promise<void>;
  /** What handlers threw. */
  readonly faults: readonly unknown[];
  /** A queue over the same tables, as after a crash. */
  reopen(): Promise<JobQueue>;
  close(): Promise<void>;
}

/** A worker whose handlers end when the test says so. */
const createWorker = (capacity: number) => {
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

const job = (keyId: string, number: number, lane = 'model'): Job => ({
  taskId: `task_${keyId}_${number}`,
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
      const { worker, handled, end } = createWorker(1);
      await subject.queue.start(worker);
      await announce(job('a', 1));
      expect(handled).toEqual(['task_a_1']);
      await end('task_a_1');
      expect(subject.queue.queued).toBe(0);
    });

    it('goes round among the keys, so that one first task never waits behind thousands', async () => {
      const { worker, handled, free, endAll } = createWorker(1);
      await subject.queue.start(worker);
      await announce(...[1, 2, 3, 4].map((number) => job('busy', number)), job('late', 1));
      expect(handled).toEqual(['task_busy_1']);
      for (let turn = 0; turn < 4; turn += 1) {
        free(1);
        subject.queue.advance();
      }
      expect(handled).toEqual(['task_busy_1', 'task_busy_2', 'task_late_1', 'task_busy_3', 'task_busy_4']);
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
      expect(handled).toEqual(['task_a_2']);
      expect(subject.queue.queued).toBe(1);
    });

    it('calls again at the time that was asked for, without asking for a turn', async () => {
      const { worker, handled, end } = createWorker(1);
      await subject.queue.start(worker);
      await announce(job('a', 1));
      await end('task_a_1', { next: 'again', atMs: subject.clock.nowMs() + 1_000 });
      subject.clock.advance(999);
      expect(handled).toHaveLength(1);
      subject.clock.advance(1);
      expect(handled).toEqual(['task_a_1', 'task_a_1']);
      await end('task_a_1');
    });

    it('wakes a resting job, and one at work once more when it is done', async () => {
      const { worker, handled, end } = createWorker(1);
      await subject.queue.start(worker);
      await announce(job('a', 1));
      await end('task_a_1', { next: 'again', atMs: subject.clock.nowMs() + 60_000 });
      subject.queue.wake('task_a_1');
      expect(handled).toHaveLength(2);
      subject.queue.wake('task_a_1');
      await end('task_a_1', { next: 'again', atMs: subject.clock.nowMs() + 60_000 });
      expect(handled).toHaveLength(3);
      await end('task_a_1');
      subject.clock.advance(120_000);
      expect(handled).toHaveLength(3);
    });

    it('comes back to a job whose handler threw, after a pause, and tells the fault', async () => {
      const { worker, handled, fail, end } = createWorker(1);
      await subject.queue.start(worker);
      await announce(job('a', 1));
      await fail('task_a_1', new Error('no disk'));
      expect(subject.faults).toEqual([new Error('no disk')]);
      expect(handled).toHaveLength(1);
      subject.clock.advance(60_000);
      expect(handled).toHaveLength(2);
      await end('task_a_1');
    });

    it('hands out a job whose time is over, although nothing is free for it', async () => {
      const { worker, handled, end } = createWorker(0);
      let isOver = false;
      await subject.queue.start({ ...worker, isOverdue: ({ taskId }) => isOver && taskId === 'task_a_1' });
      await announce(job('a', 1), job('a', 2), job('b', 1));
      subject.clock.advance(10_000);
      expect(handled).toEqual([]);
      isOver = true;
      subject.clock.advance(10_000);
      expect(handled).toEqual(['task_a_1']);
      expect(subject.queue.queued).toBe(2);
      await end('task_a_1');
    });

    it('finds every open job again after a crash, those that had begun first and at once', async () => {
      await subject.enqueue(job('a', 1));
      await subject.enqueue(job('a', 2), true);
      await subject.enqueue(job('b', 1), true);
      const { worker, handled, free, endAll } = createWorker(0);
      const reopened = await subject.reopen();
      await reopened.start(worker);
      expect(handled.toSorted()).toEqual(['task_a_2', 'task_b_1']);
      free(1);
      reopened.advance();
      expect(handled.at(-1)).toBe('task_a_1');
      endAll();
      await reopened.stop();
    });

    it('goes on with thousands a few at a time, and waits for none that is slow', async () => {
      const count = 200;
      for (let number = 0; number < count; number += 1) await subject.enqueue(job('a', number), true);
      const { worker, handled, endAll, settled } = createWorker(0);
      const reopened = await subject.reopen();
      await reopened.start(worker);
      const together = handled.length;
      expect(together).toBeLessThan(count);
      endAll();
      await settled();
      expect(handled).toHaveLength(2 * together);
      subject.clock.advance(250);
      await settled();
      expect(handled).toHaveLength(3 * together);
      subject.clock.advance(250);
      await settled();
      expect(new Set(handled).size).toBe(count);
      endAll();
      await reopened.stop();
    });

    it('fills itself from the open tasks when its own table is lost', async () => {
      await subject.enqueue(job('a', 1));
      await subject.dequeue('task_a_1');
      const { worker, handled, endAll } = createWorker(1);
      const reopened = await subject.reopen();
      await reopened.start(worker);
      expect(handled).toEqual(['task_a_1']);
      endAll();
      await reopened.stop();
    });

    it('stops by handing out nothing more and waiting for the handlers at work', async () => {
      const { worker, handled, end } = createWorker(1);
      await subject.queue.start(worker);
      await announce(job('a', 1), job('a', 2));
      let isStopped = false;
      const stopping = subject.queue.stop().then(() => (isStopped = true));
      await announce(job('a', 3));
      expect(isStopped).toBe(false);
      await end('task_a_1', { next: 'again', atMs: 0 });
      await stopping;
      expect(handled).toEqual(['task_a_1']);
    });
  });
};
