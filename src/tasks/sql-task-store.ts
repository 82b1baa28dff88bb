import type { Kysely } from 'kysely';
import { isId, firstIdAt } from '../core/ids.ts';
import { type Database, firstRow } from '../database/database.ts';
import { prepare } from '../database/prepared.ts';
import type { CallRow, ImageRow, Tables, TaskRow } from '../database/schema.ts';
import { toCall, toImage, toTask } from './rows.ts';
import {
  cancelTask,
  claimTask,
  deleteEndedTasks,
  deleteTask,
  finishTask,
  forgetIdempotency,
  insertTask,
  recordCall,
  retryCall,
  startTask,
} from './task-operations.ts';
import type { TaskQuery, TaskStore } from './task-store.ts';

const taskOfCaller = prepare<{ id: string; key_id: string }, TaskRow>('taskOfCaller', (db, value) =>
  db.selectFrom('tasks').selectAll().where('id', '=', value('id')).where('key_id', '=', value('key_id')),
);

const callsOf = prepare<{ task_id: string }, CallRow>('callsOf', (db, value) =>
  db
    .selectFrom('calls')
    .selectAll()
    .where('task_id', '=', value('task_id'))
    .orderBy('slot')
    .orderBy('attempt'),
);

const imagesOf = prepare<{ task_id: string }, ImageRow>('imagesOf', (db, value) =>
  db.selectFrom('images').selectAll().where('task_id', '=', value('task_id')).orderBy('place'),
);

const imageById = prepare<{ id: string }, ImageRow>('imageById', (db, value) =>
  db.selectFrom('images').selectAll().where('id', '=', value('id')),
);

const imageByFile = prepare<{ file_key: string }, Pick<ImageRow, 'file_key'>>('imageByFile', (db, value) =>
  db.selectFrom('images').select('file_key').where('file_key', '=', value('file_key')),
);

const openTask = prepare<{ id: string }, Pick<TaskRow, 'id'>>('openTask', (db, value) =>
  db
    .selectFrom('tasks')
    .select('id')
    .where('id', '=', value('id'))
    .where('status', 'in', ['pending', 'processing']),
);

const openCall = prepare<{ id: string }, Pick<CallRow, 'id'>>('openCall', (db, value) =>
  db
    .selectFrom('calls')
    .select('id')
    .where('id', '=', value('id'))
    .where('state', 'not in', ['stored', 'failed']),
);

const taskOfCall = prepare<{ call_id: string }, Pick<TaskRow, 'id' | 'key_id' | 'model' | 'created_at'>>(
  'taskOfCall',
  (db, value) =>
    db
      .selectFrom('calls')
      .innerJoin('tasks', 'tasks.id', 'calls.task_id')
      .select(['tasks.id', 'tasks.key_id', 'tasks.model', 'tasks.created_at'])
      .where('calls.id', '=', value('call_id'))
      .where((eb) =>
        eb.or([eb('tasks.status', 'in', ['pending', 'processing']), eb('tasks.claim', 'is not', null)]),
      ),
);

interface PageValues {
  readonly key_id: string;
  readonly before: string;
  readonly from: string;
  readonly limit: number;
  readonly status: string;
  readonly model: string;
}

/** The tasks of a page, and the images of all of them. */
const pageOf = (name: string, filter: { readonly status: boolean; readonly model: boolean }) => {
  const page = (
    db: Kysely<Tables>,
    value: <Name extends keyof PageValues>(name: Name) => PageValues[Name],
  ) => {
    let query = db
      .selectFrom('tasks')
      .where('key_id', '=', value('key_id'))
      .where('id', '<', value('before'))
      .where('id', '>=', value('from'));
    if (filter.status) query = query.where('status', '=', value('status'));
    if (filter.model) query = query.where('model', '=', value('model'));
    return query.orderBy('id', 'desc').limit(value('limit'));
  };
  return {
    tasks: prepare<PageValues, TaskRow>(name, (db, value) => page(db, value).selectAll()),
    images: prepare<PageValues, ImageRow>(`imagesOf${name}`, (db, value) =>
      db
        .selectFrom('images')
        .selectAll()
        .where('task_id', 'in', page(db, value).select('id'))
        .orderBy('task_id')
        .orderBy('place'),
    ),
  };
};

// NOTE: one statement per set of filters, so that each finds its own index at any number of tasks.
const pages = {
  all: pageOf('PageOfAll', { status: false, model: false }),
  status: pageOf('PageOfStatus', { status: true, model: false }),
  model: pageOf('PageOfModel', { status: false, model: true }),
  both: pageOf('PageOfStatusAndModel', { status: true, model: true }),
};

