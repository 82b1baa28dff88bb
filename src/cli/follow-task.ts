import type { ApiClient, TaskAnswer } from './api-client.ts';
import type { CliContext } from './context.ts';

/** How long one question is held by the server; the next follows at once. */
const WAIT_SECONDS = 20;

const stepOf: Readonly<Record<TaskAnswer['status'], number>> = {
  pending: 0,
  processing: 1,
  completed: 2,
  failed: 2,
};

/** Shows how a task gets on, on standard error. */
interface ProgressView {
  show(task: TaskAnswer): void;
  end(): void;
}

/** The task once it has ended; meanwhile a bar on a terminal, a line for each change elsewhere. */
export const followToEnd = async (
  context: CliContext,
  client: ApiClient,
  first: TaskAnswer,
  options: { readonly isQuiet: boolean },
): Promise<TaskAnswer> => {
  const view = options.isQuiet ? silent : context.stderr.isTTY ? await bar() : lines(context);
  let task = first;
  try {
    view.show(task);
    while (task.status === 'pending' || task.status === 'processing') {
      // A short first wait: the status changes once, soon, and then not until the end.
      const waitSeconds = task.status === 'pending' ? 1 : WAIT_SECONDS;
      task = await client.getTask(task.task_id, waitSeconds, context.interrupted);
      view.show(task);
    }
    return task;
  } catch (fault) {
    view.end();
    if (!options.isQuiet) {
      context.stderr.write(`The task goes on: \`limner tasks watch ${task.task_id}\` waits for it.\n`);
    }
    throw fault;
  } finally {
    view.end();
  }
};

const silent: ProgressView = { show: () => undefined, end: () => undefined };

const lines = (context: CliContext): ProgressView => {
  let last: string | undefined;
  return {
    show: ({ task_id, status }) => {
      if (status !== last) context.stderr.write(`${task_id} ${status}\n`);
      last = status;
    },
    end: () => undefined,
  };
};

const bar = async (): Promise<ProgressView> => {
  const { default: progress } = await import('cli-progress');
  const shown = new progress.SingleBar({
    format: '{bar} {status} {seconds}s',
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 24,
    hideCursor: true,
    clearOnComplete: true,
    linewrap: false,
  });
  const startMs = performance.now();
  const seconds = () => Math.floor((performance.now() - startMs) / 1000);
  shown.start(2, 0, { status: 'pending', seconds: 0 });
  const ticking = setInterval(() => shown.update({ seconds: seconds() }), 1000);
  return {
    show: ({ status }) => shown.update(stepOf[status], { status, seconds: seconds() }),
    end: () => {
      clearInterval(ticking);
      shown.stop();
    },
  };
};
