/** Between the rows of the database and the words of the core. */
import type { Call, CallState, CallStep } from '../core/call.ts';
import type { Image } from '../core/image.ts';
import type { ImageFormat } from '../core/request.ts';
import type { Task, TaskStatus } from '../core/task.ts';
import type { CallRow, ImageRow, TaskRow } from '../database/schema.ts';

/** A task from its row; the images belong to it only when it is completed. */
export const toTask = (row: TaskRow, images: readonly Image[]): Task => ({
  id: row.id,
  keyId: row.key_id,
  status: row.status as TaskStatus,
  request: JSON.parse(row.request),
  createdAtMs: row.created_at,
  ...(row.started_at !== null && { startedAtMs: row.started_at }),
  ...(row.completed_at !== null && { completedAtMs: row.completed_at }),
  adjustments: JSON.parse(row.adjustments),
  ...(row.usage !== null && { usage: JSON.parse(row.usage) }),
  ...(row.status === 'completed' && { images }),
  ...(row.error !== null && { error: JSON.parse(row.error) }),
});

export const toCall = (row: CallRow): Call => ({
  id: row.id,
  taskId: row.task_id,
  slot: row.slot,
  attempt: row.attempt,
  provider: row.provider,
  request: JSON.parse(row.request),
  step: JSON.parse(row.step),
  createdAtMs: row.created_at,
  ...(row.sent_at !== null && { sentAtMs: row.sent_at }),
});

export const fromCall = (call: Call): CallRow => ({
  id: call.id,
  task_id: call.taskId,
  slot: call.slot,
  attempt: call.attempt,
  provider: call.provider,
  request: JSON.stringify(call.request),
  state: call.step.state satisfies CallState,
  step: JSON.stringify(call.step satisfies CallStep),
  created_at: call.createdAtMs,
  sent_at: call.sentAtMs ?? null,
});

export const toImage = (row: ImageRow): Image => ({
  id: row.id,
  taskId: row.task_id,
  callId: row.call_id,
  index: row.place,
  key: row.file_key,
  width: row.width,
  height: row.height,
  format: row.format as ImageFormat,
  bytes: row.bytes,
  createdAtMs: row.created_at,
});

export const fromImage = (image: Image): ImageRow => ({
  id: image.id,
  task_id: image.taskId,
  call_id: image.callId,
  place: image.index,
  file_key: image.key,
  width: image.width,
  height: image.height,
  format: image.format,
  bytes: image.bytes,
  created_at: image.createdAtMs,
});
