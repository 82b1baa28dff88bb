/** The writes of the task store: each one a transaction, the same for every database. */
import { type BookedCall, closeBooks, reserve } from '../access/budgets.ts';
import type { Adjustment } from '../core/adjustment.ts';
import {
  type Call,
  type CallState,
  type CallRequest,
  type CallStep,
  costOf,
  costOfAll,
  isCallEnded,
  mayFollow,
  unwanted,
} from '../core/call.ts';
import type { Image } from '../core/image.ts';
import { isEnded, type TaskError, type TaskStatus } from '../core/task.ts';
import { type Connection, firstRow, operation } from '../database/database.ts';
import { prepare } from '../database/prepared.ts';
import type { CallRow, IdempotencyRow, ImageRow, TaskRow } from '../database/schema.ts';
import { recordEnding } from '../webhooks/record-ending.ts';
import { fromCall, fromImage } from './rows.ts';
import type { Claim, Ending, IdempotencyRecord, InsertOutcome, NewTask, Written } from './task-store.ts';

const open = ['pending', 'processing'] as const;

const insertTaskRow = prepare<TaskRow>('insertTaskRow', (db, value) =>
  db
    .insertInto('tasks')
    .values({
      id: value('id'),
      key_id: value('key_id'),
      status: value('status'),
      model: value('model'),
      response_format: value('response_format'),
      request: value('request'),
      created_at: value('created_at'),
      started_at: null,
      completed_at: null,
      adjustments: value('adjustments'),
      usage: null,
      error: null,
      claim: null,
    })
    .onConflict((conflict) => conflict.column('id').doNothing()),
);

const idempotencyOf = prepare<Pick<IdempotencyRow, 'key_id' | 'idempotency_key'>, IdempotencyRow>(
  'idempotencyOf',
  (db, value) =>
    db
      .selectFrom('idempotency')
      .selectAll()
      .where('key_id', '=', value('key_id'))
      .where('idempotency_key', '=', value('idempotency_key')),
);

/** Writes the record unless a living one is there; whoever races for it waits here until the other has committed. */
const takeIdempotencyKey = prepare<IdempotencyRow & { forget_before: number }>(
  'takeIdempotencyKey',
  (db, value) =>
    db
      .insertInto('idempotency')
      .values({
        key_id: value('key_id'),
        idempotency_key: value('idempotency_key'),
        body_hash: value('body_hash'),
        task_id: value('task_id'),
        created_at: value('created_at'),
      })
      .onConflict((conflict) =>
        conflict
          .columns(['key_id', 'idempotency_key'])
          .doUpdateSet((eb) => ({
            body_hash: eb.ref('excluded.body_hash'),
            task_id: eb.ref('excluded.task_id'),
            created_at: eb.ref('excluded.created_at'),
          }))
          .where('idempotency.created_at', '<', value('forget_before')),
      ),
);

/** What an earlier request left that this one repeats; without one, the key is of this task from now on. */
const earlierOf = async (
  connection: Connection,
  { id, keyId, createdAtMs, isReplayOnly }: NewTask,
  { key, bodyHash, forgetBeforeMs, isFirst }: IdempotencyRecord,
): Promise<IdempotencyRow | undefined> => {
  const record = { key_id: keyId, idempotency_key: key };
  if (isReplayOnly !== true) {
    const taken = await connection.run(takeIdempotencyKey, {
      ...record,
      body_hash: bodyHash,
      task_id: id,
      created_at: createdAtMs,
      forget_before: isFirst === true ? Number.MAX_SAFE_INTEGER : forgetBeforeMs,
    });
    if (taken > 0) return undefined;
  }
  const earlier = await firstRow(connection, idempotencyOf, record);
  // NOTE: its own record is what an earlier run of this transaction left.
  return earlier !== undefined && earlier.created_at >= forgetBeforeMs && earlier.task_id !== id
    ? earlier
    : undefined;
};

