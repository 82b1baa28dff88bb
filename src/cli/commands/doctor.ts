import type { Finding } from '../../core/finding.ts';
import { configOf } from '../connect.ts';
import type { CliContext } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { formatJson, paintFor } from '../output.ts';

const colours = { ok: 'green', warning: 'yellow', fault: 'red' } as const;

/** Checks this installation part by part; ends with 1 when something does not work. */
export const doctor = async (
  context: CliContext,
  options: { readonly json?: boolean; readonly config?: string; readonly dataDir?: string },
): Promise<number> => {
  const config = await configOf(context, options);
  const paint = paintFor(context.stdout, context.env);
  const findings: Finding[] = [];
  for await (const finding of context.program.examine(config)) {
    findings.push(finding);
    if (options.json) continue;
    const { check, state, message, remedy } = finding;
    context.stdout.write(`${paint(colours[state], state.padEnd('warning'.length))}  ${check}: ${message}\n`);
    if (remedy !== undefined) context.stdout.write(`${' '.repeat('warning'.length)}  → ${remedy}\n`);
  }
  const isHealthy = findings.every(({ state }) => state !== 'fault');
  if (options.json) context.stdout.write(formatJson({ ok: isHealthy, findings }));
  return isHealthy ? exitCodes.ok : exitCodes.failure;
};
