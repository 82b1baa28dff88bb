import { buffer } from 'node:stream/consumers';
import type { CallToolResult, ContentBlock, Tool } from '@modelcontextprotocol/server';
import type { TObject } from 'typebox';
import { Check } from 'typebox/value';
import type { Caller } from '../../access/keys.ts';
import { createTask } from '../../actions/create-task.ts';
import { getTask } from '../../actions/get-task.ts';
import { listModels } from '../../actions/list-models.ts';
import { LimnerError } from '../../core/errors.ts';
import type { Image } from '../../core/image.ts';
import { isEnded, type Task } from '../../core/task.ts';
import { previewOf } from '../../images/preview.ts';
import type { PresentTask } from '../routes/generations/present.ts';
import { readRequest } from '../routes/generations/read-request.ts';
import type { TaskView } from '../routes/generations/schema.ts';
import { createModelPresenter } from '../routes/models/present.ts';
import type { ServerParts } from '../server-parts.ts';
import { faultOf } from '../validation.ts';
import {
  DEFAULT_WAIT_SECONDS,
  GenerateArguments,
  type GenerateInput,
  GetTaskArguments,
  type GetTaskInput,
  ListModelsArguments,
  toInputSchema,
} from './schema.ts';
import { type TellProgress, watchTask } from './watch-task.ts';

/** One call of a tool. */
export interface ToolCall {
  readonly caller: Caller;
  readonly input: unknown;
  /** Aborts when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  /** Tells the client how the call gets on; absent when it did not ask. */
  readonly tellProgress?: TellProgress;
}

/** What the tools work with. */
export interface ToolParts {
  readonly parts: ServerParts;
  readonly present: PresentTask;
}

/** The tools as the caller sees them: with the models that this key may use. */
export const describeTools = ({ parts }: ToolParts, caller: Caller): Tool[] => {
  const models = listModels(parts, caller)
    .filter(({ routes }) => routes.length > 0)
    .map(({ name }) => name);
  return [
    {
      name: 'generate_image',
      title: 'Generate pictures',
      description:
        'Makes 1 to 4 pictures from a prompt, or changes a reference picture, and waits for them. Answers with a small ' +
        'copy of each picture and a link to the full one. It costs money: do not call it again for pictures that a task ' +
        'is still making, ask `get_task` instead.',
      inputSchema: toInputSchema(GenerateArguments, models),
      annotations: { destructiveHint: false, idempotentHint: false, openWorldHint: true },
    },
    {
      name: 'get_task',
      title: 'Look a task up',
      description:
        'The pictures of a task that `generate_image` began, with fresh links, or how it gets on, or why it failed. Waits ' +
        'while it is under way. Costs nothing.',
      inputSchema: toInputSchema(GetTaskArguments, models),
      annotations: { readOnlyHint: true, openWorldHint: false },
    },
    {
      name: 'list_models',
      title: 'List the models',
      description:
        'Every model: its sizes, its limits, which parameters have an effect, what a picture costs.',
      inputSchema: toInputSchema(ListModelsArguments, models),
      annotations: { readOnlyHint: true, openWorldHint: false },
    },
  ];
};

type RunTool = (tools: ToolParts, call: ToolCall) => Promise<CallToolResult>;

const generateImage: RunTool = async (tools, call) => {
  const {
    wait_seconds = DEFAULT_WAIT_SECONDS,
    reference,
    ...rest
  } = read<GenerateInput>(GenerateArguments, call.input);
  const { task } = await createTask(tools.parts, {
    caller: call.caller,
    ...readRequest({ ...rest, ...(reference !== undefined && { url: reference }) }),
  });
  return answerWith(tools, call, task, wait_seconds);
};

const lookUpTask: RunTool = async (tools, call) => {
  const { task_id: taskId, wait_seconds = DEFAULT_WAIT_SECONDS } = read<GetTaskInput>(
    GetTaskArguments,
    call.input,
  );
  const task = await getTask(tools.parts, { taskId, keyId: call.caller.id });
  return answerWith(tools, call, task, wait_seconds);
};

const tellModels: RunTool = async ({ parts }, { caller, input }) => {
  read(ListModelsArguments, input);
  return { content: [text(JSON.stringify(listModels(parts, caller).map(createModelPresenter(parts))))] };
};

/** What each tool does; all of them throw what is wrong as `LimnerError`. */
export const toolRuns: ReadonlyMap<string, RunTool> = new Map([
  ['generate_image', generateImage],
  ['get_task', lookUpTask],
  ['list_models', tellModels],
]);

/** An error as the answer of a tool: the language model reads it, and can do better. */
export const toToolError = (error: LimnerError): CallToolResult => {
  const advice =
    error.retryAfterMs === undefined ? '' : ` Try again in ${Math.ceil(error.retryAfterMs / 1000)} s.`;
  return { isError: true, content: [text(`${error.code}: ${error.detail}${advice}`)] };
};

const text = (words: string): ContentBlock => ({ type: 'text', text: words });

const read = <Input>(schema: TObject, input: unknown): Input => {
  if (!Check(schema, input)) throw faultOf(schema, input);
  return input as Input;
};

const answerWith = async (
  { parts, present }: ToolParts,
  call: ToolCall,
  first: Task,
  waitSeconds: number,
): Promise<CallToolResult> => {
  const task = isEnded(first.status)
    ? first
    : await watchTask(parts, first, { ...call, waitMs: waitSeconds * 1000 });
  const view = present(task);
  if (view.error !== undefined) {
    const { code, message, retryable } = view.error;
    const advice = retryable ? 'The same request may succeed later.' : 'The same request would fail again.';
    return { isError: true, content: [text(`${code}: ${message} ${advice} (Task ${task.id}.)`)] };
  }
  if (task.images === undefined) {
    return {
      content: [
        text(
          `Task ${task.id} is ${task.status}. Call \`get_task\` with this \`task_id\` to wait for its pictures.`,
        ),
      ],
    };
  }
  const { images } = task;
  const previews = await Promise.all(images.map((image) => showImage(parts, image, images.length)));
  return { content: [text(describePictures(view)), ...previews] };
};

const showImage = async (
  { images }: Pick<ServerParts, 'images'>,
  { key }: Image,
  count: number,
): Promise<ContentBlock> => {
  const stored = await images.open(key);
  if (stored === undefined)
    throw new LimnerError('image_expired', 'The pictures of this task have been removed.');
  const preview = await previewOf(await buffer(stored), count);
  return { type: 'image', data: Buffer.from(preview).toString('base64'), mimeType: 'image/jpeg' };
};

/** The facts of a completed task: where the full pictures are, what was done differently, what it cost. */
const describePictures = ({ task_id, images = [], adjustments = [], usage }: TaskView): string => {
  const links = images.map(({ width, height, format, url, oss_url, expires_at }, index) => {
    const until = expires_at === undefined ? '' : ` (until ${new Date(expires_at * 1000).toISOString()})`;
    const link = url ?? oss_url;
    return `${index + 1}. ${width}x${height} ${format}${link === undefined ? '' : `: ${link}${until}`}`;
  });
  const cost = usage?.currency === undefined ? '' : `, ${usage.cost} ${usage.currency}`;
  return [
    `Task ${task_id}: ${images.length === 1 ? '1 picture' : `${images.length} pictures`}${cost}.`,
    ...links,
    ...adjustments.map(({ parameter, reason }) => `Adjusted \`${parameter}\`: ${reason}`),
    `The pictures shown are small copies. \`get_task\` gives fresh links.`,
  ].join('\n');
};
