import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Call } from '../../core/call.ts';
import { newId } from '../../core/ids.ts';
import type { Image } from '../../core/image.ts';
import type { TaskError } from '../../core/task.ts';
import type { Claim, Ending, NewTask, TaskStore } from '../task-store.ts';

/** A store to be tried, and how to end it. */
export interface TaskStoreSubject {
  readonly store: TaskStore;
  readonly close: () => Promise<void>;
}

const randomBytes = (size: number): Uint8Array => crypto.getRandomValues(new Uint8Array(size));

const cancelled: TaskError = { code: 'cancelled', message: 'It was cancelled.', retryable: false };

const completed: Ending = {
  status: 'completed',
  usage: { images: 1, costMicros: 300_000, currency: 'CNY' },
  adjustments: [],
};

const newTask = (changes: Partial<NewTask> = {}): NewTask => {
  const createdAtMs = changes.createdAtMs ?? 1_700_000_000_000;
  return {
    id: newId('task', createdAtMs, randomBytes),
    keyId: 'key_one',
    request: {
      model: 'seedream-3.0',
      prompt: '一只猫',
      n: 1,
      size: { width: 1024, height: 1024 },
      responseFormat: 'url',
      outputFormat: 'auto',
      watermark: false,
    },
    createdAtMs,
    ...changes,
  };
};

const newCall = (taskId: string, changes: Partial<Call> = {}): Call => ({
  id: newId('call', 1_700_000_000_000, randomBytes),
  taskId,
  slot: 0,
  attempt: 0,
  provider: 'ark',
  request: {
    model: 'some-model',
    prompt: '一只猫',
    images: 1,
    firstImage: 0,
    size: { width: 1024, height: 1024 },
    watermark: false,
    hasReference: false,
  },
  step: { state: 'planned' },
  createdAtMs: 1_700_000_000_000,
  ...changes,
});

const newImage = (call: Call, index = 0): Image => ({
  id: newId('img', 1_700_000_000_000, randomBytes),
  taskId: call.taskId,
  callId: call.id,
  index,
  key: `images/${call.id}-${index}`,
  width: 1024,
  height: 1024,
  format: 'png',
  bytes: 1_000,
  createdAtMs: 1_700_000_000_000,
});

