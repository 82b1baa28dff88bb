import { DatabaseSync } from 'node:sqlite';

/** Tasks to be written into the tables of a Limner that is not running. */
export interface TasksToFill {
  readonly file: string;
  readonly keyId: string;
  readonly count: number;
  readonly status: 'pending' | 'completed';
  /** The public model of the task with this number. */
  readonly modelOf: (number: number) => string;
}

const request = JSON.stringify({
  model: 'seedream-3.0',
  prompt: 'A paper boat in the rain',
  n: 1,
  size: { width: 1024, height: 1024 },
  responseFormat: 'url',
  outputFormat: 'auto',
  watermark: false,
});

/** Eight digits of base 32 in Crockford's alphabet, which has no letters that look like others. */
const digits = (number: number): string =>
  number
    .toString(32)
    .replaceAll(/[ilou]/g, (letter) => ({ i: 'w', l: 'x', o: 'y', u: 'z' })[letter] ?? letter)
    .padStart(8, '0');

/** Writes them as if they had been accepted one by one. @returns the id of the last one. */
export const fillTasks = ({ file, keyId, count, status, modelOf }: TasksToFill): string => {
  const rows = new DatabaseSync(file);
  rows.exec('PRAGMA synchronous = OFF; BEGIN');
  const insert = rows.prepare(
    `insert into tasks (id, key_id, status, model, response_format, request, created_at, started_at, completed_at, adjustments, usage)
     values (?, ?, ?, ?, 'url', ?, ?, ?, ?, '[]', ?)`,
  );
  let id = '';
  const nowMs = Date.now();
  const [endedMs, usage] = status === 'completed' ? [nowMs, '{"images":1,"costMicros":0}'] : [null, null];
  for (let number = 0; number < count; number += 1) {
    id = `task_00000${digits(number)}${'0'.repeat(13)}`;
    insert.run(id, keyId, status, modelOf(number), request, nowMs, endedMs, endedMs, usage);
  }
  rows.exec('COMMIT');
  rows.close();
  return id;
};
