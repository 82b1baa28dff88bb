import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, extname, join, relative, resolve } from 'node:path';
import type { ImageAnswer, TaskAnswer } from '../api-client.ts';
import { CommandError, usageError } from '../command-error.ts';
import { withClient } from '../connect.ts';
import type { CliContext } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { followToEnd } from '../follow-task.ts';
import { formatJson } from '../output.ts';
import { drawInTerminal, pictureProtocolOf } from '../show-picture.ts';

/** Options of `limner generate`. */
export interface GenerateOptions {
  readonly model: string;
  readonly size?: string;
  readonly n?: string;
  readonly reference?: string;
  readonly output?: string;
  readonly seed?: string;
  readonly guidanceScale?: string;
  readonly format?: string;
  readonly quality?: string;
  readonly style?: string;
  readonly negativePrompt?: string;
  readonly watermark?: boolean;
  readonly json?: boolean;
  readonly config?: string;
  readonly dataDir?: string;
}

const extensions: Readonly<Record<string, string>> = { png: '.png', jpeg: '.jpg', webp: '.webp' };
const formats: Readonly<Record<string, string>> = {
  '.png': 'png',
  '.jpg': 'jpeg',
  '.jpeg': 'jpeg',
  '.webp': 'webp',
};

/** Makes pictures, saves them and prints their paths. Fails when the task does. */
export const generate = async (
  context: CliContext,
  prompt: string,
  options: GenerateOptions,
): Promise<number> => {
  const body = await bodyOf(context, prompt, options);
  const { task, files } = await withClient(context, options, async (client) => {
    const created = await client.createTask(body, context.interrupted);
    const ended = await followToEnd(context, client, created, { isQuiet: options.json ?? false });
    const pathOf = await savedUnder(context, options, ended);
    const saved: string[] = [];
    for (const [index, image] of (ended.images ?? []).entries()) {
      const path = pathOf(image, index);
      const bytes = await client.download(image, context.interrupted);
      await save(path, bytes);
      if (options.json !== true) await show(context, bytes);
      saved.push(relative(context.cwd, path) || path);
    }
    return { task: ended, files: saved };
  });
  if (options.json) context.stdout.write(formatJson({ ...task, files }));
  else {
    for (const file of files) context.stdout.write(`${file}\n`);
    for (const { parameter, reason } of task.adjustments ?? [])
      context.stderr.write(`${parameter}: ${reason}\n`);
  }
  if (task.status === 'completed') return exitCodes.ok;
  if (options.json) return exitCodes.failure;
  throw new CommandError(
    task.error?.message ?? 'The task failed without saying why.',
    task.error === undefined ? {} : { code: task.error.code },
  );
};

const bodyOf = async (
  context: CliContext,
  prompt: string,
  options: GenerateOptions,
): Promise<Readonly<Record<string, unknown>>> => {
  // `-o cat.webp` asks for a WebP, as one would think.
  const byName = formats[extname(options.output ?? '').toLowerCase()];
  const fields = {
    size: options.size,
    n: numberOf('-n', options.n),
    url: options.reference === undefined ? undefined : await referenceOf(context, options.reference),
    seed: numberOf('--seed', options.seed),
    guidance_scale: numberOf('--guidance-scale', options.guidanceScale),
    output_format: options.format ?? byName,
    quality: options.quality,
    style: options.style,
    negative_prompt: options.negativePrompt,
    watermark: options.watermark,
  };
  return {
    model: options.model,
    prompt,
    ...Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)),
  };
};

const numberOf = (flag: string, text: string | undefined): number | undefined => {
  if (text === undefined) return undefined;
  const number = Number(text);
  if (text.trim() === '' || !Number.isFinite(number))
    throw usageError(`${flag} wants a number, not ${text}.`);
  return number;
};

/** A link as it is, a file as a `data:` URI. */
const referenceOf = async (context: CliContext, reference: string): Promise<string> => {
  if (/^(https?|data):/i.test(reference)) return reference;
  try {
    const bytes = await readFile(resolve(context.cwd, reference));
    const format = formats[extname(reference).toLowerCase()] ?? 'png';
    return `data:image/${format};base64,${bytes.toString('base64')}`;
  } catch (error) {
    throw new CommandError(`The reference ${reference} cannot be read.`, {
      exitCode: exitCodes.usage,
      cause: error,
    });
  }
};

/** Where each picture goes: the file of `-o` (numbered when there are several), or the folder of `-o`. */
const savedUnder = async (
  context: CliContext,
  { output }: GenerateOptions,
  task: TaskAnswer,
): Promise<(image: ImageAnswer, index: number) => string> => {
  const byTask = (image: ImageAnswer, index: number) =>
    `limner-${task.task_id}-${index + 1}${extensions[image.format] ?? ''}`;
  if (output === undefined) return (image, index) => resolve(context.cwd, byTask(image, index));
  const path = resolve(context.cwd, output);
  const isFolder =
    /[/\\]$/.test(output) || ((await stat(path).catch(() => undefined))?.isDirectory() ?? false);
  if (isFolder) return (image, index) => join(path, byTask(image, index));
  const extension = extname(path);
  const stem = extension === '' ? path : path.slice(0, -extension.length);
  const isAlone = (task.images?.length ?? 0) === 1;
  return (image, index) =>
    `${stem}${isAlone ? '' : `-${index + 1}`}${extension || (extensions[image.format] ?? '')}`;
};

const save = async (path: string, bytes: Uint8Array): Promise<void> => {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, bytes);
};

/** Shows a picture where the terminal takes some. */
const show = async (context: CliContext, bytes: Uint8Array): Promise<void> => {
  const protocol = pictureProtocolOf(context.stdout, context.env);
  if (protocol === undefined) return;
  context.stdout.write(await drawInTerminal(bytes, protocol));
};