/** The promises of every task store. */
export const describeTaskStore = (name: string, open: () => Promise<TaskStoreSubject>): void => {
  describe(`task store: ${name}`, () => {
    let subject: TaskStoreSubject;
    let store: TaskStore;

    beforeEach(async () => {
      subject = await open();
      store = subject.store;
    });
    afterEach(() => subject.close());

    const claimOf = (task: NewTask, token = newId('claim', 1, randomBytes)): Claim => ({
      taskId: task.id,
      token,
    });

    /** A task whose one call is planned, and the claim on it. */
    const startedTask = async (task = newTask()) => {
      await store.insert(task);
      const claim = claimOf(task);
      await store.claim(claim);
      const call = newCall(task.id);
      await store.start(claim, { calls: [call], adjustments: [], atMs: 1_700_000_001_000 });
      return { task, claim, call };
    };

    /** A task that is completed with one image. */
    const completedTask = async (task = newTask()) => {
      const { claim, call } = await startedTask(task);
      const image = newImage(call);
      await store.record(claim, call.id, { state: 'sending' }, { sentAtMs: 1_700_000_001_500 });
      await store.record(claim, call.id, {
        state: 'produced',
        outputs: [{ at: 'link', url: 'https://x.example/a' }],
      });
      await store.record(claim, call.id, { state: 'stored' }, { images: [image] });
      await store.finish(claim, completed, 1_700_000_002_000);
      return { task, image };
    };

    it('gives back what was accepted', async () => {
      const task = newTask();
      expect(await store.insert(task)).toEqual({ outcome: 'created' });
      expect(await store.get(task.id, 'key_one')).toEqual({
        id: task.id,
        keyId: 'key_one',
        status: 'pending',
        request: task.request,
        createdAtMs: task.createdAtMs,
        adjustments: [],
      });
    });

    it('shows a task to its own key only', async () => {
      const task = newTask();
      await store.insert(task);
      expect(await store.get(task.id, 'key_two')).toBeUndefined();
      expect(await store.cancel(task.id, 'key_two', cancelled, 1)).toBe('absent');
      expect(await store.delete(task.id, 'key_two')).toBeUndefined();
      expect((await store.list({ keyId: 'key_two', limit: 10 })).tasks).toEqual([]);
      expect((await store.get(task.id, 'key_one'))?.status).toBe('pending');
    });

    it('answers nothing for an identifier that is none', async () => {
      expect(await store.get("' or 1=1 --", 'key_one')).toBeUndefined();
      expect(await store.image('../../etc/passwd')).toBeUndefined();
    });

    it('makes one task of racing requests with one idempotency key', async () => {
      const tasks = Array.from({ length: 20 }, () =>
        newTask({ idempotency: { key: 'once', bodyHash: 'a', forgetBeforeMs: 0 } }),
      );
      const outcomes = await Promise.all(tasks.map((task) => store.insert(task)));
      const created = tasks.filter((_, index) => outcomes[index]?.outcome === 'created');
      expect(created).toHaveLength(1);
      expect(outcomes.filter((outcome) => outcome.outcome === 'replayed')).toEqual(
        Array.from({ length: 19 }, () => ({ outcome: 'replayed', taskId: created[0]?.id })),
      );
      expect((await store.list({ keyId: 'key_one', limit: 100 })).tasks).toHaveLength(1);
    });

    it('tells of a cancelled task what its calls are known to have cost', async () => {
      const task = newTask();
      await store.insert(task);
      const claim = { taskId: task.id, token: 'claim' };
      await store.claim(claim);
      const [paid, lost, open] = [0, 1, 2].map((slot) => newCall(task.id, { slot }));
      if (paid === undefined || lost === undefined || open === undefined) throw new Error('No calls');
      await store.start(claim, { calls: [paid, lost, open], adjustments: [], atMs: 1_700_000_000_000 });
      const cost = { micros: 200_000, currency: 'CNY' };
      for (const call of [paid, lost, open]) await store.record(claim, call.id, { state: 'sending' });
      await store.record(claim, paid.id, { state: 'produced', outputs: [], cost });
      await store.record(claim, lost.id, {
        state: 'failed',
        failure: { code: 'output_lost', message: 'Gone.', charged: 'yes', retryable: false },
        cost,
      });
      await store.cancel(task.id, task.keyId, cancelled, 1_700_000_001_000);
      expect(await store.get(task.id, task.keyId)).toMatchObject({
        status: 'failed',
        usage: { images: 0, costMicros: 400_000, currency: 'CNY' },
      });
    });

    describe('a task that is cancelled while an upstream has a call', () => {
      const cost = { micros: 200_000, currency: 'CNY' };
      const handle = { task_id: 'v-1' };

      /** Cancelled with a call that is planned, one on its way, one accepted and one produced. */
      const cancelledTask = async () => {
        const task = newTask();
        await store.insert(task);
        const claim = claimOf(task);
        await store.claim(claim);
        const calls = [0, 1, 2, 3].map((slot) => newCall(task.id, { slot }));
        const [planned, sending, accepted, produced] = calls;
        if (!planned || !sending || !accepted || !produced) throw new Error('No calls');
        await store.start(claim, { calls, adjustments: [], atMs: 1_700_000_000_000 });
        for (const call of [sending, accepted, produced])
          await store.record(claim, call.id, { state: 'sending' });
        await store.record(claim, accepted.id, { state: 'accepted', handle, checkAtMs: 9 });
        await store.record(claim, produced.id, { state: 'produced', outputs: [], cost });
        await store.cancel(task.id, task.keyId, cancelled, 1_700_000_001_000);
        return { task, claim, planned, sending, accepted, produced };
      };

      it('goes on with that call and with no other', async () => {
        const { task } = await cancelledTask();
        const claimed = await store.claim(claimOf(task));
        expect(claimed?.task).toMatchObject({ status: 'failed', usage: { images: 0, costMicros: 200_000 } });
        expect(claimed?.calls.map(({ step }) => step)).toMatchObject([
          { state: 'failed', failure: { code: 'cancelled', charged: 'no' } },
          { state: 'sending' },
          { state: 'accepted', handle },
          { state: 'failed', failure: { code: 'cancelled', charged: 'yes' }, cost },
        ]);
      });

      it('counts what comes of it, once, and lets go with the last one', async () => {
        const { task, claim, planned, sending, accepted } = await cancelledTask();
        const usage = async () => (await store.get(task.id, task.keyId))?.usage;
        const made = {
          state: 'produced',
          outputs: [{ at: 'link', url: 'https://x.example/a' }],
          cost,
        } as const;
        expect(await store.record(claim, planned.id, { state: 'sending' })).toBe('ended');
        expect(await store.record(claim, sending.id, made)).toBe('ended');
        expect(await store.record(claim, sending.id, made)).toBe('ended');
        expect(await usage()).toEqual({ images: 0, costMicros: 400_000, currency: 'CNY' });
        const refusal = {
          code: 'provider_unavailable',
          message: 'No.',
          charged: 'no',
          retryable: true,
        } as const;
        expect(
          await store.retry(
            claim,
            { callId: accepted.id, step: { state: 'failed', failure: refusal } },
            { calls: [newCall(task.id, { slot: 2, attempt: 1 })], adjustments: [] },
          ),
        ).toBe('ended');
        expect(await usage()).toEqual({ images: 0, costMicros: 400_000, currency: 'CNY' });
        expect(await store.record(claim, accepted.id, made)).toBe('lost');
        expect(await store.claim(claimOf(task))).toBeUndefined();
      });

      it('stays as it ended', async () => {
        const { task, claim, sending, accepted } = await cancelledTask();
        expect(await store.finish(claim, completed, 1_700_000_002_000)).toBe('lost');
        expect(await store.cancel(task.id, task.keyId, cancelled, 1_700_000_003_000)).toBe('ended');
        for (const { id } of [sending, accepted]) {
          const step = { state: 'produced', outputs: [], cost } as const;
          await store.record(claim, id, step, { adjustments: [{ parameter: 'seed', reason: 'No seeds.' }] });
        }
        expect(await store.get(task.id, task.keyId)).toMatchObject({
          status: 'failed',
          completedAtMs: 1_700_000_001_000,
          error: cancelled,
          adjustments: [],
          usage: { images: 0, costMicros: 600_000 },
        });
      });
    });

    it('makes nothing for a request that may only be a replay', async () => {
      const idempotency = { key: 'k', bodyHash: 'a', forgetBeforeMs: 0 };
      const declined = newTask({ idempotency, isReplayOnly: true });
      expect(await store.insert(declined)).toEqual({ outcome: 'declined' });
      expect(await store.get(declined.id, declined.keyId)).toBeUndefined();
      const first = newTask({ idempotency });
      expect(await store.insert(first)).toEqual({ outcome: 'created' });
      expect(await store.insert(newTask({ idempotency, isReplayOnly: true }))).toEqual({
        outcome: 'replayed',
        taskId: first.id,
      });
    });

    it('makes a new task for a first request, whose repetitions are of it from then on', async () => {
      const idempotency = { key: 'k', bodyHash: 'a', forgetBeforeMs: 0 };
      await store.insert(newTask({ idempotency }));
      const second = newTask({ idempotency: { ...idempotency, isFirst: true } });
      expect(await store.insert(second)).toEqual({ outcome: 'created' });
      expect(await store.insert(newTask({ idempotency }))).toEqual({
        outcome: 'replayed',
        taskId: second.id,
      });
    });

    it('refuses an idempotency key with another body, keeps keys apart by caller, and forgets in time', async () => {
      const idempotency = { key: 'k', bodyHash: 'a', forgetBeforeMs: 0 };
      await store.insert(newTask({ idempotency }));
      expect(await store.insert(newTask({ idempotency: { ...idempotency, bodyHash: 'b' } }))).toEqual({
        outcome: 'conflict',
      });
      expect(await store.insert(newTask({ keyId: 'key_two', idempotency }))).toEqual({ outcome: 'created' });
      const later = newTask({
        createdAtMs: 1_700_100_000_000,
        idempotency: { ...idempotency, bodyHash: 'b', forgetBeforeMs: 1_700_000_000_001 },
      });
      expect(await store.insert(later)).toEqual({ outcome: 'created' });
      await store.forgetIdempotencyBefore(1_800_000_000_000);
      expect(await store.insert(newTask({ idempotency }))).toEqual({ outcome: 'created' });
    });

    it('tells whether a call may still need its files', async () => {
      const { task, claim, call } = await startedTask();
      expect(await store.isCallOpen(call.id)).toBe(true);
      await store.record(claim, call.id, { state: 'sending' });
      await store.record(claim, call.id, { state: 'produced', outputs: [] });
      expect(await store.isCallOpen(call.id)).toBe(true);
      await store.record(claim, call.id, { state: 'stored' });
      expect(await store.isCallOpen(call.id)).toBe(false);
      expect(await store.isOpen(task.id)).toBe(true);

      const other = await startedTask();
      await store.cancel(other.task.id, 'key_one', cancelled, 1);
      expect(await store.isCallOpen(other.call.id)).toBe(false);
      const sent = await startedTask();
      await store.record(sent.claim, sent.call.id, { state: 'sending' });
      await store.cancel(sent.task.id, 'key_one', cancelled, 1);
      expect(await store.isCallOpen(sent.call.id)).toBe(true);
      expect(await store.isCallOpen('call_of_nobody')).toBe(false);
    });

    it('carries a task along its whole path', async () => {
      const { task, image } = await completedTask();
      expect(await store.get(task.id, 'key_one')).toMatchObject({
        status: 'completed',
        startedAtMs: 1_700_000_001_000,
        completedAtMs: 1_700_000_002_000,
        usage: { images: 1, costMicros: 300_000, currency: 'CNY' },
        images: [image],
      });
      expect(await store.image(image.id)).toEqual(image);
      expect(await store.isFileKnown(image.key)).toBe(true);
      expect(await store.isOpen(task.id)).toBe(false);
    });

    it('gives the engine everything back at the next claim', async () => {
      const { task, claim, call } = await startedTask();
      await store.record(claim, call.id, { state: 'sending' }, { sentAtMs: 5 });
      await store.record(
        claim,
        call.id,
        { state: 'accepted', handle: { task_id: 'v-1' }, checkAtMs: 9 },
        {
          adjustments: [{ parameter: 'seed', asked: 1, reason: 'No seeds here.' }],
        },
      );
      const claimed = await store.claim(claimOf(task));
      expect(claimed?.calls).toEqual([
        { ...call, step: { state: 'accepted', handle: { task_id: 'v-1' }, checkAtMs: 9 }, sentAtMs: 5 },
      ]);
      expect(claimed?.task.adjustments).toEqual([{ parameter: 'seed', asked: 1, reason: 'No seeds here.' }]);
    });

    it('lets a claim that was taken over write nothing', async () => {
      const { task, claim: stale, call } = await startedTask();
      const fresh = claimOf(task);
      await store.claim(fresh);
      expect(await store.record(stale, call.id, { state: 'sending' })).toBe('lost');
      expect(
        await store.retry(
          stale,
          { callId: call.id, step: { state: 'planned' } },
          { calls: [newCall(task.id)], adjustments: [] },
        ),
      ).toBe('lost');
      expect(await store.start(stale, { calls: [newCall(task.id)], adjustments: [], atMs: 1 })).toBe('lost');
      expect(await store.finish(stale, completed, 1)).toBe('lost');
      expect(await store.claim(fresh)).toMatchObject({ task: { status: 'processing' }, calls: [call] });
    });

    it('ends a task once, whoever comes first', async () => {
      const { task, claim } = await startedTask();
      const endings = await Promise.all([
        store.finish(claim, completed, 1),
        store.cancel(task.id, 'key_one', cancelled, 2),
        store.finish(claim, completed, 3),
        store.cancel(task.id, 'key_one', cancelled, 4),
      ]);
      expect(endings.filter((ending) => ending === 'written' || ending === 'cancelled')).toHaveLength(1);
      expect(await store.claim(claimOf(task))).toBeUndefined();
    });

    it('refuses a step that does not follow from the one before', async () => {
      const { claim, call } = await startedTask();
      await expect(store.record(claim, call.id, { state: 'stored' })).rejects.toThrow(
        /cannot go from planned to stored/,
      );
      await store.record(claim, call.id, { state: 'sending' });
      await expect(store.record(claim, call.id, { state: 'planned' })).rejects.toThrow(/cannot go/);
    });

    it('writes a failed call and its successor together', async () => {
      const { task, claim, call } = await startedTask();
      await store.record(claim, call.id, { state: 'sending' });
      const failure = {
        code: 'provider_unavailable',
        message: 'Down.',
        charged: 'no',
        retryable: true,
      } as const;
      const next = newCall(task.id, { attempt: 1, step: { state: 'planned', notBeforeMs: 7 } });
      const adjustments = [{ parameter: 'seed', asked: 1, reason: 'No seeds here.' }];
      expect(
        await store.retry(
          claim,
          { callId: call.id, step: { state: 'failed', failure } },
          { calls: [next], adjustments },
        ),
      ).toBe('written');
      const claimed = await store.claim(claimOf(task));
      expect(claimed?.calls.map((each) => each.step)).toEqual([{ state: 'failed', failure }, next.step]);
      expect(claimed?.task.adjustments).toEqual(adjustments);
    });

    it('writes a further call together with the step that made it necessary', async () => {
      const { task, claim, call } = await startedTask();
      await store.record(claim, call.id, { state: 'sending' });
      await store.record(claim, call.id, { state: 'produced', outputs: [] });
      const next = newCall(task.id, { slot: 1 });
      await store.record(claim, call.id, { state: 'stored' }, { next });
      expect((await store.claim(claimOf(task)))?.calls.map((each) => each.id)).toEqual([call.id, next.id]);
    });

    it('keeps the images of a failed task to itself', async () => {
      const { task, claim } = await startedTask();
      const error: TaskError = {
        code: 'content_policy_violation',
        message: 'No.',
        retryable: false,
        upstream: { provider: 'ark', code: 'X' },
      };
      await store.finish(
        claim,
        { status: 'failed', error, usage: { images: 0, costMicros: 0 }, adjustments: [] },
        9,
      );
      const failed = await store.get(task.id, 'key_one');
      expect(failed).toMatchObject({ status: 'failed', error });
      expect(failed).not.toHaveProperty('images');
    });

    it('removes a task with all that belongs to it and names its files', async () => {
      const { task, image } = await completedTask();
      expect(await store.delete(task.id, 'key_one')).toEqual([image.key]);
      expect(await store.get(task.id, 'key_one')).toBeUndefined();
      expect(await store.image(image.id)).toBeUndefined();
      expect(await store.isFileKnown(image.key)).toBe(false);
      expect(await store.delete(task.id, 'key_one')).toBeUndefined();
    });

    it('removes ended tasks past their time in batches, never open ones nor those with permanent links', async () => {
      const request = { ...newTask().request, responseFormat: 'oss_url' as const };
      const permanent = await completedTask(newTask({ request }));
      const first = await completedTask();
      const second = await completedTask();
      const { task: open } = await startedTask();
      expect(await store.deleteEndedBefore(1_700_000_002_000, 10)).toEqual({ tasks: 0, fileKeys: [] });
      const batches = [
        await store.deleteEndedBefore(1_700_000_002_001, 1),
        await store.deleteEndedBefore(1_700_000_002_001, 10),
      ];
      expect(batches.map((batch) => batch.tasks)).toEqual([1, 1]);
      expect(batches.flatMap((batch) => batch.fileKeys).toSorted()).toEqual(
        [first.image.key, second.image.key].toSorted(),
      );
      expect((await store.get(open.id, 'key_one'))?.status).toBe('processing');
      expect((await store.get(permanent.task.id, 'key_one'))?.status).toBe('completed');
    });

    describe('lists', () => {
      const at = (second: number, changes: Partial<NewTask> = {}) =>
        newTask({ createdAtMs: 1_700_000_000_000 + second * 1_000, ...changes });

      it('newest first, page by page, each task once', async () => {
        const tasks = Array.from({ length: 7 }, (_, second) => at(second));
        for (const task of tasks) await store.insert(task);
        const seen: string[] = [];
        let after: string | undefined;
        for (let hasMore = true; hasMore;) {
          const page = await store.list({
            keyId: 'key_one',
            limit: 3,
            ...(after !== undefined && { afterTaskId: after }),
          });
          seen.push(...page.tasks.map((task) => task.id));
          after = seen.at(-1);
          hasMore = page.hasMore;
        }
        expect(seen).toEqual(tasks.map((task) => task.id).toReversed());
      });

      it('by status, model and time, the lower bound included and the upper not', async () => {
        const other = { ...newTask().request, model: 'jimeng' };
        const [one, two, three] = [at(1), at(2, { request: other }), at(3)] as const;
        for (const task of [one, two, three]) await store.insert(task);
        await store.cancel(three.id, 'key_one', cancelled, 4);
        const ids = async (query: object) =>
          (await store.list({ keyId: 'key_one', limit: 10, ...query })).tasks.map((task) => task.id);
        expect(await ids({ status: 'failed' })).toEqual([three.id]);
        expect(await ids({ model: 'jimeng' })).toEqual([two.id]);
        expect(await ids({ model: 'jimeng', status: 'failed' })).toEqual([]);
        expect(await ids({ createdAfterMs: 1_700_000_002_000 })).toEqual([three.id, two.id]);
        expect(await ids({ createdBeforeMs: 1_700_000_002_000 })).toEqual([one.id]);
        expect(await ids({ createdAfterMs: 1_700_000_001_000, createdBeforeMs: 1_700_000_003_000 })).toEqual([
          two.id,
          one.id,
        ]);
      });
    });
  });
};
