import { exportLines, runEmulators } from '../../../upstreams/main.ts';
import { usageError } from '../command-error.ts';
import type { CliContext } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';

/** Options of `limner upstreams`. */
export interface UpstreamsOptions {
  readonly portBase?: string;
  readonly latencyMs?: string;
  readonly json?: boolean;
}

/** Runs the emulators of the vendors' APIs until the process is told to stop. */
export const upstreams = async (context: CliContext, options: UpstreamsOptions): Promise<number> => {
  const [portBase, latencyMs] = [
    numberOf('--port-base', options.portBase),
    numberOf('--latency-ms', options.latencyMs),
  ];
  await using running = await runEmulators({
    ...(portBase !== undefined && { portBase }),
    ...(latencyMs !== undefined && { latencyMs }),
  });
  if (options.json) context.stdout.write(`${JSON.stringify(running.environment)}\n`);
  else {
    for (const { name, origin } of running.emulators)
      context.stdout.write(`# ${name}: ${origin}/__emulator\n`);
    context.stdout.write(exportLines(running.environment));
  }
  await new Promise<void>((resolve) => {
    if (context.interrupted.aborted) resolve();
    context.interrupted.addEventListener('abort', () => resolve(), { once: true });
  });
  return exitCodes.ok;
};

const numberOf = (flag: string, text: string | undefined): number | undefined => {
  if (text === undefined) return undefined;
  if (!/^\d+$/.test(text)) throw usageError(`${flag} wants a whole number, not ${text}.`);
  return Number(text);
};