/** Accepts a task, its job, its idempotency record and what it takes of its key's limits together. */
export const insertTask = operation(
  'insertTask',
  async (connection, task: NewTask): Promise<InsertOutcome> => {
    const { id, keyId, request, createdAtMs, idempotency } = task;
    const earlier = idempotency && (await earlierOf(connection, task, idempotency));
    if (idempotency !== undefined && earlier !== undefined) {
      return earlier.body_hash === idempotency.bodyHash
        ? { outcome: 'replayed', taskId: earlier.task_id }
        : { outcome: 'conflict' };
    }
    if (task.isReplayOnly === true) return { outcome: 'declined' };
    const inserted = await connection.run(insertTaskRow, {
      id,
      key_id: keyId,
      status: 'pending',
      model: request.model,
      response_format: request.responseFormat,
      request: JSON.stringify(request),
      created_at: createdAtMs,
      started_at: null,
      completed_at: null,
      adjustments: '[]',
      usage: null,
      error: null,
      claim: null,
    });
    // NOTE: that is what an earlier run of this transaction left, with all that belongs to it.
    if (inserted === 0) return { outcome: 'created' };
    await connection.enqueue({ taskId: id, lane: request.model, keyId, createdAtMs });
    // NOTE: last, since whoever else accepts for this key waits from here to the commit.
    const full =
      task.reservation &&
      (await reserve(connection, { id, keyId, model: request.model, createdAtMs }, task.reservation));
    if (full === undefined) return { outcome: 'created' };
    connection.undo();
    return { outcome: 'refused', limit: full };
  },
);

const takeOver = prepare<{ id: string; claim: string }, TaskRow>('takeOver', (db, value) =>
  db
    .updateTable('tasks')
    .set({ claim: value('claim') })
    .where('id', '=', value('id'))
    // NOTE: a cancelled task keeps its claim until its last call has ended.
    .where((eb) => eb.or([eb('status', 'in', open), eb('claim', 'is not', null)]))
    .returningAll(),
);

/** Takes a task that has work left over from whoever had it. */
export const claimTask = operation(
  'claimTask',
  async (connection, claim: Claim): Promise<TaskRow | null> =>
    (await firstRow(connection, takeOver, { id: claim.taskId, claim: claim.token })) ?? null,
);

const heldTask = prepare<{ id: string; claim: string }, Pick<TaskRow, 'status' | 'adjustments'>>(
  'heldTask',
  (db, value, lockRows) =>
    lockRows(
      db
        .selectFrom('tasks')
        .select(['status', 'adjustments'])
        .where('id', '=', value('id'))
        .where('claim', '=', value('claim')),
    ),
);

type HeldCall = Pick<TaskRow, 'status' | 'adjustments'> & Pick<CallRow, 'state' | 'step'>;

const heldCall = prepare<{ task_id: string; claim: string; id: string }, HeldCall>(
  'heldCall',
  (db, value, lockRows) =>
    lockRows(
      db
        .selectFrom('tasks')
        .innerJoin('calls', 'calls.task_id', 'tasks.id')
        .select(['tasks.status', 'tasks.adjustments', 'calls.state', 'calls.step'])
        .where('tasks.id', '=', value('task_id'))
        .where('tasks.claim', '=', value('claim'))
        .where('calls.id', '=', value('id')),
    ),
);

/** A call as it is now, while the task is held; nobody changes either until the transaction ends. */
const findHeld = (connection: Connection, claim: Claim, callId: string): Promise<HeldCall | undefined> =>
  firstRow(connection, heldCall, { task_id: claim.taskId, claim: claim.token, id: callId });

const insertCall = prepare<CallRow>('insertCall', (db, value) =>
  db.insertInto('calls').values({
    id: value('id'),
    task_id: value('task_id'),
    slot: value('slot'),
    attempt: value('attempt'),
    provider: value('provider'),
    request: value('request'),
    state: value('state'),
    step: value('step'),
    created_at: value('created_at'),
    sent_at: value('sent_at'),
  }),
);

const callStep = prepare<Pick<CallRow, 'id'>, Pick<CallRow, 'state' | 'step'>>('callStep', (db, value) =>
  db.selectFrom('calls').select(['state', 'step']).where('id', '=', value('id')),
);

const startTaskRow = prepare<{ id: string; claim: string; started_at: number; adjustments: string }>(
  'startTaskRow',
  (db, value) =>
    db
      .updateTable('tasks')
      .set({ status: 'processing', started_at: value('started_at'), adjustments: value('adjustments') })
      .where('id', '=', value('id'))
      .where('claim', '=', value('claim'))
      .where('status', '=', 'pending'),
);