/** Sorts after every identifier of a task. */
const AFTER_ALL = 'task_~';

const choosePage = (query: TaskQuery) => {
  if (query.status !== undefined) return query.model === undefined ? pages.status : pages.both;
  return query.model === undefined ? pages.all : pages.model;
};

const smallest = (...ids: readonly string[]): string => ids.reduce((least, id) => (id < least ? id : least));

/** A task store over any database that runs the operations of `task-operations.ts`. */
export const createTaskStore = (database: Database): TaskStore => {
  const { read } = database;
  const write: Database['write'] = (operation, parameters) => database.write(operation, parameters);
  const imagesOfTask = async (taskId: string) => (await read.all(imagesOf, { task_id: taskId })).map(toImage);
  const withImages = async (row: TaskRow) =>
    toTask(row, row.status === 'completed' ? await imagesOfTask(row.id) : []);

  return {
    insert: (task) => write(insertTask, task),

    get: async (taskId, keyId) => {
      if (!isId('task', taskId)) return undefined;
      const row = await firstRow(read, taskOfCaller, { id: taskId, key_id: keyId });
      return row && withImages(row);
    },

    list: async (query) => {
      const page = choosePage(query);
      const values: PageValues = {
        key_id: query.keyId,
        before: smallest(
          query.afterTaskId ?? AFTER_ALL,
          query.createdBeforeMs === undefined ? AFTER_ALL : firstIdAt('task', query.createdBeforeMs),
        ),
        from: query.createdAfterMs === undefined ? '' : firstIdAt('task', query.createdAfterMs),
        limit: query.limit + 1,
        status: query.status ?? '',
        model: query.model ?? '',
      };
      const found = await read.all(page.tasks, values);
      const rows = found.slice(0, query.limit);
      const [newest] = rows;
      if (newest === undefined) return { tasks: [], hasMore: false };
      // NOTE: the page is named by its ends, so that tasks accepted meanwhile move nothing out of it.
      const ends = { before: `${newest.id}~`, from: rows.at(-1)?.id ?? newest.id };
      const images = Map.groupBy(
        (await read.all(page.images, { ...values, ...ends })).map(toImage),
        ({ taskId }) => taskId,
      );
      return {
        tasks: rows.map((row) => toTask(row, images.get(row.id) ?? [])),
        hasMore: found.length > query.limit,
      };
    },

    claim: async (claim) => {
      const row = await write(claimTask, claim);
      if (row === null) return undefined;
      // A task that was not started has no calls, and one without a stored call has no images.
      const calls = row.started_at === null ? [] : (await read.all(callsOf, { task_id: row.id })).map(toCall);
      const hasImages = calls.some(({ step }) => step.state === 'stored');
      return { claim, task: toTask(row, []), calls, images: hasImages ? await imagesOfTask(row.id) : [] };
    },

    start: (claim, plan) => write(startTask, { claim, ...plan }),

    record: (claim, callId, step, brought = {}) =>
      write(recordCall, {
        claim,
        callId,
        step,
        images: brought.images ?? [],
        adjustments: brought.adjustments ?? [],
        sentAtMs: brought.sentAtMs ?? null,
        next: brought.next ?? null,
      }),

    retry: (claim, failed, retry) => write(retryCall, { claim, failed, ...retry }),

    finish: (claim, ending, atMs) => write(finishTask, { claim, ending, atMs }),

    cancel: (taskId, keyId, error, atMs) => write(cancelTask, { taskId, keyId, error, atMs }),

    delete: async (taskId, keyId) => (await write(deleteTask, { taskId, keyId })) ?? undefined,

    image: async (imageId) => {
      if (!isId('img', imageId)) return undefined;
      const row = await firstRow(read, imageById, { id: imageId });
      return row && toImage(row);
    },

    deleteEndedBefore: (timeMs, limit) => write(deleteEndedTasks, { timeMs, limit }),

    forgetIdempotencyBefore: (timeMs) => write(forgetIdempotency, timeMs),

    isFileKnown: async (key) => (await firstRow(read, imageByFile, { file_key: key })) !== undefined,

    isOpen: async (taskId) => (await firstRow(read, openTask, { id: taskId })) !== undefined,

    taskOfCall: async (callId) => {
      const row = await firstRow(read, taskOfCall, { call_id: callId });
      return row && { taskId: row.id, keyId: row.key_id, model: row.model, createdAtMs: row.created_at };
    },

    isCallOpen: async (callId) => (await firstRow(read, openCall, { id: callId })) !== undefined,
  };
};
