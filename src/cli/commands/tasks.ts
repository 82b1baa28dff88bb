import type { TaskAnswer } from '../api-client.ts';
import { usageError } from '../command-error.ts';
import { withClient } from '../connect.ts';
import type { CliContext } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { followToEnd } from '../follow-task.ts';
import { formatJson, formatTable, formatTime, oneLine, paintFor } from '../output.ts';
import type { Paint } from '../output.ts';

/** Options of every `limner tasks` command. */
export interface TasksOptions {
  readonly json?: boolean;
  readonly config?: string;
  readonly dataDir?: string;
}

/** Options of `limner tasks list`. */
export interface ListTasksOptions extends TasksOptions {
  readonly limit: string;
  readonly status?: string;
  readonly model?: string;
  readonly after?: string;
}

/** Lists the key's tasks, newest first. */
export const listTasks = async (context: CliContext, options: ListTasksOptions): Promise<number> => {
  if (!/^\d+$/.test(options.limit)) throw usageError(`--limit wants a whole number, not ${options.limit}.`);
  const query = Object.fromEntries(
    Object.entries({
      limit: options.limit,
      status: options.status,
      model: options.model,
      after: options.after,
    }).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  const list = await withClient(context, options, (client) => client.listTasks(query));
  if (options.json) {
    context.stdout.write(formatJson(list));
    return exitCodes.ok;
  }
  const paint = paintFor(context.stdout, context.env);
  const rows = list.data.map((task) => [
    task.task_id,
    task.status,
    formatTime(task.created_at),
    task.model,
    task.size,
    oneLine(task.prompt, Math.max(20, (context.stdout.columns ?? 140) - 100)),
  ]);
  context.stdout.write(formatTable(['TASK', 'STATUS', 'CREATED', 'MODEL', 'SIZE', 'PROMPT'], rows, paint));
  if (list.has_more && list.last_id !== undefined) {
    context.stderr.write(`There are more: --after ${list.last_id}\n`);
  }
  return exitCodes.ok;
};

/** Shows one task. */
export const showTask = async (
  context: CliContext,
  taskId: string,
  options: TasksOptions,
): Promise<number> => {
  const task = await withClient(context, options, (client) => client.getTask(taskId, 0, context.interrupted));
  printTask(context, task, options);
  return exitCodes.ok;
};

/** Waits until a task has ended, then shows it; fails when the task did. */
export const watchTask = async (
  context: CliContext,
  taskId: string,
  options: TasksOptions,
): Promise<number> => {
  const task = await withClient(context, options, async (client) => {
    const first = await client.getTask(taskId, 0, context.interrupted);
    return followToEnd(context, client, first, { isQuiet: options.json ?? false });
  });
  printTask(context, task, options);
  return task.status === 'failed' ? exitCodes.failure : exitCodes.ok;
};

/** Stops a task that has not ended. */
export const cancelTask = async (
  context: CliContext,
  taskId: string,
  options: TasksOptions,
): Promise<number> => {
  const task = await withClient(context, options, (client) => client.cancelTask(taskId));
  context.stdout.write(options.json ? formatJson(task) : `${task.task_id} is cancelled.\n`);
  return exitCodes.ok;
};

const printTask = (context: CliContext, task: TaskAnswer, { json }: TasksOptions): void => {
  const paint = paintFor(context.stdout, context.env);
  context.stdout.write(json ? formatJson(task) : formatTask(task, paint));
};

/** A task as a short list of what matters. */
const formatTask = (task: TaskAnswer, paint: Paint): string => {
  const rows: (readonly [string, string])[] = [
    ['task', task.task_id],
    [
      'status',
      paint(task.status === 'failed' ? 'red' : task.status === 'completed' ? 'green' : 'yellow', task.status),
    ],
    ['model', task.model],
    ['prompt', oneLine(task.prompt, 200)],
    ['asked', `${task.n} × ${task.size}`],
    ['created', formatTime(task.created_at)],
  ];
  if (task.completed_at !== undefined) rows.push(['ended', formatTime(task.completed_at)]);
  if (task.usage !== undefined && task.usage.currency !== undefined) {
    rows.push(['cost', `${task.usage.cost} ${task.usage.currency}`]);
  }
  for (const image of task.images ?? [])
    rows.push(['image', `${image.width}x${image.height} ${image.format} ${image.url}`]);
  for (const { parameter, reason } of task.adjustments ?? [])
    rows.push(['adjusted', `${parameter}: ${reason}`]);
  if (task.error !== undefined) rows.push(['error', `${task.error.code}: ${task.error.message}`]);
  return rows.map(([label, value]) => `${paint('dim', label.padEnd(8))}  ${value}\n`).join('');
};