/** What `start` writes. */
export interface StartParameters {
  readonly claim: Claim;
  readonly calls: readonly Call[];
  readonly adjustments: readonly Adjustment[];
  readonly atMs: number;
}

/** Whether an earlier run of this transaction wrote the plan. */
const isPlanned = async (connection: Connection, { claim, calls: [first] }: StartParameters) =>
  first !== undefined &&
  (await firstRow(connection, callStep, { id: first.id })) !== undefined &&
  (await firstRow(connection, heldTask, { id: claim.taskId, claim: claim.token })) !== undefined;

export const startTask = operation(
  'startTask',
  async (connection, start: StartParameters): Promise<Written> => {
    const started = await connection.run(startTaskRow, {
      id: start.claim.taskId,
      claim: start.claim.token,
      started_at: start.atMs,
      adjustments: JSON.stringify(start.adjustments),
    });
    if (started === 0) return (await isPlanned(connection, start)) ? 'written' : 'lost';
    for (const call of start.calls) await connection.run(insertCall, fromCall(call));
    return 'written';
  },
);

/** Moves the call; when it left is stamped once. */
const moveCall = prepare<Pick<CallRow, 'id' | 'state' | 'step' | 'sent_at'>>('moveCall', (db, value) =>
  db
    .updateTable('calls')
    .set((eb) => ({
      state: value('state'),
      step: value('step'),
      sent_at: eb.fn.coalesce('sent_at', eb.val(value('sent_at'))),
    }))
    .where('id', '=', value('id')),
);

const insertImage = prepare<ImageRow>('insertImage', (db, value) =>
  db.insertInto('images').values({
    id: value('id'),
    task_id: value('task_id'),
    call_id: value('call_id'),
    place: value('place'),
    file_key: value('file_key'),
    width: value('width'),
    height: value('height'),
    format: value('format'),
    bytes: value('bytes'),
    created_at: value('created_at'),
  }),
);

const setAdjustments = prepare<Pick<TaskRow, 'id' | 'adjustments'>>('setAdjustments', (db, value) =>
  db
    .updateTable('tasks')
    .set({ adjustments: value('adjustments') })
    .where('id', '=', value('id')),
);

/**
 * Moves a call on, with the rest of its write; not when an earlier run of this transaction did both.
 *
 * @throws Error when the call is not where the step begins.
 */
const step = async (
  connection: Connection,
  current: HeldCall,
  moved: { readonly callId: string; readonly step: CallStep; readonly sentAtMs?: number | null },
  writeRest: () => Promise<void>,
): Promise<Written> => {
  const { callId } = moved;
  const next = JSON.stringify(moved.step);
  if (current.step === next) return 'written';
  if (!mayFollow(current.state as CallState, moved.step.state)) {
    throw new Error(`Call ${callId} cannot go from ${current.state} to ${moved.step.state}`);
  }
  await connection.run(moveCall, {
    id: callId,
    state: moved.step.state,
    step: next,
    sent_at: moved.sentAtMs ?? null,
  });
  await writeRest();
  return 'written';
};

const stepsOfTask = prepare<{ task_id: string }, Pick<CallRow, 'id' | 'step'>>('stepsOfTask', (db, value) =>
  db
    .selectFrom('calls')
    .select(['id', 'step'])
    .where('task_id', '=', value('task_id'))
    .orderBy('slot')
    .orderBy('attempt'),
);

const stepsOf = async (connection: Connection, taskId: string) =>
  (await connection.all(stepsOfTask, { task_id: taskId })).map((call) => ({
    callId: call.id,
    step: JSON.parse(call.step) as CallStep,
  }));

const setUsage = prepare<{ id: string; usage: string }>('setUsage', (db, value) =>
  db
    .updateTable('tasks')
    .set({ usage: value('usage') })
    .where('id', '=', value('id')),
);

const taskToBook = prepare<
  { id: string },
  Pick<TaskRow, 'key_id' | 'model' | 'created_at' | 'started_at' | 'completed_at' | 'status'>
>('taskToBook', (db, value) =>
  db
    .selectFrom('tasks')
    .select(['key_id', 'model', 'created_at', 'started_at', 'completed_at', 'status'])
    .where('id', '=', value('id')),
);

const callsToBook = prepare<{ task_id: string }, Pick<CallRow, 'id' | 'provider' | 'request' | 'step'>>(
  'callsToBook',
  (db, value) =>
    db
      .selectFrom('calls')
      .select(['id', 'provider', 'request', 'step'])
      .where('task_id', '=', value('task_id'))
      .orderBy('slot')
      .orderBy('attempt'),
);

const imagesOfCalls = prepare<{ task_id: string }, Pick<ImageRow, 'call_id'>>('imagesOfCalls', (db, value) =>
  db.selectFrom('images').select('call_id').where('task_id', '=', value('task_id')),
);

const outcomeOf = (step: CallStep): BookedCall['outcome'] => {
  switch (step.state) {
    case 'stored':
      return 'done';
    case 'failed':
      return step.failure.charged === 'unknown' ? 'unconfirmed' : 'failed';
    case 'sending':
    case 'accepted':
      return 'abandoned';
    case 'planned':
    case 'produced':
      return 'failed';
  }
};

/** Counts what the task has cost, once and for all. */
const bookTask = async (connection: Connection, taskId: string): Promise<void> => {
  const task = await firstRow(connection, taskToBook, { id: taskId });
  if (task === undefined) return;
  const isCompleted = task.status === 'completed';
  const images = isCompleted ? await connection.all(imagesOfCalls, { task_id: taskId }) : [];
  const calls = await connection.all(callsToBook, { task_id: taskId });
  const booked = calls.map(({ id, provider, request, step }): BookedCall => {
    const reached = JSON.parse(step) as CallStep;
    const cost = costOf(reached);
    return {
      provider,
      images: images.filter((image) => image.call_id === id).length,
      asked: (JSON.parse(request) as CallRequest).images,
      outcome: outcomeOf(reached),
      ...(cost !== undefined && { cost }),
    };
  });
  await closeBooks(
    connection,
    {
      id: taskId,
      keyId: task.key_id,
      model: task.model,
      createdAtMs: task.created_at,
      isFailed: !isCompleted,
    },
    booked,
    task.completed_at ?? task.started_at ?? task.created_at,
  );
};

const dropClaim = prepare<{ id: string }>('dropClaim', (db, value) =>
  db.updateTable('tasks').set({ claim: null }).where('id', '=', value('id')),
);

/** Counts what the calls of a cancelled task have cost; claim and job go with the last one that was open. */
const keepBooks = async (connection: Connection, taskId: string): Promise<void> => {
  const steps = (await stepsOf(connection, taskId)).map(({ step }) => step);
  await connection.run(setUsage, { id: taskId, usage: JSON.stringify({ images: 0, ...costOfAll(steps) }) });
  if (!steps.every(isCallEnded)) return;
  await bookTask(connection, taskId);
  await connection.run(dropClaim, { id: taskId });
  await connection.dequeue(taskId);
};

/** Moves a call whose task was cancelled, as far as that still means something. */
const settle = async (
  connection: Connection,
  taskId: string,
  { callId, step }: { readonly callId: string; readonly step: CallStep },
): Promise<Written> => {
  const current = await firstRow(connection, callStep, { id: callId });
  const left = unwanted(step);
  if (current !== undefined && mayFollow(current.state as CallState, left.state)) {
    await connection.run(moveCall, {
      id: callId,
      state: left.state,
      step: JSON.stringify(left),
      sent_at: null,
    });
    await keepBooks(connection, taskId);
  }
  return 'ended';
};

/** Adds to what the task already tells; nothing is told twice. */
const addAdjustments = async (
  connection: Connection,
  taskId: string,
  earlier: string,
  added: readonly Adjustment[],
): Promise<void> => {
  if (added.length === 0) return;
  const all = [...(JSON.parse(earlier) as readonly Adjustment[]), ...added];
  const texts = new Set(all.map((adjustment) => JSON.stringify(adjustment)));
  await connection.run(setAdjustments, { id: taskId, adjustments: `[${[...texts].join(',')}]` });
};

/** What `record` writes. */
export interface RecordParameters {
  readonly claim: Claim;
  readonly callId: string;
  readonly step: CallStep;
  readonly images: readonly Image[];
  readonly adjustments: readonly Adjustment[];
  readonly sentAtMs: number | null;
  readonly next: Call | null;
}

export const recordCall = operation(
  'recordCall',
  async (connection, record: RecordParameters): Promise<Written> => {
    const { claim } = record;
    const held = await findHeld(connection, claim, record.callId);
    if (held === undefined) return 'lost';
    if (isEnded(held.status as TaskStatus)) return settle(connection, claim.taskId, record);
    return step(connection, held, record, async () => {
      for (const image of record.images) await connection.run(insertImage, fromImage(image));
      if (record.next !== null) await connection.run(insertCall, fromCall(record.next));
      await addAdjustments(connection, claim.taskId, held.adjustments, record.adjustments);
    });
  },
);

/** What `retry` writes. */
export interface RetryParameters {
  readonly claim: Claim;
  readonly failed: { readonly callId: string; readonly step: CallStep };
  readonly calls: readonly Call[];
  readonly adjustments: readonly Adjustment[];
}

export const retryCall = operation(
  'retryCall',
  async (connection, retry: RetryParameters): Promise<Written> => {
    const held = await findHeld(connection, retry.claim, retry.failed.callId);
    if (held === undefined) return 'lost';
    if (isEnded(held.status as TaskStatus)) return settle(connection, retry.claim.taskId, retry.failed);
    return step(connection, held, retry.failed, async () => {
      for (const call of retry.calls) await connection.run(insertCall, fromCall(call));
      await addAdjustments(connection, retry.claim.taskId, held.adjustments, retry.adjustments);
    });
  },
);

type EndedRow = Pick<TaskRow, 'id' | 'status' | 'completed_at' | 'usage' | 'error' | 'adjustments'>;

const endTaskRow = prepare<EndedRow & { claim: string }>('endTaskRow', (db, value) =>
  db
    .updateTable('tasks')
    .set({
      status: value('status'),
      completed_at: value('completed_at'),
      usage: value('usage'),
      error: value('error'),
      adjustments: value('adjustments'),
      claim: null,
    })
    .where('id', '=', value('id'))
    .where('claim', '=', value('claim'))
    .where('status', 'in', open),
);

/** What `finish` writes. */
export interface FinishParameters {
  readonly claim: Claim;
  readonly ending: Ending;
  readonly atMs: number;
}

export const finishTask = operation(
  'finishTask',
  async (connection, finish: FinishParameters): Promise<Written> => {
    const { claim, ending, atMs } = finish;
    const ended = await connection.run(endTaskRow, {
      id: claim.taskId,
      claim: claim.token,
      status: ending.status,
      completed_at: atMs,
      usage: JSON.stringify(ending.usage),
      error: ending.status === 'failed' ? JSON.stringify(ending.error) : null,
      adjustments: JSON.stringify(ending.adjustments),
    });
    if (ended === 0) return 'lost';
    await bookTask(connection, claim.taskId);
    await connection.dequeue(claim.taskId);
    await recordEnding(connection, { taskId: claim.taskId, type: `task.${ending.status}`, atMs });
    return 'written';
  },
);

type TaskOfKey = Pick<TaskRow, 'id' | 'key_id'>;

const taskOfKey = prepare<TaskOfKey, Pick<TaskRow, 'completed_at' | 'error'>>('taskOfKey', (db, value) =>
  db
    .selectFrom('tasks')
    .select(['completed_at', 'error'])
    .where('id', '=', value('id'))
    .where('key_id', '=', value('key_id')),
);

const cancelTaskRow = prepare<TaskOfKey & { completed_at: number; error: string }>(
  'cancelTaskRow',
  (db, value) =>
    db
      .updateTable('tasks')
      .set({ status: 'failed', completed_at: value('completed_at'), error: value('error') })
      .where('id', '=', value('id'))
      .where('key_id', '=', value('key_id'))
      .where('status', 'in', open),
);

/** What `cancel` writes. */
export interface CancelParameters {
  readonly taskId: string;
  readonly keyId: string;
  readonly error: TaskError;
  readonly atMs: number;
}

/** Ends the task for its caller at once; calls that an upstream has stay open, and with them claim and job. */
export const cancelTask = operation(
  'cancelTask',
  async (connection, cancel: CancelParameters): Promise<'cancelled' | 'ended' | 'absent'> => {
    const { taskId, atMs } = cancel;
    const task = { id: taskId, key_id: cancel.keyId };
    const error = JSON.stringify(cancel.error);
    if ((await connection.run(cancelTaskRow, { ...task, completed_at: atMs, error })) > 0) {
      for (const call of await stepsOf(connection, taskId)) {
        if (unwanted(call.step) !== call.step) await settle(connection, taskId, call);
      }
      await keepBooks(connection, taskId);
      await recordEnding(connection, { taskId, type: 'task.failed', atMs });
      return 'cancelled';
    }
    const found = await firstRow(connection, taskOfKey, task);
    if (found === undefined) return 'absent';
    // NOTE: that is what an earlier run of this transaction left.
    return found.completed_at === atMs && found.error === error ? 'cancelled' : 'ended';
  },
);

const fileKeysOf = prepare<{ task_id: string }, Pick<ImageRow, 'file_key'>>('fileKeysOf', (db, value) =>
  db.selectFrom('images').select('file_key').where('task_id', '=', value('task_id')),
);

const deleteTaskRow = prepare<{ id: string }>('deleteTaskRow', (db, value) =>
  db.deleteFrom('tasks').where('id', '=', value('id')),
);

/** Which task to remove, and whose it must be. */
export interface DeleteParameters {
  readonly taskId: string;
  readonly keyId: string;
}

type RemovedTask = Pick<TaskRow, 'id' | 'status' | 'claim'>;

/** Removes a task; what an upstream still has of it is counted now, since nobody hears of it any more. */
const removeTask = async (
  connection: Connection,
  { id: taskId, status, claim }: RemovedTask,
): Promise<readonly string[]> => {
  if (!isEnded(status as TaskStatus) || claim !== null) await bookTask(connection, taskId);
  const files = await connection.all(fileKeysOf, { task_id: taskId });
  await connection.run(deleteTaskRow, { id: taskId });
  return files.map((file) => file.file_key);
};

const taskToRemove = prepare<TaskOfKey, RemovedTask>('taskToRemove', (db, value, lockRows) =>
  lockRows(
    db
      .selectFrom('tasks')
      .select(['id', 'status', 'claim'])
      .where('id', '=', value('id'))
      .where('key_id', '=', value('key_id')),
  ),
);

export const deleteTask = operation(
  'deleteTask',
  async (connection, { taskId, keyId }: DeleteParameters): Promise<readonly string[] | null> => {
    const task = await firstRow(connection, taskToRemove, { id: taskId, key_id: keyId });
    return task === undefined ? null : removeTask(connection, task);
  },
);

const endedBefore = prepare<{ completed_at: number; limit: number }, RemovedTask>(
  'endedBefore',
  (db, value) =>
    db
      .selectFrom('tasks')
      .select(['id', 'status', 'claim'])
      .where('completed_at', '<', value('completed_at'))
      .where('response_format', '<>', 'oss_url')
      .orderBy('completed_at')
      .limit(value('limit')),
);

/** Which tasks retention removes, and how many at a time. */
export interface DeleteEndedParameters {
  readonly timeMs: number;
  readonly limit: number;
}

export const deleteEndedTasks = operation(
  'deleteEndedTasks',
  async (
    connection,
    { timeMs, limit }: DeleteEndedParameters,
  ): Promise<{ readonly tasks: number; readonly fileKeys: readonly string[] }> => {
    const tasks = await connection.all(endedBefore, { completed_at: timeMs, limit });
    const fileKeys: string[] = [];
    for (const task of tasks) fileKeys.push(...(await removeTask(connection, task)));
    return { tasks: tasks.length, fileKeys };
  },
);

const deleteOldIdempotency = prepare<Pick<IdempotencyRow, 'created_at'>>(
  'deleteOldIdempotency',
  (db, value) => db.deleteFrom('idempotency').where('created_at', '<', value('created_at')),
);

export const forgetIdempotency = operation(
  'forgetIdempotency',
  async (connection, beforeMs: number): Promise<void> => {
    await connection.run(deleteOldIdempotency, { created_at: beforeMs });
  },
);

/** All of them. @public loaded by the writer thread, by name. */
export const operations = [
  insertTask,
  claimTask,
  startTask,
  recordCall,
  retryCall,
  finishTask,
  cancelTask,
  deleteTask,
  deleteEndedTasks,
  forgetIdempotency,
];
